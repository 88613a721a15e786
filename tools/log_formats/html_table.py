"""Tables of metrics in HTML: what the progress bar of Hugging Face draws in a notebook, and any like it."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.columns import COORDINATES, Columns, name_columns
from tools.log_formats.frames import MAX_QUOTED_BYTES, ByteSource, decode
from tools.log_formats.line_blocks import LineBlocks
from tools.log_formats.record import FileFormat, Record, classify
from tools.run import Line, Setting

if TYPE_CHECKING:
    from tools.run_builder import RunBuilder

MAX_CELL_LENGTH = 200
MAX_CELLS = 2000
MAX_HEADER_ROWS = 3
MAX_CARRIED = 4000
MAX_SHOWN_WHOLE = 400

_BEGINNING = lazy_pattern(
    rb"\s*+<(?:!doctype html|!--|/?(?:html|head|body|div|table|p|style|h[1-6]|span|center|meta|progress|title)\b)",
    re.IGNORECASE,
)
_TAG = lazy_pattern(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})(?:\s[^<>]{0,2000})?/?>")
_OPEN_TAG = lazy_pattern(r"<[a-zA-Z/!][^<>]*+\Z")
_PROGRESS = lazy_pattern(
    r"\[\s{0,8}(\d{1,12})/(\d{1,12}) [\d:]{1,20}(?: < [^\]\[]{0,60})?, Epoch [\d.]{1,12}/(\d{1,9})\]"
)
_SILENT = frozenset({"script", "style"})


@dataclass(slots=True)
class _Cell:
    line: Line
    parts: list[str] = field(default_factory=list)
    length: int = 0

    def add(self, text: str) -> None:
        """Take a piece of the cell's text, as far as a number or a name can reach."""
        if self.length <= MAX_CELL_LENGTH:
            self.parts.append(text)
            self.length += len(text)

    @property
    def text(self) -> str:
        """The whole text."""
        return " ".join("".join(self.parts).split())


class HtmlReader:
    """Reads the tables of metrics in HTML that comes a line at a time.

    Attributes:
        num_rows: rows that were read.
    """

    def __init__(self, builder: "RunBuilder", feed_text: Callable[[int, bytes], None] | None = None) -> None:
        self._builder, self._feed_text = builder, feed_text
        self.num_rows = 0
        self._columns: Columns | None = None
        self._num_rows_tried = 0
        self._cells: list[_Cell] = []
        self._open_cell: _Cell | None = None
        self._console: list[str] | None = None
        self._silent = ""
        self._carry = ""
        self._row_begin, self._row_text = -1, ""

    def feed(self, text: str, line: Line) -> None:
        """Take one line of HTML, without its line feed.

        Args:
            text: what it says.
            line: where it stands in the file, and how it looks there.
        """
        text, self._carry = self._carry + text, ""
        cut = _OPEN_TAG.search(text, max(0, len(text) - MAX_CARRIED))
        if cut:
            text, self._carry = text[: cut.start()], cut[0] + " "
        if "Epoch" in text:
            self._read_progress(text, line)
        place = 0
        for match in _TAG.finditer(text):
            self._take_text(text[place : match.start()])
            name = match[2].lower()
            if name == "tr" and len(text) > MAX_SHOWN_WHOLE and not match[1]:
                self._row_begin = match.start()
            elif name == "tr" and self._row_begin >= 0:
                self._row_text = text[self._row_begin : match.end()]
            self._take_tag(name, bool(match[1]), line)
            place = match.end()
        self._row_begin = -1
        self._take_text(text[place:])
        self._end_line(line)

    def _take_text(self, text: str) -> None:
        if not text or self._silent:
            return
        if self._open_cell:
            self._open_cell.add(html.unescape(text))
        if self._console is not None:
            self._console.append(html.unescape(text))

    def _take_tag(self, name: str, is_end: bool, line: Line) -> None:
        if self._silent:
            self._silent = "" if is_end and name == self._silent else self._silent
        elif name in _SILENT and not is_end:
            self._silent = name
        elif name == "pre" and self._feed_text:
            self._end_line(line)
            self._console = None if is_end else []
        elif name in ("td", "th"):
            self._open_cell = None if is_end else _Cell(line)
            if self._open_cell and len(self._cells) < MAX_CELLS:
                self._cells.append(self._open_cell)
        elif name in ("tr", "table"):
            self._read_row()
            if name == "table":
                self._columns, self._num_rows_tried = None, 0

    def _end_line(self, line: Line) -> None:
        if self._console and self._feed_text:
            self._feed_text(line.number, "".join(self._console).encode(errors="replace"))
            self._console = []
        if self._open_cell:
            self._open_cell.add(" ")

    def _read_row(self) -> None:
        cells, self._cells, self._open_cell = self._cells, [], None
        row_text, self._row_text = self._row_text, ""
        if not cells:
            return
        if self._columns is None:
            if self._num_rows_tried < MAX_HEADER_ROWS:
                self._num_rows_tried += 1
                self._columns = name_columns([cell.text for cell in cells])
            return
        values = self._columns.read_row([cell.text for cell in cells])
        if not values or COORDINATES.issuperset(values):
            return
        places = zip(self._columns.names, cells, strict=False)
        lines = {name: cell.line for name, cell in places if name in values}
        if row_text:
            shown = decode(row_text.encode(errors="replace"), MAX_QUOTED_BYTES)
            lines = {name: Line(line.number, shown) for name, line in lines.items()}
        first = next((name for name in ("loss", "eval_loss") if name in values), next(iter(values)))
        self._builder.add_record(Record(classify(values) or "train", values, lines[first], lines))
        self.num_rows += 1

    def _read_progress(self, text: str, line: Line) -> None:
        match = _PROGRESS.search(text)
        if match:
            self._builder.add_setting(Setting("total_steps", float(match[2]), line))
            self._builder.add_setting(Setting("num_train_epochs", float(match[3]), line))
            self._builder.add_bar(line.number, match[0].encode())


def is_html(head: bytes) -> bool:
    """Tell from its beginning whether a file is HTML."""
    return _BEGINNING.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


def read_html(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read every table of metrics of an HTML file, and the console text in it; nothing of it is executed."""
    reader, blocks = HtmlReader(builder, builder.feed_text), LineBlocks(stream)
    for first, lines in blocks:
        for number, raw in enumerate(lines, start=first):
            reader.feed(decode(raw), Line(number, decode(raw.rstrip(b"\r"), MAX_QUOTED_BYTES)))
    builder.num_lines, builder.num_bytes = blocks.num_lines, blocks.num_bytes
    if not reader.num_rows:
        builder.notes.append("the HTML holds no table with a step or an epoch and a loss")
    if blocks.num_cut:
        builder.notes.append(f"{blocks.num_cut} line(s) of over 1 MiB were read only at the start")


HTML_TABLE = FileFormat(
    name="html_table",
    title="HTML with a table of metrics",
    source="transformers/utils/notebook.py, NotebookTrainingTracker; pandas, DataFrame.to_html",
    detect=is_html,
    read=read_html,
    samples=(
        (
            b'<div>\n [ 20/60 03:12 < 06:24, 0.10 it/s, Epoch 1/3]\n</div>\n<table border="1">\n<thead>\n<tr>\n'
            b"<th>Epoch</th>\n<th>Training Loss</th>\n<th>Validation Loss</th>\n<th>F1</th>\n</tr>\n</thead>\n<tbody>\n"
            b"<tr>\n<td>1</td>\n<td>No log</td>\n<td>1.250000</td>\n<td>0.500000</td>\n</tr>\n"
            b"<tr>\n<td>2</td>\n<td>1.500000</td>\n<td>1.125000</td>\n<td>0.750000</td>\n</tr>\n</tbody>\n</table><p>",
            {"epoch": 1.0, "eval_loss": 1.25, "eval_f1": 0.5},
        ),
        (
            b"<table><tr><th></th><th>step</th><th>loss</th></tr><tr><th>0</th><td>10</td><td>1.5</td></tr></table>",
            {"step": 10.0, "loss": 1.5},
        ),
    ),
)
