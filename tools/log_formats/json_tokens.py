"""A walk over JSON text that tells of every plain value where it stands, and reads as far as the text goes."""

import io
import json
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator

from tools.errors import BadInput
from tools.lazy_pattern import lazy_pattern
from tools.log_formats.frames import MAX_QUOTED_BYTES, ByteSource, decode
from tools.run import Line

CHUNK_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_END_BYTES = 1000
QUOTED_BEFORE_BYTES = 80
QUOTED_BYTES = 400

Path = tuple[str | int, ...]
Leaf = tuple[Path, int, int]
"""Number of the top-level value, then keys and indexes down to the value; where its text begins and ends."""

_DECODER = json.JSONDecoder(strict=False)
_TOKEN = lazy_pattern(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[{}\[\],:]|[^\s{}\[\],:"]++', re.DOTALL)


def read_whole(stream: ByteSource, max_bytes: int, advice: str) -> bytes:
    """Read a stream that is small enough to be held.

    Raises:
        BadInput: it is larger than that; the message ends with the advice.
    """
    held = io.BytesIO()
    while chunk := stream.read(CHUNK_BYTES):
        held.write(chunk)
        if held.tell() > max_bytes:
            raise BadInput(
                f"the file is larger than {max_bytes >> 20} MiB, the most that is read of this kind; {advice}"
            )
    return held.getvalue()


def count_lines(data: bytes) -> int:
    """The number of lines, a last one without its line feed included."""
    return data.count(b"\n") + bool(data and not data.endswith(b"\n"))


def is_whole(data: bytes) -> bool:
    """Whether a text ends as a JSON object does."""
    return data[-MAX_END_BYTES:].rstrip().endswith(b"}")


def walk(data: bytes) -> Iterator[Leaf]:
    """Give every string, number and word of a JSON text, or of several one after the other.

    What is nested deeper than MAX_DEPTH is passed over; a text that breaks off is walked up to its end.

    Example:
        >>> list(walk(b'{"a": [1, "x"]}'))
        [((0, 'a', 0), 7, 8), ((0, 'a', 1), 10, 13)]
    """
    place, key = _Place(), ""
    for match in _TOKEN.finditer(data):
        token = match[0]
        if token in b"{[":
            place.enter("" if token == b"{" else 0)
        elif token in b"}]":
            place.leave()
        elif token == b",":
            place.step_on()
        elif token == b":":
            place.name(key)
        elif place.wants_key and _is_key(data, match.end()):
            key = read_string(token)
        elif not place.is_too_deep:
            yield place.path, match.start(), match.end()
            place.end_value()


class _Place:
    """Where in a JSON text the walk is."""

    def __init__(self) -> None:
        self._keys: list[str | int] = [0]
        self._num_deeper = 0

    @property
    def path(self) -> Path:
        return tuple(self._keys)

    @property
    def wants_key(self) -> bool:
        return isinstance(self._keys[-1], str)

    @property
    def is_too_deep(self) -> bool:
        return self._num_deeper > 0

    def enter(self, first: str | int) -> None:
        if len(self._keys) <= MAX_DEPTH and not self._num_deeper:
            self._keys.append(first)
        else:
            self._num_deeper += 1

    def leave(self) -> None:
        if self._num_deeper:
            self._num_deeper -= 1
        elif len(self._keys) > 1:
            self._keys.pop()
        self.end_value()

    def name(self, key: str) -> None:
        if self.wants_key and not self._num_deeper:
            self._keys[-1] = key

    def step_on(self) -> None:
        last = self._keys[-1]
        if isinstance(last, int) and len(self._keys) > 1 and not self._num_deeper:
            self._keys[-1] = last + 1

    def end_value(self) -> None:
        """Count the top-level values; the elements of lists are counted by their commas."""
        first = self._keys[0]
        if len(self._keys) == 1 and isinstance(first, int):
            self._keys[0] = first + 1


def _is_key(data: bytes, end: int) -> bool:
    while data[end : end + 1].isspace():
        end += 1
    return data[end : end + 1] == b":"


def read_string(token: bytes) -> str:
    r"""Read a JSON string; a damaged one stays as it stands.

    Example:
        >>> read_string(b'"a\\nb"'), read_string(b'"cut')
        ('a\nb', 'cut')
    """
    try:
        text = _DECODER.decode(token.decode())
    except ValueError:
        return decode(token.strip(b'"'))
    return text if isinstance(text, str) else decode(token)


class LineFinder:
    """Tells the lines of places in a text."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._breaks = array("Q", (match.start() for match in re.finditer(b"\n", data)))

    def number_at(self, place: int) -> int:
        """The number of the line in which a place is."""
        return bisect_left(self._breaks, place) + 1

    def line_at(self, place: int) -> Line:
        """The line in which a place is; of a line that is too long to quote, the part round the place."""
        number = self.number_at(place)
        start = self._breaks[number - 2] + 1 if number > 1 else 0
        end = self._breaks[number - 1] if number <= len(self._breaks) else len(self._data)
        if end - start > MAX_QUOTED_BYTES:
            start = max(start, place - QUOTED_BEFORE_BYTES)
            while start < place and self._data[start] & 0xC0 == 0x80:
                start += 1
            end = min(end, start + QUOTED_BYTES)
            return Line(number, decode(self._data[start : end + 4], end - start))
        return Line(number, decode(self._data[start:end].rstrip(b"\r"), MAX_QUOTED_BYTES))
