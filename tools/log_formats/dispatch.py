"""Which of many formats a line is asked of: most lines of a log look like one that was read before."""

import re
from collections.abc import Iterable, Sequence

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.frames import any_of, decode
from tools.log_formats.pairs import LineReader
from tools.log_formats.record import LogFormat, classify

MAX_SHAPES = 1024
MAX_SHAPE_BYTES = 1000

Reader = tuple[LogFormat, LineReader]

_NUMBERS = lazy_pattern(rb"(?<![\w.])[-+]?(?:\d[\d.,]*(?:[eE][-+]?\d+)?|nan\b|inf\b)")


def row_marker(formats: Iterable[LogFormat]) -> re.Pattern[bytes]:
    """A pattern that finds a marker of any format; a marker that holds another one is found by that.

    Example:
        >>> from tools.log_formats.apple import MLX_LM
        >>> row_marker([MLX_LM]).pattern
        b':(?:\\\\ Train\\\\ loss\\\\ |\\\\ Val\\\\ loss\\\\ )'
    """
    markers = dict.fromkeys(marker for log_format in formats for marker in log_format.markers)
    return any_of(one for one in markers if not any(other in one for other in markers if other != one))


class LineDispatch:
    """Hands lines to the formats that may read them, in the order of the table.

    Lines that differ in their numbers alone hold the same markers, so their formats are looked up once. The one that
    read such a line is asked first; where it declines, and for every line that was no row, all that fit are asked:
    some remember what such lines say.
    """

    def __init__(self, formats: Sequence[LogFormat]) -> None:
        self._readers: tuple[Reader, ...] = tuple(
            (one, one.new_reader() if one.new_reader else one.read) for one in formats
        )
        self._fitting: dict[bytes, tuple[Reader, ...]] = {}
        self._winners: dict[bytes, Reader] = {}

    def read(self, frame: bytes) -> tuple[LogFormat, dict[str, float], str] | None:
        """Read a line; gives its format, its values and its text, None where it is no row of a training run."""
        shape = _NUMBERS.sub(b"#", frame) if len(frame) <= MAX_SHAPE_BYTES else b""
        text = decode(frame)
        winner = self._winners.get(shape)
        if winner and (values := winner[1](text)) and classify(values):
            return winner[0], values, text
        for reader in self._find_fitting(frame, shape):
            values = None if reader is winner else reader[1](text)
            if values and classify(values):
                if shape and len(self._winners) < MAX_SHAPES:
                    self._winners[shape] = reader
                return reader[0], values, text
        return None

    def _find_fitting(self, frame: bytes, shape: bytes) -> tuple[Reader, ...]:
        """The formats of which the line holds a marker."""
        known = self._fitting.get(shape)
        if known is not None:
            return known
        found = tuple(reader for reader in self._readers if any(marker in frame for marker in reader[0].markers))
        if shape and len(self._fitting) < MAX_SHAPES:
            self._fitting[shape] = found
        return found
