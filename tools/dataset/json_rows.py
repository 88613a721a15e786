"""Rows of JSON: an object a line, an array, arrays under keys, columns; value by value in bounded memory."""

import json
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from tools.dataset.columns import CHAT_KEYS, TOKEN_KEYS
from tools.dataset.json_values import split_values
from tools.dataset.lines import BOM, TOO_LONG, decode, read_lines
from tools.dataset.rows import Opened, Row
from tools.dataset.shards import read_role

_SCALAR = rb'(?:"[^"\\]{0,400}"|[\w.+-]{1,40})'
_ARRAY_UNDER_KEY = re.compile(
    rb'\{\s{0,200}(?:"[^"]{1,100}"\s{0,20}:\s{0,20}' + _SCALAR + rb"\s{0,20},\s{0,200}){0,8}"
    rb'"([^"]{1,100})"\s{0,20}:\s{0,20}\[\s{0,200}\{'
)


def read_json(opened: Opened) -> Iterator[Row]:
    """Read rows of JSON in whichever arrangement the beginning shows."""
    head = opened.head.removeprefix(BOM).lstrip()
    first_line, _, rest = head.partition(b"\n")
    rest = rest.lstrip()
    if _is_value(first_line) and rest:
        return _read_json_lines(opened)
    if head.startswith(b"["):
        return _read_array(opened, level=1)
    under_key = _ARRAY_UNDER_KEY.match(head)
    is_cut_line = rest.startswith(b"{") and not first_line.rstrip().endswith(b"[")
    if under_key and under_key[1].decode(errors="replace").lower() not in CHAT_KEYS and not is_cut_line:
        return _read_array(opened, level=2)
    if head.startswith(b"{") and (rest[:1] in (b'"', b"}") or not rest) and len(head) > 1:
        return _read_objects(opened)
    return _read_json_lines(opened)


def _is_value(line: bytes) -> bool:
    return not parse_value(line)[1]


def _read_json_lines(opened: Opened) -> Iterator[Row]:
    for number, line in read_lines(opened.source):
        if line is None:
            yield Row(number, None, TOO_LONG)
        elif line and not line.isspace():
            value, fault, is_damaged = parse_value(line)
            yield Row(number, value, fault, is_damaged)


def _read_array(opened: Opened, level: int) -> Iterator[Row]:
    for number, (key, raw) in enumerate(split_values(opened.source, level), start=1):
        if raw is None:
            yield Row(number, None, f"{TOO_LONG}; what follows was not read")
            return
        value, fault, is_damaged = parse_value(raw)
        yield Row(number, value, fault, is_damaged, read_role(key) if level == 2 else "")


def _read_objects(opened: Opened) -> Iterator[Row]:
    """Objects one after another, written over several lines; a single one may hold all rows."""
    rows = _read_array(opened, level=0)
    first, second = next(rows, None), next(rows, None)
    if first is not None and second is None and isinstance(first.value, dict):
        yield from (Row(number, value) for number, value in enumerate(expand(first.value), start=1))
        return
    yield from chain((row for row in (first, second) if row is not None), rows)


def parse_value(raw: bytes) -> tuple[Any, str, bool]:
    """Read one JSON value: (value, why it cannot be read, whether its text is not what UTF-8 allows)."""
    import orjson

    try:
        return orjson.loads(raw), "", False
    except orjson.JSONDecodeError:
        return _parse_leniently(raw)


def _parse_leniently(raw: bytes) -> tuple[Any, str, bool]:
    """Read what Python's own reader takes as well: NaN, halves of surrogate pairs, and bytes in another encoding."""
    text, is_damaged = decode(raw)
    try:
        value = json.loads(text)
    except RecursionError:
        return None, "nested too deeply", is_damaged
    except ValueError as error:
        return None, f"not valid JSON ({str(error).partition(' (char')[0]})", is_damaged
    return value, "", is_damaged or "\\ud" in text.lower()


def expand(value: dict[str, Any]) -> list[Any]:
    """The rows inside a single object: arrays under keys, columns, or the object itself.

    Example:
        >>> expand({"text": ["a", "b"], "label": [0, 1]})
        [{'text': 'a', 'label': 0}, {'text': 'b', 'label': 1}]
    """
    keys = {key.lower() for key in value}
    if keys & CHAT_KEYS or keys & TOKEN_KEYS:
        return [value]
    arrays = [item for item in value.values() if isinstance(item, list) and item and isinstance(item[0], dict)]
    if arrays:
        return [row for array in arrays for row in array]
    columns = [_column(item) for item in value.values()]
    if columns and all(column is not None for column in columns):
        given = [column for column in columns if column is not None]
        if len({len(column) for column in given}) == 1 and given[0]:
            return [dict(zip(value, cells, strict=True)) for cells in zip(*given, strict=True)]
    return [value]


def _column(value: Any) -> list[Any] | None:
    """The cells of a column, a list or an object that counts its rows."""
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and value and all(key.isdigit() for key in value):
        return list(value.values())
    return None
