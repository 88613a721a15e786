"""Tables of metrics as text: comma, semicolon or tab separated values of any trainer, with a header."""

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING

from tools.log_formats.columns import COORDINATES, Columns, find_within_epoch
from tools.log_formats.frames import MAX_QUOTED_BYTES, ByteSource, decode
from tools.log_formats.line_blocks import LineBlocks
from tools.log_formats.record import FileFormat, Record, classify
from tools.log_formats.row_groups import NO_PLAN, Group, Plan, order_groups
from tools.log_formats.table_header import COMMENT, find_header, is_table, split_cells
from tools.run import Line, Setting

if TYPE_CHECKING:
    from tools.run_builder import RunBuilder

MAX_JOINED_LINES = 64
MAX_PLANS = 1000
ALIKE_LINES = 256


def read_table(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read a table to its end; lines that are no rows go through the reader of console text."""
    _TableReader(builder).read(stream)


class _TableReader:
    """Reads the rows of a table block by block; what the cells of a row are is worked out once for all like it."""

    def __init__(self, builder: "RunBuilder") -> None:
        self._builder = builder
        self._columns: Columns | None = None
        self._header_line = Line(0, "")
        self._delimiter = ","
        self._remark = b""
        self._plans: dict[tuple[bool, ...], Plan] = {}
        self._groups: dict[tuple[str, ...], Group] = {}
        self._lines: Sequence[bytes] = ()
        self._first = 1
        self._place = self._num_counted = self._num_empty = 0
        self._drops_step = False
        self._seen: set[str] = set()
        self._are_all_named = False
        self._is_checked = False
        self._is_quoted = False
        self._restarts: list[int] = []
        self._num_unread = self._first_unread = self._last_unread = 0

    def read(self, stream: ByteSource) -> None:
        blocks = LineBlocks(stream)
        for number, lines in blocks:
            is_windows = lines[0].endswith(b"\r")
            self._read_block(number, [line.rstrip(b"\r") for line in lines] if is_windows else lines)
        # Lines without a row took a number as well, so that rows and console text keep their order.
        self._builder.count_rows(-self._num_empty)
        self._builder.num_lines, self._builder.num_bytes = blocks.num_lines, blocks.num_bytes
        self._builder.notes.extend(self._notes(blocks))
        self._report_empty_columns()

    def _read_block(self, number: int, lines: Sequence[bytes]) -> None:
        """Read the rows of a block, many at once where they are alike."""
        self._lines, self._first, self._num_counted = lines, number, 0
        plan, place = NO_PLAN, 0
        while place < len(lines):
            end = min(place + ALIKE_LINES, len(lines))
            if plan.num_cells and plan.read_alike(lines[place:end], place, self._delimiter.encode(), self._is_quoted):
                place = end
            else:
                plan, place = self._read_rows(plan, place, end)
        self._flush(len(lines))

    def _read_rows(self, plan: Plan, place: int, end: int) -> tuple[Plan, int]:
        """Read lines one by one; gives the plan of the last of them, and where the next one is."""
        delimiter = self._delimiter.encode()
        while place < end:
            line = self._lines[place]
            cells = (line.replace(b'"', b"") if self._is_quoted else line).split(delimiter)
            if len(cells) != plan.num_cells or cells.count(b"") != plan.num_empty or not self._are_all_named:
                plan = self._plans.get(tuple(map(bool, cells)), NO_PLAN)
            try:
                plan.group.rows.append(tuple(map(float, plan.pick(cells))))
                plan.group.places.append(place)
                place += 1
            except (ValueError, IndexError):
                place += self._read_line(place)
                plan, delimiter = NO_PLAN, self._delimiter.encode()
        return plan, place

    def _flush(self, end: int) -> None:
        """Give the rows so far, of a block up to a place, to the builder."""
        groups = [group for group in self._groups.values() if group.rows]
        if groups and not self._is_checked and self._columns:
            self._is_checked = True
            rows = sorted(
                (at, group.names, row) for group in groups for at, row in zip(group.places, group.rows, strict=True)
            )
            if find_within_epoch(self._columns, [(names, row) for _, names, row in rows]):
                self._builder.notes.append("the table counts its steps anew in every epoch; the true steps are unknown")
                self._drops_step, self._columns = True, self._columns.without("step")
                groups = [group.without("step") for group in groups]
        for group in order_groups(groups):
            self._hand_over(group)
        self._builder.count_rows(end - self._num_counted)
        self._num_empty += end - self._num_counted - sum(len(group.rows) for group in groups)
        self._num_counted = end
        self._groups, self._plans = {}, {}

    def _hand_over(self, group: Group) -> None:
        lines, first, names = self._lines, self._first, group.names

        def to_record(index: int) -> Record:
            place = group.places[index]
            values = dict(zip(names, group.rows[index], strict=True))
            return Record(
                classify(values) or "train", values, Line(first + place, decode(lines[place], MAX_QUOTED_BYTES))
            )

        places = [place - self._num_counted for place in group.places]
        self._builder.add_alike(names, group.rows, places, to_record)

    def _read_line(self, place: int) -> int:
        """Read a line with care: as a header, as a row with quotes or words in it, or as neither.

        Returns:
            How many lines were read: a quoted cell may reach into the next ones.
        """
        self._place, line, number = place, self._lines[place], self._first + place
        if COMMENT.match(line):
            self._remark = line.strip(b"# \r") or self._remark
            return 1
        if self._columns is None or line.startswith(self._header_line.text.split(self._delimiter)[0].encode()):
            found = find_header(line, self._builder.name)
            if found:
                self._begin(found, number, line)
                return 1
        if self._columns is None and (found := find_header(self._remark)):
            self._begin(found, number - 1, self._remark)
        num_lines = _count_joined(self._lines[place : place + MAX_JOINED_LINES])
        cells = split_cells(decode(b" ".join(self._lines[place : place + num_lines])), self._delimiter)
        values = self._columns.read_row(cells) if self._columns else None
        if values is None:
            self._pass_on(number, line)
            return 1
        names = tuple(values)
        self._is_quoted = self._is_quoted or b'"' in line
        self._learn(cells)
        self._seen.update(values)
        if not COORDINATES.issuperset(values):
            group = self._groups.setdefault(names, Group(names))
            group.rows.append(tuple(values.values()))
            group.places.append(place)
        return num_lines

    def _pass_on(self, number: int, line: bytes) -> None:
        """Send a line that is no row through the reader of console text, in its place among the rows."""
        self._flush(self._place)
        self._num_unread += 1
        self._first_unread, self._last_unread = self._first_unread or number, number
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
        self._flush(self._place)
        self._columns = columns.without("step") if self._drops_step else columns
        self._are_all_named = all(self._columns.names)

    def _learn(self, cells: Sequence[str]) -> None:
        """Plan how to read the rows in which the same cells are filled, and leave columns of words out."""
        columns = self._columns
        if columns is None or len(cells) != len(columns.names):
            return
        fitting = columns.without_words(cells)
        if fitting is not columns:
            self._use(fitting)
            fitting = self._columns or fitting
        named = [index for index, name in enumerate(fitting.names) if name]
        filled = [index for index in named if cells[index]]
        names = tuple(fitting.names[index] for index in filled)
        if len(filled) > 1 and not COORDINATES.issuperset(names) and len(self._plans) < MAX_PLANS:
            mask, empty = tuple(map(bool, cells)), [index for index in named if not cells[index]]
            group = self._groups.setdefault(names, Group(names))
            self._plans[mask] = Plan(group, itemgetter(*filled), len(mask), mask.count(False), filled, empty)

    def _notes(self, blocks: LineBlocks) -> Iterator[str]:
        if self._restarts:
            yield f"the header is repeated {len(self._restarts)} time(s), first in line {self._restarts[0]}"
        if blocks.is_open_ended and self._last_unread == blocks.num_lines:
            self._num_unread -= 1
            yield f"line {blocks.num_lines}, the last one, is cut off and was left out"
        if self._num_unread:
            yield f"{self._num_unread} line(s) are no rows of the table, first line {self._first_unread}"
        if blocks.num_cut:
            yield f"{blocks.num_cut} line(s) of over 1 MiB were read only at the start"

    def _report_empty_columns(self) -> None:
        if self._columns is None:
            self._builder.notes.append("the table has no header that names a loss")
            return
        columns = zip(self._columns.names, self._columns.header, strict=True)
        evaluated = {name: header.strip() for name, header in columns if name.startswith("eval_")}
        if evaluated and self._seen and self._seen.isdisjoint(evaluated):
            empty = evaluated.get("eval_loss", next(iter(evaluated.values())))
            self._builder.notes.append(f"column {empty} is empty: the run was not evaluated")
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
