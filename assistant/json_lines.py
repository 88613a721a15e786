"""JSON Lines in and out, as programs use them."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tools.errors import BadInput, FtchatError


def read_batch(name: str) -> Iterator[dict[str, Any] | FtchatError]:
    """The objects of a JSON Lines file; a bad line gives the error that it stands for."""
    try:
        lines = sys.stdin.buffer.readlines() if name == "-" else Path(name).read_bytes().splitlines()
    except OSError as error:
        raise BadInput(f"{name}: cannot be read ({error.strerror})") from None
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        try:
            item = json.loads(raw)
        except ValueError as error:
            yield BadInput(f"{name}:{number}: not valid JSON ({error})")
            continue
        yield item if isinstance(item, dict) else BadInput(f"{name}:{number}: must be a JSON object")


def print_json(value: Mapping[str, Any]) -> None:
    """Print one object on one line."""
    print(to_json_line(value), flush=True)


def to_json_line(value: Mapping[str, Any]) -> str:
    """One object on one line; nan and infinity become texts, since JSON has no word for them."""
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and value - value != 0:
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
