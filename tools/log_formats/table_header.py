"""The header of a table of values: where it stands, and what delimits its cells."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePath

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.columns import COORDINATES, Columns, name_columns, name_metric
from tools.log_formats.frames import decode

DELIMITERS = (",", "\t", ";")
MAX_HEAD_LINES = 64
MAX_HEADER_BYTES = 1 << 16
NUM_ROWS_TRIED = 3
_VALUE_COLUMNS = {"step", "value"}
_TIME_COLUMNS = {"wall time", "wall_time", "time", "timestamp", "relative time"}
COMMENT = lazy_pattern(rb"\s*+(?:#|//|sep=|\Z)")

_TAG = lazy_pattern(r"(?:.*[-_.]tag[-_.]|run-[^-]{1,100}-)?(.+)")


def find_header(line: bytes, name: str = "") -> tuple[Columns, str] | None:
    """Read a line as the header of a table.

    Args:
        line: without its line feed.
        name: of the file, which alone names the metric in what TensorBoard and others export.

    Returns:
        The columns and their delimiter, None where the line is no header.
    """
    text = decode(line[:MAX_HEADER_BYTES].removeprefix(b"\xef\xbb\xbf"))
    for delimiter in DELIMITERS:
        if delimiter not in text:
            continue
        cells = split_cells(text, delimiter)
        lower = [cell.strip().lower() for cell in cells]
        if set(lower) >= _VALUE_COLUMNS and set(lower) <= _VALUE_COLUMNS | _TIME_COLUMNS:
            meanings = {"step": "step", "value": _name_by_file(name)}
            return Columns(tuple(cells), tuple(meanings.get(cell, "") for cell in lower)), delimiter
        columns = name_columns(cells, needs_place=False)
        if columns:
            return replace(columns, is_dump=False), delimiter
    return None


def is_table(head: bytes) -> bool:
    """Tell from its beginning whether a file is a table of metrics: a header, and rows that fit it."""
    lines, remark = head.split(b"\n"), b""
    for place, line in enumerate(lines[:MAX_HEAD_LINES]):
        if COMMENT.match(line):
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
