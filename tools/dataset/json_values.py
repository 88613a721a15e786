"""The values of a JSON document one by one, without holding the document."""

import re
from collections.abc import Iterator

from tools.dataset.rows import CHUNK_BYTES, MAX_ROW_BYTES
from tools.log_formats.frames import ByteSource

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[{}\[\]]', re.DOTALL)
_OPENING, _CLOSING = b"{[", b"}]"


def split_values(source: ByteSource, level: int) -> Iterator[tuple[str, bytes | None]]:
    """Cut a document into its values.

    Args:
        level: 0 for values one after another, 1 for the elements of an array, 2 for those of arrays under keys.

    Yields:
        (key of the array at level 2, value); None for a value longer than MAX_ROW_BYTES, which ends it.
    """
    splitter = _Splitter(level)
    while chunk := source.read(CHUNK_BYTES):
        yield from splitter.feed(chunk)
        if splitter.num_held > MAX_ROW_BYTES:
            yield splitter.key, None
            return
    rest = splitter.rest()
    if rest:
        yield splitter.key, rest


class _Splitter:
    """Follows the nesting token by token; a string is one token, so that brackets in it do not count."""

    def __init__(self, level: int) -> None:
        self._level = level
        self._depth = 0
        self._is_array = level == 0
        self._buffer = b""
        self._place = 0
        self._start = -1
        self.key = ""

    @property
    def num_held(self) -> int:
        """Bytes of a value that has not ended."""
        return len(self._buffer)

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytes]]:
        """Take more of the document, give the values that end in it."""
        self._buffer += chunk
        end = len(self._buffer)
        for match in _TOKEN.finditer(self._buffer, self._place):
            token = match[0]
            if token[:1] == b'"':
                if len(token) == 1 or not token.endswith(b'"') or _is_escaped_end(token):
                    end = match.start()
                    break
                yield from self._take_string(token)
            elif token in _OPENING:
                self._open(token, match.start())
            else:
                yield from self._close(match.end())
        kept = self._start if self._start >= 0 else end
        self._buffer, self._place = self._buffer[kept:], end - kept
        self._start = 0 if self._start >= 0 else -1

    def rest(self) -> bytes:
        """What is left of a value that the document breaks off in."""
        return self._buffer if self._start >= 0 else b""

    def _take_string(self, token: bytes) -> Iterator[tuple[str, bytes]]:
        if self._start >= 0:
            return
        if self._depth == self._level and self._is_array and self._level:
            yield self.key, token
        elif self._depth == 1 and self._level == 2:
            self.key = token[1:-1].decode(errors="replace")

    def _open(self, token: bytes, place: int) -> None:
        if self._depth == self._level - 1:
            self._is_array = token == b"["
        if self._depth == self._level and self._is_array and self._start < 0:
            self._start = place
        self._depth += 1

    def _close(self, place: int) -> Iterator[tuple[str, bytes]]:
        self._depth = max(0, self._depth - 1)
        if self._depth == self._level and self._start >= 0:
            yield self.key, self._buffer[self._start : place]
            self._start = -1


def _is_escaped_end(token: bytes) -> bool:
    r"""Whether the quote that a token ends in is escaped, as in ``"a\"``."""
    return (len(token) - 1 - len(token[:-1].rstrip(b"\\"))) % 2 == 1
