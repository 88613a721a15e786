"""Jupyter notebooks: the console text, tables and tracebacks of their outputs, and the settings in their code."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.frames import MAX_QUOTED_BYTES, ByteSource, decode
from tools.log_formats.html_table import HtmlReader
from tools.log_formats.json_tokens import LineFinder, Path, count_lines, is_whole, read_string, read_whole, walk
from tools.log_formats.record import FileFormat
from tools.run import Line

if TYPE_CHECKING:
    from tools.run_builder import RunBuilder

MAX_BYTES = 64 << 20
MAX_CODE_BYTES = 4 << 20
TOO_LARGE = "clear images and widgets from the outputs, or save the text of the training cell and pass that"

_BEGINNING = lazy_pattern(rb"(?:\xef\xbb\xbf)?\s*+\{")
_CELLS = lazy_pattern(rb'"(?:cells|worksheets)"\s{0,80}:\s{0,80}\[')
_MARKS = lazy_pattern(rb'"(?:cell_type|nbformat)"\s{0,80}:')

Piece = tuple[int, int, str]
"""Where a string stands in the file, as its place and its line number, and what it says."""


def is_notebook(head: bytes) -> bool:
    """Tell from its beginning whether a file is a Jupyter notebook."""
    return bool(_BEGINNING.match(head)) and bool(_CELLS.search(head)) and bool(_MARKS.search(head))


def read_notebook(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read the outputs of a notebook in the order of its cells.

    Raises:
        BadInput: it is larger than MAX_BYTES.

    Source:
        nbformat, versions 3 and 4 of the notebook format.
    """
    data = read_whole(stream, MAX_BYTES, TOO_LARGE)
    _NotebookReader(data, builder).read()
    if len(data) <= MAX_CODE_BYTES:
        _read_code(data, builder)
    builder.num_bytes, builder.num_lines = len(data), count_lines(data)
    if not is_whole(data):
        builder.notes.append(f"the notebook breaks off in line {builder.num_lines}; what stands before was read")


def _read_code(data: bytes, builder: "RunBuilder") -> None:
    """Read the settings in the code, for those that the outputs do not tell."""
    from tools.config_script import read_notebook as read_code

    lines = data.split(b"\n")
    for setting in read_code(decode(data)):
        number = min(max(setting.line.number, 1), len(lines))
        line = Line(number, decode(lines[number - 1].rstrip(b"\r"), MAX_QUOTED_BYTES))
        builder.add_setting(replace(setting, line=line))


class _NotebookReader:
    """Collects the strings of one output, and reads them together when it is over."""

    def __init__(self, data: bytes, builder: "RunBuilder") -> None:
        self._data, self._builder = data, builder
        self._lines = LineFinder(data)
        self._quotes: dict[int, Line] = {}

    def read(self) -> None:
        """Read the whole notebook."""
        group: Path = ()
        pieces: dict[str, list[Piece]] = {}
        for path, start, end in walk(self._data):
            owner, name = _owner(path)
            if owner != group:
                self._read_group(pieces)
                group, pieces, self._quotes = owner, {}, {}
            if name in _WANTED and self._data[start : start + 1] == b'"':
                line = self._lines.line_at(start)
                self._quotes[start] = line
                pieces.setdefault(name, []).append((start, line.number, read_string(self._data[start:end])))
        self._read_group(pieces)

    def _read_group(self, pieces: dict[str, list[Piece]]) -> None:
        """Read what one output says: its table where it has one, else its text."""
        html = HtmlReader(self._builder)
        lines = list(_split_lines(pieces.get("text/html", ())))
        num_lines = Counter(place for _, _, place in lines)
        for number, text, place in lines:
            quoted = Line(number, decode(text.encode(errors="replace"), MAX_QUOTED_BYTES))
            html.feed(text, self._quotes[place] if num_lines[place] == 1 else quoted)
        self._feed(pieces.get("text", ()))
        if not html.num_rows:
            self._feed(pieces.get("text/plain", ()))
        self._feed(pieces.get("traceback") or _join_error(pieces), ends_each=True)

    def _feed(self, pieces: Sequence[Piece], *, ends_each: bool = False) -> None:
        for number, text, _ in _split_lines(pieces, ends_each=ends_each):
            for frame in text.split("\r"):
                if frame:
                    self._builder.feed_text(number, frame.encode(errors="replace"))


_WANTED = frozenset({"text", "text/html", "text/plain", "traceback", "ename", "evalue"})
_ALIASES = {"html": "text/html"}


def _owner(path: Path) -> tuple[Path, str]:
    """The output that a value belongs to, and what the value is there."""
    if "outputs" in path:
        depth = path.index("outputs") + 2
        names = [part for part in path[depth:] if isinstance(part, str)]
        name = names[1] if names[:1] == ["data"] and len(names) > 1 else names[0] if names else ""
        return path[:depth], _ALIASES.get(name, name)
    return path[:1], ""


def _join_error(pieces: Mapping[str, Sequence[Piece]]) -> Sequence[Piece]:
    """The name and the message of an error of which the stack was cleared away."""
    name, message = pieces.get("ename", ()), pieces.get("evalue", ())
    if not name or not message:
        return ()
    place, number, text = message[0]
    return ((place, number, f"{name[0][2]}: {text}"),)


def _split_lines(pieces: Sequence[Piece], *, ends_each: bool = False) -> Iterator[tuple[int, str, int]]:
    """Put strings together and give their lines, each with the line number and the place of the string it begins in."""
    parts: list[str] = []
    begin = (0, 0)
    for place, number, text in pieces:
        *whole, rest = text.split("\n")
        for line in whole:
            at = begin if parts else (number, place)
            yield at[0], "".join([*parts, line]), at[1]
            parts = []
        if rest:
            begin = begin if parts else (number, place)
            parts.append(rest)
            if ends_each:
                yield begin[0], "".join(parts), begin[1]
                parts = []
    if parts:
        yield begin[0], "".join(parts), begin[1]


NOTEBOOK = FileFormat(
    name="notebook",
    title="Jupyter notebook",
    source="nbformat/v4/nbformat.v4.schema.json; transformers/utils/notebook.py, NotebookProgressCallback",
    detect=is_notebook,
    read=read_notebook,
    samples=(
        (
            b'{\n "cells": [\n  {\n   "cell_type": "code",\n   "outputs": [\n    {\n     "data": {\n'
            b'      "text/html": [\n'
            b'       "<table>\\n",\n       "<tr><th>Step</th><th>Training Loss</th></tr>\\n",\n'
            b'       "<tr><td>10</td><td>1.500000</td></tr></table><p>"\n      ]\n     },\n'
            b'     "output_type": "display_data"\n    }\n   ],\n   "source": []\n  }\n ],\n "nbformat": 4\n}\n',
            {"step": 10.0, "loss": 1.5},
        ),
        (
            b'{"nbformat": 3, "worksheets": [{"cells": [{"cell_type": "code", "input": ["lr = 1"], "outputs": ['
            b'{"html": ["<table><tr><th>Epoch</th><th>Training Loss</th><th>Validation Loss</th></tr>\\n", '
            b'"<tr><td>1</td><td>1.5</td><td>1.25</td></tr></table>"], "output_type": "display_data"}]}]}]}',
            {"epoch": 1.0, "loss": 1.5, "eval_loss": 1.25},
        ),
    ),
)
