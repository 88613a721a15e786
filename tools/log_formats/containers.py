r"""What a container runtime or a log collector wraps round each line: Docker's JSON, the CRI prefix, cloud logging.

The line stays one line of the input, so line numbers hold; what is quoted is the line as it stands in the input.
"""

import json
import re
from collections.abc import Callable

from tools.lazy_pattern import lazy_pattern

NUM_SAMPLED_LINES = 20
MAX_JOINED_BYTES = 1 << 20
TEXT_KEYS = ("log", "textPayload", "message", "msg", "line")

Unwrap = Callable[[bytes], bytes | None]
"""The text of a wrapped line; None where it is a part whose rest comes with the next line."""

_CRI = lazy_pattern(rb"\d{4}-\d\d-\d\dT[\d:.]{8,20}(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) ([FP]) ")
_JSON_TEXT = lazy_pattern(rb'\s*\{.{0,400}"(?:%s)"\s*:\s*"' % "|".join(TEXT_KEYS).encode(), re.DOTALL)


def find_container(head: bytes) -> Unwrap | None:
    """Tell by its first lines how an input is wrapped, None where it is not."""
    lines = [line for line in head.split(b"\n")[:NUM_SAMPLED_LINES] if line.strip()]
    if lines and all(_CRI.match(line) for line in lines[:-1] or lines):
        return _Joiner().unwrap
    if lines and all(_is_json_text(line) for line in lines[:-1] or lines):
        return _unwrap_json
    return None


def _is_json_text(line: bytes) -> bool:
    """Whether a line is an object whose text field holds what the program printed, and not metrics of its own."""
    if not _JSON_TEXT.match(line):
        return False
    try:
        loaded = json.loads(line)
    except ValueError:
        return False
    return isinstance(loaded, dict) and _text_of(loaded) is not None and "loss" not in loaded and "step" not in loaded


def _text_of(loaded: dict[str, object]) -> str | None:
    for key in TEXT_KEYS:
        text = loaded.get(key)
        if isinstance(text, str):
            return text
    payload = loaded.get("jsonPayload")
    return _text_of(payload) if isinstance(payload, dict) else None


def _unwrap_json(line: bytes) -> bytes:
    r"""The text in a line of Docker's json-file driver or of a cloud's log export.

    Example:
        >>> _unwrap_json(b'{"log":"{\'loss\': 1.2}\\n","stream":"stderr"}')
        b"{'loss': 1.2}"
    """
    try:
        loaded = json.loads(line)
    except (ValueError, RecursionError):
        return line
    text = _text_of(loaded) if isinstance(loaded, dict) else None
    return line if text is None else text.rstrip("\n").replace("\n", "\r").encode("utf-8", "surrogatepass")


class _Joiner:
    """Joins the parts of lines that the CRI runtime splits, marked P until the last, which is marked F."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def unwrap(self, line: bytes) -> bytes | None:
        match = _CRI.match(line)
        if not match:
            return line
        text = line[match.end() :]
        if match[1] == b"P" and sum(map(len, self._parts)) < MAX_JOINED_BYTES:
            self._parts.append(text)
            return None
        whole, self._parts = b"".join([*self._parts, text]), []
        return whole
