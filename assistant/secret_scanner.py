"""Finds everything that must not leave, in text of any length that comes in pieces of any size."""

from collections.abc import Iterable, Iterator

from assistant.personal_details import find_details, find_user_name, read_user_name
from assistant.private_blocks import PrivateBlocks
from assistant.secret_assignments import find_assignments
from assistant.secret_shapes import Span, find_shapes

# A line longer than this is read in blocks, each with what stands before and after it, so no secret falls between two.
BLOCK = 16_384
LOOK_BACK = 512
LOOK_AHEAD = 12_800
MAX_HELD = BLOCK + LOOK_AHEAD
MAX_NAMES = 16


class Scanner:
    """Reads text in order and keeps what later text needs: an open private key, the names of users."""

    def __init__(self, names: dict[str, None] | None = None) -> None:
        self._blocks = PrivateBlocks()
        self._names = {} if names is None else names

    def scan(self, text: str, start: int, stop: int, *, is_whole: bool) -> list[Span]:
        """Secrets that begin between start and stop; the rest of the text is what stands around.

        Args:
            text: What is at hand.
            start: First character not yet read.
            stop: Where to stop; a secret may reach beyond it.
            is_whole: Whether the part consists of whole lines; else it is a block of a very long one.
        """
        if not is_whole:
            self._blocks.close()
        found = [
            *self._blocks.find(text, start, stop),
            *find_shapes(text),
            *find_details(text),
            *find_assignments(text),
        ]
        spans = [span for span in found if start <= span.start < stop]
        spans += self._follow_names(text, spans, start, stop)
        if not is_whole:
            self._blocks.close()
        return list(merge_spans(spans))

    def _follow_names(self, text: str, spans: Iterable[Span], start: int, stop: int) -> list[Span]:
        since = dict.fromkeys(self._names, start)
        homes = (span for span in spans if span.name == "HOME")
        for home in sorted(homes, key=lambda span: span.start):
            name = read_user_name(home)
            if name and len(self._names) < MAX_NAMES and name not in since:
                since[name] = home.end
                self._names[name] = None
        found = (span for name, position in since.items() for span in find_user_name(text, name, position))
        return [span for span in found if start <= span.start < stop]


def merge_spans(spans: Iterable[Span]) -> Iterator[Span]:
    """Spans in order, those that overlap made one; the one of lowest rank names it and says what it is."""
    current: Span | None = None
    for span in sorted(spans, key=lambda span: (span.start, span.rank, -span.end)):
        if current is None or span.start >= current.end:
            if current is not None:
                yield current
            current = span
            continue
        if current.name == "PRIVATE_KEY":
            continue
        best = min(current, span, key=lambda item: item.rank)
        current = Span(current.start, max(current.end, span.end), best.name, best.rank, best.identity)
    if current is not None:
        yield current
