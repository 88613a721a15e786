"""Tables of metrics as text: comma, semicolon or tab separated values of any trainer, with a header."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import PurePath
from typing import TYPE_CHECKING

from tools.log_formats.columns import COORDINATES, Columns, find_within_epoch, name_columns, name_metric
from tools.log_formats.frames import MAX_QUOTED_BYTES, ByteSource, decode
from tools.log_formats.line_blocks import LineBlocks
from tools.log_formats.record import FileFormat
from tools.run import Line, Setting

if TYPE_CHECKING:
    from tools.row_batch import Row
    from tools.run_builder import RunBuilder

DELIMITERS = (",", "\t", ";")
MAX_HEAD_LINES = 64
MAX_HEADER_BYTES = 1 << 16
MAX_JOINED_LINES = 64
NUM_ROWS_TRIED = 3
TENSORBOARD_HEADER = ["Wall time", "Step", "Value"]

_COMMENT = re.compile(rb"\s*(?:#|//|sep=|\Z)")
_TAG = re.compile(r"(?:.*[-_.]tag[-_.]|run-[^-]{1,100}-)?(.+)")


@dataclass(frozen=True, slots=True)
class _Plan:
    """How to read the rows in which the same cells are filled."""

    names: tuple[str, ...]
    pick: Callable[[list[bytes]], tuple[bytes, ...]]
    num_cells: int = 0
    num_empty: int = 0


_NO_PLAN = _Plan((), itemgetter(1 << 20, 1 << 21))


def find_header(line: bytes, name: str = "") -> tuple[Columns, str] | None:
    """Read a line as the header of a table.

    Args:
        line: without its line feed.
        name: of the file, which alone names the metric in what TensorBoard exports.

    Returns:
        The columns and their delimiter, None where the line is no header.
    """
    text = decode(line[:MAX_HEADER_BYTES].removeprefix(b"\xef\xbb\xbf"))
    for delimiter in DELIMITERS:
        if delimiter not in text:
            continue
        cells = split_cells(text, delimiter)
        if cells == TENSORBOARD_HEADER:
            return Columns(tuple(cells), ("", "step", _name_by_file(name))), delimiter
        columns = name_columns(cells, needs_place=False)
        if columns:
            return replace(columns, is_dump=False), delimiter
    return None


def is_table(head: bytes) -> bool:
    """Tell from its beginning whether a file is a table of metrics: a header, and rows that fit it."""
    lines, remark = head.split(b"\n"), b""
    for place, line in enumerate(lines[:MAX_HEAD_LINES]):
        if _COMMENT.match(line):
            remark = line.strip(b"# \r") or remark
            continue
        found = find_header(line)
        rows = lines[place + 1 : -1] if found else lines[place:-1]
        return _has_rows(found or find_header(remark), [row for row in rows if row.strip()][:NUM_ROWS_TRIED])
    return False


def _has_rows(found: tuple[Columns, str] | None, lines: Sequence[bytes]) -> bool:
    if not found or not lines:
        return found is not None and not COORDINATES.isdisjoint(found[0].names)
    columns, delimiter = found
    return any(columns.read_row(split_cells(decode(line), delimiter)) for line in lines)


def read_table(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read a table to its end; lines that are no rows go through the reader of console text."""
    _TableReader(builder).read(stream)


def split_cells(text: str, delimiter: str) -> list[str]:
    """Split one line into its cells, quoted ones included; a damaged line has none."""
    text = text.rstrip("\r\n")
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []


def _name_by_file(name: str) -> str:
    stem = PurePath(name).name.partition(".")[0]
    tag = _TAG.fullmatch(stem)
    columns = name_columns(["step", tag[1]]) if tag else None
    if columns:
        return columns.names[1]
    is_tagged = tag is not None and tag.start(1) > 0
    return name_metric(tag[1].removeprefix("train_")) if tag and is_tagged else "loss"


class _TableReader:
    """Reads the rows of a table block by block; what the cells of a row are is worked out once for all like it."""

    def __init__(self, builder: "RunBuilder") -> None:
        self._builder = builder
        self._columns: Columns | None = None
        self._header_line = Line(0, "")
        self._delimiter = ","
        self._remark = b""
        self._plans: dict[tuple[bool, ...], _Plan] = {}
        self._rows: list[Row] = []
        self._seen: set[str] = set()
        self._is_checked = False
        self._is_quoted = False
        self._restarts: list[int] = []
        self._unread: list[int] = []

    def read(self, stream: ByteSource) -> None:
        blocks = LineBlocks(stream)
        for number, lines in blocks:
            is_windows = lines[0].endswith(b"\r")
            self._read_block(number, [line.rstrip(b"\r") for line in lines] if is_windows else lines)
        self._builder.num_lines, self._builder.num_bytes = blocks.num_lines, blocks.num_bytes
        self._builder.notes.extend(self._notes(blocks))
        self._report_empty_columns()

    def _read_block(self, number: int, lines: Sequence[bytes]) -> None:
        """Read the rows of a block; while rows are like the one before, nothing but their numbers is looked at."""
        rows, plan, place = self._rows, _NO_PLAN, 0
        delimiter = self._delimiter.encode()
        while place < len(lines):
            line = lines[place]
            cells = (line.replace(b'"', b"") if self._is_quoted else line).split(delimiter)
            if len(cells) != plan.num_cells or cells.count(b"") != plan.num_empty:
                plan = self._plans.get(tuple(map(bool, cells)), _NO_PLAN)
            try:
                rows.append((plan.names, tuple(map(float, plan.pick(cells))), number + place, line))
                place += 1
            except (ValueError, IndexError):
                place += self._read_line(number + place, lines[place : place + MAX_JOINED_LINES])
                rows, plan, delimiter = self._rows, _NO_PLAN, self._delimiter.encode()
        self._flush()

    def _flush(self) -> None:
        """Give the rows so far to the builder."""
        rows, self._rows = self._rows, []
        if rows and not self._is_checked and self._columns:
            self._is_checked = True
            if find_within_epoch(self._columns, rows):
                self._builder.notes.append("the table counts its steps anew in every epoch; the true steps are unknown")
                self._use(self._columns.without("step"))
                rows = [_without_step(row) for row in rows]
        self._builder.add_events(rows)

    def _read_line(self, number: int, lines: Sequence[bytes]) -> int:
        """Read a line with care: as a header, as a row with quotes or words in it, or as neither.

        Args:
            number: of the first line.
            lines: it and those after it, into which a quoted cell may reach.

        Returns:
            How many lines were read.
        """
        line = lines[0]
        if _COMMENT.match(line):
            self._remark = line.strip(b"# \r") or self._remark
            return 1
        if self._columns is None or line.startswith(self._header_line.text.split(self._delimiter)[0].encode()):
            found = find_header(line, self._builder.name)
            if found:
                self._begin(found, number, line)
                return 1
        if self._columns is None and (found := find_header(self._remark)):
            self._begin(found, number - 1, self._remark)
        num_lines = _count_joined(lines)
        cells = split_cells(decode(b" ".join(lines[:num_lines])), self._delimiter)
        values = self._columns.read_row(cells) if self._columns else None
        if values is None:
            self._pass_on(number, line)
            return 1
        self._is_quoted = self._is_quoted or b'"' in line
        self._learn(cells)
        self._seen.update(values)
        if not COORDINATES.issuperset(values):
            self._rows.append((tuple(values), tuple(values.values()), number, line))
        return num_lines

    def _pass_on(self, number: int, line: bytes) -> None:
        """Send a line that is no row through the reader of console text, in its place among the rows."""
        self._flush()
        self._unread.append(number)
        self._builder.feed_text(number, line)

    def _begin(self, found: tuple[Columns, str], number: int, line: bytes) -> None:
        if self._columns is not None:
            self._restarts.append(number)
        columns, self._delimiter = found
        self._header_line = Line(number, decode(line.rstrip(b"\r"), MAX_QUOTED_BYTES))
        if columns.other_runs and not self._restarts:
            num_others = len(columns.other_runs)
            self._builder.notes.append(f"the table holds {num_others} more run(s); only the first one was read")
        self._use(columns)

    def _use(self, columns: Columns) -> None:
        self._columns, self._plans = columns, {}

    def _learn(self, cells: Sequence[str]) -> None:
        """Plan how to read the rows in which the same cells are filled, and leave columns of words out."""
        columns = self._columns
        if columns is None or len(cells) != len(columns.names):
            return
        fitting = columns.without_words(cells)
        if fitting is not columns:
            self._use(fitting)
        filled = [index for index, (name, cell) in enumerate(zip(fitting.names, cells, strict=True)) if name and cell]
        names = tuple(fitting.names[index] for index in filled)
        if len(filled) > 1 and not COORDINATES.issuperset(names):
            mask = tuple(map(bool, cells))
            self._plans[mask] = _Plan(names, itemgetter(*filled), len(mask), mask.count(False))

    def _notes(self, blocks: LineBlocks) -> Iterator[str]:
        if self._restarts:
            yield f"the header is repeated {len(self._restarts)} time(s), first in line {self._restarts[0]}"
        if blocks.is_open_ended and self._unread[-1:] == [blocks.num_lines]:
            self._unread.pop()
            yield f"line {blocks.num_lines}, the last one, is cut off and was left out"
        if self._unread:
            yield f"{len(self._unread)} line(s) are no rows of the table, first line {self._unread[0]}"
        if blocks.num_cut:
            yield f"{blocks.num_cut} line(s) of over 1 MiB were read only at the start"

    def _report_empty_columns(self) -> None:
        if self._columns is None:
            self._builder.notes.append("the table has no header that names a loss")
            return
        evaluated = {name for name in self._columns.names if name.startswith("eval_")}
        if evaluated and self._seen and not evaluated & self._seen:
            self._builder.notes.append("the validation columns of the table are empty: the run was not evaluated")
            self._builder.add_setting(Setting("has_empty_validation_columns", True, self._header_line))


def _count_joined(lines: Sequence[bytes]) -> int:
    """How many lines a row takes, because a quoted cell of it holds line feeds."""
    num_quotes = 0
    for count, line in enumerate(lines, start=1):
        num_quotes += line.count(b'"')
        if num_quotes % 2 == 0:
            return count
        if not num_quotes:
            break
    return 1


def _without_step(row: "Row") -> "Row":
    names, values, number, line = row
    kept = [(name, value) for name, value in zip(names, values, strict=True) if name != "step"]
    return tuple(name for name, _ in kept), tuple(value for _, value in kept), number, line


TABLE = FileFormat(
    name="table",
    title="table of comma, semicolon or tab separated values",
    source="lightning/fabric/loggers/csv_logs.py; result files of OpenAI fine-tuning; exports of W&B and TensorBoard; "
    "keras/src/callbacks/csv_logger.py; fastai/callback/progress.py, CSVLogger",
    detect=is_table,
    read=read_table,
    samples=(
        (
            b"epoch,step,train_loss_epoch,train_loss_step,val_loss\n0,49,,2.5,\n0,99,,2.25,\n0,99,,,2.375\n",
            {"epoch": 0.0, "step": 49.0, "loss": 2.5},
        ),
        (
            b"step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,1.5,0.75,,\n2,1.25,0.8,,\n",
            {"step": 1.0, "loss": 1.5, "train_accuracy": 0.75},
        ),
        (
            b'"Step","a-1 - train/loss","a-1 - train/loss__MIN","a-1 - train/loss__MAX"\n"10","1.5","1.5","1.5"\n',
            {"step": 10.0, "loss": 1.5},
        ),
        (b"\xef\xbb\xbfepoch;loss;val_loss\n0;1.5;1.75\n1;1.25;1.5\n", {"epoch": 0.0, "loss": 1.5, "eval_loss": 1.75}),
        (b"Wall time,Step,Value\n1700000000.5,10,1.5\n", {"step": 10.0, "loss": 1.5}),
        (b"# run 7\nstep\tloss\n10\t1.5\n", {"step": 10.0, "loss": 1.5}),
    ),
)
