"""Rows of a file, whatever it is written in: JSON Lines, JSON, CSV, Parquet, Arrow or plain text."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tools.errors import BadInput
from tools.log_formats.frames import ByteSource
from tools.opening import open_text

CHUNK_BYTES = 1 << 20
HEAD_BYTES = 1 << 16
MAX_ROW_BYTES = 1 << 26
MAX_CONTROL_SHARE = 0.05

_REFUSED = {
    b"PK\x03\x04": "a zip archive; unpack it and pass the files inside",
    b"Rar!": "a rar archive; unpack it and pass the files inside",
    b"7z\xbc\xaf": "a 7z archive; unpack it and pass the files inside",
    b"%PDF": "a PDF; write its text as JSON Lines first",
    b"\x89PNG": "a picture, not a file of rows",
    b"\xff\xd8\xff": "a picture, not a file of rows",
    b"GGUF": "a model, not a file of rows",
    b"\x80\x02": "a Python pickle, which is never loaded; write the rows as JSON Lines",
    b"\x80\x04": "a Python pickle, which is never loaded; write the rows as JSON Lines",
    b"\x93NUMPY": "a NumPy array; write the rows as JSON Lines",
    b"\x89HDF": "an HDF5 file; write the rows as JSON Lines",
    b"SQLite format 3": "a database; export the table as CSV or JSON Lines",
}
_CONTROL = bytes(set(range(32)) - {8, 9, 10, 12, 13, 27}) + b"\x7f"


class Row(NamedTuple):
    """One row as it was read.

    Attributes:
        number: from 1.
        value: an object's keys and values, a text, or whatever else stands there; None with a fault.
        fault: why the row could not be read.
        is_damaged: its bytes are not the UTF-8 that they should be.
        split: the split that the file itself names.
    """

    number: int
    value: Any
    fault: str = ""
    is_damaged: bool = False
    split: str = ""


@dataclass(slots=True)
class Opened:
    """A file's text with its beginning."""

    name: str
    ending: str
    head: bytes
    source: ByteSource


class _Ahead:
    """A stream whose beginning has been read already."""

    def __init__(self, head: bytes, source: ByteSource) -> None:
        self._head, self._source = head, source

    def read(self, size: int, /) -> bytes:
        """Give at most ``size`` bytes, none at the end."""
        if self._head:
            piece, self._head = self._head[:size], self._head[size:]
            return piece
        return self._source.read(size)


def read_rows(path: Path, name: str, notes: list[str]) -> Iterator[Row]:
    """Read the rows of one file, once and in bounded memory.

    Args:
        notes: takes what a reader should know of how the file was read.

    Raises:
        BadInput: the file cannot be opened, or is of a kind that holds no rows.
    """
    try:
        with path.open("rb") as stream:
            yield from _read_stream(stream, path, name, notes)
    except OSError as error:
        raise BadInput(f"{name}: cannot be read ({error.strerror or error})") from None


def _read_stream(stream: ByteSource, path: Path, name: str, notes: list[str]) -> Iterator[Row]:
    head = _read_head(stream)
    if head.startswith(b"PAR1") or path.suffix == ".parquet" or _is_arrow(path, head):
        from tools.dataset.columnar import read_arrow, read_parquet

        reader = read_arrow if _is_arrow(path, head) else read_parquet
        yield from reader(path, name)
        return
    _refuse(head, name)
    told: list[str] = []
    try:
        source = open_text(_Ahead(head, stream), name, told)
        head = _read_head(source)
    except BadInput:
        raise BadInput(f"{name}: is packed and damaged from its beginning; pack it again or pass it unpacked") from None
    _refuse(head, name)
    _check_is_text(head, name)
    opened = Opened(name, _ending(path), head, _Ahead(head, source))
    yield from _read_text(opened, notes)
    notes += [f"{name}: {note}" for note in told]


def _is_arrow(path: Path, head: bytes) -> bool:
    return head.startswith(b"ARROW1") or path.suffix == ".arrow"


def _read_head(source: ByteSource) -> bytes:
    parts: list[bytes] = []
    while sum(map(len, parts)) < HEAD_BYTES and (part := source.read(HEAD_BYTES)):
        parts.append(part)
    return b"".join(parts)


def _refuse(head: bytes, name: str) -> None:
    for magic, kind in _REFUSED.items():
        if head.startswith(magic):
            raise BadInput(f"{name}: is {kind}")


def _check_is_text(head: bytes, name: str) -> None:
    num_control = len(head) - len(head.translate(None, _CONTROL))
    if num_control > MAX_CONTROL_SHARE * len(head):
        raise BadInput(f"{name}: is binary data; pass rows as JSON Lines, JSON, CSV, Parquet or text")
    if not head.strip():
        raise BadInput(f"{name}: is empty; pass a file with at least one row")


def _ending(path: Path) -> str:
    """The last ending of a name that is not a packing's.

    Example:
        >>> _ending(Path("rows.CSV.gz"))
        '.csv'
    """
    endings = [ending.lower() for ending in path.suffixes if ending.lower() not in (".gz", ".zst", ".xz", ".bz2")]
    return endings[-1] if endings else ""


def _read_text(opened: Opened, notes: list[str]) -> Iterator[Row]:
    from tools.dataset import json_rows, lines, tables

    start = opened.head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if opened.ending in (".csv", ".tsv"):
        return tables.read_table(opened, notes)
    if opened.ending in (".jsonl", ".ndjson", ".json") or start in (b"{", b"["):
        return json_rows.read_json(opened)
    if opened.ending in (".txt", ".md", ".text"):
        return lines.read_plain(opened)
    if tables.looks_like_table(opened.head):
        return tables.read_table(opened, notes)
    return lines.read_plain(opened)
