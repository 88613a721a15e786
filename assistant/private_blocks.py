"""Private keys that fill several lines of a log, whatever the log writes before each of them."""

import re
from collections.abc import Generator, Iterator

from assistant.secret_shapes import Span

MAX_BLOCK = 12_000
MAX_LINES = 400
LONG_LINE = 40
_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END_TEXT = "-----END "
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY")
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_BREAK = r"(?:[ \t\r]|\\{1,4}[nr])"
_INLINE = re.compile(
    rf"(?:{_BREAK}|[\"'+,]){{0,12}}[A-Za-z0-9+/=]{{40,4096}}(?:{_BREAK}{{1,6}}[A-Za-z0-9+/=]{{4,4096}}){{0,120}}"
)
_COLOUR_AT_END = re.compile(r"\x1b\[[0-9;]{0,12}m\Z")
_HEADERS = ("Proc-Type:", "DEK-Info:", "Comment:", "Version:")


class PrivateBlocks:
    """Follows a private key from its first line to its last; remembers between calls that one is open."""

    def __init__(self) -> None:
        self._lines_left = 0
        self._num_words = 0
        self._identity = ""

    def find(self, text: str, start: int, stop: int) -> Iterator[Span]:
        """The parts of lines between start and stop that belong to a private key."""
        while start < stop:
            if self._lines_left:
                end = text.find("\n", start, stop)
                end = stop if end < 0 else end
                start = yield from self._read_line(text, start, end)
                continue
            begin = _BEGIN.search(text, start, stop) if text.find("PRIVATE KEY", start, stop) >= 0 else None
            if begin is None:
                return
            start = yield from self._open(text, begin.end())

    def close(self) -> None:
        """Forget an open key: no line of one is as long as what follows."""
        self._lines_left = 0

    def _open(self, text: str, body: int) -> Generator[Span, None, int]:
        """A key that begins here: either its end stands in the same line, or it goes on in the next ones."""
        line_end = text.find("\n", body)
        line_end = len(text) if line_end < 0 else line_end
        end = text.find(_END_TEXT, body, min(line_end, body + MAX_BLOCK))
        inline = _INLINE.match(text, body, line_end)
        if end > body:
            yield Span(body, end, "PRIVATE_KEY", 0)
            return end
        if inline:
            yield Span(body, inline.end(), "PRIVATE_KEY", 0)
        self._lines_left, self._num_words = MAX_LINES, 0
        self._identity = text[body : inline.end()].strip() if inline else ""
        return line_end + 1

    def _read_line(self, text: str, start: int, end: int) -> Generator[Span, None, int]:
        """A line while a key is open; returns where to go on, which is the same line when it is none of the key's."""
        self._lines_left -= 1
        closing = _END.search(text, start, end)
        first, last = _find_last_word(text, start, end)
        size = last - first
        if _BEGIN.search(text, start, end):
            self._lines_left = 0
            return start
        if closing:
            self._lines_left = 0
            return closing.end()
        num_words = len(text[start:end].split())
        # What a log writes before a key's last line is as many words as before the others.
        if size >= LONG_LINE or (size and num_words == self._num_words):
            self._identity = self._identity or text[first:last]
            yield Span(first, last, "PRIVATE_KEY", 0, self._identity)
            # A shorter line is a key's last; only its end may follow.
            self._lines_left = self._lines_left if size >= LONG_LINE else 0
            self._num_words = num_words
        elif size or _is_body_over(text[start:end]):
            self._lines_left = 0
            return start
        return end + 1


def _is_body_over(line: str) -> bool:
    return bool(line.strip()) and not any(header in line for header in _HEADERS)


def _find_last_word(text: str, start: int, end: int) -> tuple[int, int]:
    """Where the last base64 word of a line stands; an empty range when the line ends in something else."""
    line = text[start:end].rstrip(" \t\r\"',;|+)]")
    colour = _COLOUR_AT_END.search(line, max(0, len(line) - 16))
    line = (line[: colour.start()] if colour else line).removesuffix("\\n")
    begin = len(line.rstrip(_BASE64))
    if begin and (line[begin - 1].isalnum() or line[begin - 1] in "._-"):
        return start, start
    return start + begin, start + len(line)
