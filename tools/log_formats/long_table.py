"""Tables with one value a row: the metric's name stands in a column of its own, or MLflow's file is called by it."""

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, NamedTuple

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.columns import name_all, read_cell
from tools.log_formats.frames import MAX_QUOTED_BYTES, ByteSource, decode
from tools.log_formats.line_blocks import LineBlocks
from tools.log_formats.record import TRAIN_METRICS, FileFormat, Kind, Record
from tools.log_formats.table_header import COMMENT, DELIMITERS, MAX_HEADER_BYTES, split_cells
from tools.run import Line

if TYPE_CHECKING:
    from tools.run_builder import RunBuilder

MAX_VALUES = 300_000
NAME_COLUMNS = ("metric", "metric_name", "key", "tag", "name", "variable")
PLACE_COLUMNS = ("step", "global_step", "epoch")
RUN_COLUMNS = ("run", "run_id", "run_name", "experiment")

_MLFLOW_LINE = lazy_pattern(rb"(\d{10,16}) (-?[\w.+-]{1,40}) (\d{1,15})\s*+")


class _Value(NamedTuple):
    tag: str
    step: float
    value: float
    line: Line


class _Header(NamedTuple):
    """Where in a row the name, the value, the step and the run stand; the run at -1 where no column tells it."""

    delimiter: str
    num_cells: int
    name: int
    value: int
    place: int
    run: int
    is_epoch: bool


def is_long_table(head: bytes) -> bool:
    """Tell from its beginning whether a file is a table with a row for every value."""
    lines = [line for line in head.split(b"\n")[:64] if not COMMENT.match(line)]
    header = _read_header(lines[0]) if lines else None
    if header is None:
        return False
    return len(lines) < 3 or any(_read_cells(line, header) is not None for line in lines[1:4])


def read_long_table(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read the values of the first run in a table, and put those of one step together."""
    blocks = LineBlocks(stream)
    rows = _LongRows()
    for first, lines in blocks:
        for number, line in enumerate(lines, start=first):
            rows.read(number, line)
    builder.num_lines, builder.num_bytes = blocks.num_lines, blocks.num_bytes
    _hand_over(rows.values, "epoch" if rows.header and rows.header.is_epoch else "step", builder)
    builder.notes.extend(rows.notes())


def is_mlflow_metric(head: bytes) -> bool:
    """Tell from its beginning whether a file is a metric as MLflow keeps it: time in milliseconds, value, step."""
    lines = head.split(b"\n")
    whole = [line for line in (lines[:-1] if len(lines) > 1 else lines) if line.strip()]
    return bool(whole) and all(map(_MLFLOW_LINE.fullmatch, whole))


def read_mlflow_metric(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read the values of one metric, whose name is that of the file."""
    blocks, tag = LineBlocks(stream), _tag_of(builder.name)
    values: list[_Value] = []
    for first, lines in blocks:
        for number, line in enumerate(lines, start=first):
            match = _MLFLOW_LINE.fullmatch(line)
            value = read_cell(decode(match[2])) if match else None
            if match and value is not None and len(values) < MAX_VALUES:
                values.append(_Value(tag, float(match[3]), value, Line(number, decode(line.rstrip(b"\r")))))
    builder.num_lines, builder.num_bytes = blocks.num_lines, blocks.num_bytes
    _hand_over(values, "step", builder)
    builder.notes.append(f"the file does not name its metric; it was read as {tag!r}")


def _tag_of(name: str) -> str:
    """The metric that a file is called by; one without a telling name is taken for the loss."""
    path = PurePath(name.replace("\\", "/"))
    if "metrics" in path.parts[:-1]:
        return "/".join(path.parts[path.parts.index("metrics") + 1 :])
    return path.name if "loss" in path.name.lower() else "loss"


class _LongRows:
    """Collects the values of the first run."""

    def __init__(self) -> None:
        self.header: _Header | None = None
        self.values: list[_Value] = []
        self._run: str | None = None
        self._num_other = self._num_unread = self._num_over = 0

    def read(self, number: int, line: bytes) -> None:
        """Take a line: the header, or a row."""
        if COMMENT.match(line):
            return
        if self.header is None:
            self.header = _read_header(line)
            return
        cells = _read_cells(line, self.header)
        if cells is None:
            self._num_unread += 1
            return
        run, tag, step, value = cells
        self._run = run if self._run is None else self._run
        if run != self._run:
            self._num_other += 1
        elif len(self.values) >= MAX_VALUES:
            self._num_over += 1
        else:
            self.values.append(_Value(tag, step, value, Line(number, decode(line.rstrip(b"\r"), MAX_QUOTED_BYTES))))

    def notes(self) -> Iterator[str]:
        """What was left out, in words."""
        if self._num_other:
            yield f"the table holds other runs as well; {self._num_other} row(s) of theirs were left out"
        if self._num_unread:
            yield f"{self._num_unread} line(s) are no rows of the table"
        if self._num_over:
            yield f"only the first {MAX_VALUES} values were read, {self._num_over} were left out"


def _read_header(line: bytes) -> _Header | None:
    text = decode(line[:MAX_HEADER_BYTES].removeprefix(b"\xef\xbb\xbf"))
    for delimiter in DELIMITERS:
        cells = [cell.strip().lower() for cell in split_cells(text, delimiter)]
        name, place, run = (_find(cells, names) for names in (NAME_COLUMNS, PLACE_COLUMNS, RUN_COLUMNS))
        if name >= 0 and place >= 0 and "value" in cells:
            return _Header(delimiter, len(cells), name, cells.index("value"), place, run, cells[place] == "epoch")
    return None


def _find(cells: Sequence[str], names: Sequence[str]) -> int:
    return next((cells.index(name) for name in names if name in cells), -1)


def _read_cells(line: bytes, header: _Header) -> tuple[str, str, float, float] | None:
    cells = split_cells(decode(line[:MAX_HEADER_BYTES]), header.delimiter)
    if len(cells) != header.num_cells:
        return None
    step, value = read_cell(cells[header.place]), read_cell(cells[header.value])
    if step is None or value is None:
        return None
    return cells[header.run] if header.run >= 0 else "", cells[header.name].strip(), step, value


def _hand_over(values: Sequence[_Value], place: str, builder: "RunBuilder") -> None:
    """Give the values of each step as one row, in the order of the steps."""
    tags = list(dict.fromkeys(value.tag for value in values))
    names = dict(zip(tags, name_all(tags), strict=True))
    rows: dict[tuple[float, Kind], dict[str, _Value]] = {}
    for value in values:
        name = names[value.tag]
        kind: Kind = "eval" if name.startswith("eval_") else "train"
        if name and name != place:
            rows.setdefault((value.step, kind), {})[name] = value
    for (step, kind), found in sorted(rows.items(), key=lambda row: row[0][0]):
        first = next((name for name in found if name in TRAIN_METRICS or name == "eval_loss"), next(iter(found)))
        told = {place: step} | {name: value.value for name, value in found.items()}
        lines = {name: value.line for name, value in found.items()}
        builder.add_record(Record(kind, told, found[first].line, lines))


LONG_TABLE = FileFormat(
    name="long_table",
    title="table with one value a row, and the metric's name in a column",
    source="tbparse, SummaryReader.scalars; exports of MLflow, Comet and Neptune",
    detect=is_long_table,
    read=read_long_table,
    samples=(
        (
            b"step,tag,value\n10,train/loss,1.5\n20,train/loss,1.25\n20,eval/loss,1.75\n",
            {"step": 10.0, "loss": 1.5},
        ),
        (b"run_id\tkey\tvalue\tstep\na\ttrain_loss\t1.5\t10\n", {"step": 10.0, "loss": 1.5}),
    ),
)
MLFLOW_METRIC = FileFormat(
    name="mlflow_metric",
    title="metric file of MLflow",
    source="mlflow/store/tracking/file_store.py, log_metric",
    detect=is_mlflow_metric,
    read=read_mlflow_metric,
    samples=((b"1700000000000 1.5 10\n1700000001000 1.25 20\n", {"step": 10.0, "loss": 1.5}),),
)
