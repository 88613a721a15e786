"""Rows of CSV and of text between tabs."""

import csv
from collections.abc import Iterator
from itertools import chain

from tools.dataset.columns import is_known_name
from tools.dataset.lines import TOO_LONG, decode, read_lines
from tools.dataset.rows import MAX_ROW_BYTES, Opened, Row

DELIMITERS = (",", "\t", ";", "|")
MAX_NAME = 64
MAX_COLUMNS = 1000


def looks_like_table(head: bytes) -> bool:
    """Whether a text begins with a header of known names and lines of as many fields."""
    lines = decode(head)[0].splitlines()[:2]
    delimiter = find_delimiter(lines[0]) if lines else ","
    names = lines[0].split(delimiter) if lines else []
    return len(lines) > 1 and len(names) > 1 and all(map(_is_name, names)) and any(map(is_known_name, names))


def find_delimiter(line: str) -> str:
    """The delimiter that a header uses most.

    Example:
        >>> find_delimiter("text;label")
        ';'
    """
    return max(DELIMITERS, key=line.count)


def read_table(opened: Opened, notes: list[str]) -> Iterator[Row]:
    """Read the rows under a header; where the first line is data already, columns are numbered."""
    csv.field_size_limit(MAX_ROW_BYTES)
    damaged: list[int] = []
    first_line = decode(opened.head)[0].lstrip("\ufeff").partition("\n")[0]
    delimiter = "\t" if opened.ending == ".tsv" else find_delimiter(first_line)
    records = _read_records(csv.reader(_decode_lines(opened, damaged), delimiter=delimiter))
    header = next(records, None)
    if not isinstance(header, list):
        yield Row(1, None, header or "no header")
        return
    names = [name.strip() for name in header]
    if not all(map(_is_name, names)):
        notes.append(f"{opened.name}: has no header, so its columns are numbered")
        records, names = chain((header,), records), [f"column_{place}" for place in range(1, len(header) + 1)]
    for number, record in enumerate(records, start=1):
        is_damaged = bool(damaged)
        damaged.clear()
        if isinstance(record, str):
            yield Row(number, None, record)
        elif len(record) != len(names):
            yield Row(number, None, f"{len(record)} fields where the header has {len(names)}")
        else:
            yield Row(number, dict(zip(names, record, strict=True)), is_damaged=is_damaged)


def _is_name(text: str) -> bool:
    text = text.strip()
    return len(text) <= MAX_NAME and any(map(str.isalpha, text))


def _read_records(reader: Iterator[list[str]]) -> Iterator[list[str] | str]:
    """The records of a table without empty ones; a text says why one cannot be read."""
    while True:
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"not valid CSV ({error})"
            continue
        if record:
            yield record[:MAX_COLUMNS]


def _decode_lines(opened: Opened, damaged: list[int]) -> Iterator[str]:
    for number, line in read_lines(opened.source):
        if line is None:
            yield f"{TOO_LONG}\n"
            continue
        text, is_damaged = decode(line)
        if is_damaged:
            damaged.append(number)
        yield f"{text}\n"
