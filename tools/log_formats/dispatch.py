"""Which of many formats a line is asked of: most lines of a log look like one that was read before."""

import re
from collections.abc import Iterable, Sequence

from tools.log_formats.frames import any_of, decode
from tools.log_formats.pairs import LineReader
from tools.log_formats.record import LogFormat, classify

MAX_SHAPES = 1024
MAX_SHAPE_BYTES = 1000

_NUMBERS = re.compile(rb"(?<![\w.])[-+]?(?:\d[\d.,]*(?:[eE][-+]?\d+)?|nan\b|inf\b)")


def row_marker(formats: Iterable[LogFormat]) -> re.Pattern[bytes]:
    """A pattern that finds a marker of any format; a marker that holds another one is found by that.

    Example:
        >>> from tools.log_formats.apple import MLX_LM
        >>> row_marker([MLX_LM]).pattern
        b':\\\\ Train\\\\ loss\\\\ |:\\\\ Val\\\\ loss\\\\ '
    """
    markers = dict.fromkeys(marker for log_format in formats for marker in log_format.markers)
    return any_of(one for one in markers if not any(other in one for other in markers if other != one))


class LineDispatch:
    """Hands lines to the formats that may read them, in the order of the table.

    A line that differs from an earlier one in its numbers alone goes to that one's reader at once. Where that reader
    declines, and for every line that was no row, all are asked: some remember what such lines say.
    """

    def __init__(self, formats: Sequence[LogFormat]) -> None:
        self._readers: list[tuple[LogFormat, LineReader]] = [
            (one, one.new_reader() if one.new_reader else one.read) for one in formats
        ]
        self._winners: dict[bytes, int] = {}

    def read(self, frame: bytes) -> tuple[LogFormat, dict[str, float], str] | None:
        """Read a line; gives its format, its values and its text, None where it is no row of a training run."""
        shape = _NUMBERS.sub(b"#", frame) if len(frame) <= MAX_SHAPE_BYTES else b""
        winner = self._winners.get(shape)
        text = decode(frame)
        if winner is not None:
            log_format, read = self._readers[winner]
            values = read(text)
            if values and classify(values):
                return log_format, values, text
        return self._ask_all(frame, text, shape)

    def _ask_all(self, frame: bytes, text: str, shape: bytes) -> tuple[LogFormat, dict[str, float], str] | None:
        for index, (log_format, read) in enumerate(self._readers):
            for marker in log_format.markers:
                if marker in frame:
                    values = read(text)
                    break
            else:
                continue
            if values and classify(values):
                if shape and len(self._winners) < MAX_SHAPES:
                    self._winners[shape] = index
                return log_format, values, text
        return None
