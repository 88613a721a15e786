"""Where tracebacks begin and end among lines of a log, so that none is shown in part."""

import re
from collections.abc import Mapping, Sequence

MAX_SPAN_LINES = 250

_PREFIX = re.compile(
    r"(?:\[(?:rank|default)\d{1,5}\]:|\d{1,5}:|\[\d+,\d{1,5}\]<std(?:err|out)>:?|\([^()\s]{1,40} pid=[^()]{1,60}\)) ?"
)
_BEGIN = "Traceback (most recent call last)"
_FRAME = re.compile(r'\s+File "[^"]{1,300}", line \d')


def find_stacks(lines: Mapping[int, str], num_lines: int) -> list[tuple[int, int]]:
    """The spans of tracebacks among lines, by their first and last number.

    The span of one that begins above the lines, or ends below them, reaches a line further than they do.

    Args:
        lines: by number; some may be missing.
        num_lines: of the whole log.

    Example:
        >>> lines = {4: "Traceback (most recent call last):", 5: '  File "a.py", line 3, in f', 6: "KeyError: 1"}
        >>> find_stacks(lines, num_lines=6)
        [(4, 6)]
    """
    spans: list[tuple[int, int]] = []
    for stretch in _stretches(sorted(lines)):
        begin: int | None = None
        for number in stretch:
            text = _PREFIX.sub("", lines[number], count=1)
            if _BEGIN in text:
                begin = number if begin is None else begin
            elif begin is None and _FRAME.match(text):
                begin = _first_of_block(lines, stretch[0], number)
            elif begin is not None and text[:1] not in ("", " ", "\t", "|", "+"):
                spans.append((begin, number))
                begin = None
        if begin is not None:
            spans.append((begin, min(stretch[-1] + 1, num_lines)))
    return spans


def _first_of_block(lines: Mapping[int, str], first: int, number: int) -> int:
    """The first of the indented lines above a frame that no traceback's beginning was seen of."""
    while number > first and lines[number - 1][:1] in (" ", "\t"):
        number -= 1
    return number if number > first else max(1, first - 1)


def _stretches(numbers: Sequence[int]) -> list[list[int]]:
    """Numbers split where one is missing."""
    stretches: list[list[int]] = []
    for number in numbers:
        if stretches and stretches[-1][-1] == number - 1:
            stretches[-1].append(number)
        else:
            stretches.append([number])
    return stretches


def join_spans(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans with those that overlap or touch made one.

    Example:
        >>> join_spans([(5, 9), (1, 2), (8, 12)])
        [(1, 2), (5, 12)]
    """
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined
