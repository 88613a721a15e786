"""Rows by the thousand: what they come to, and which of them a long run can do without."""

import math
from collections.abc import Sequence

from tools.run import Total

TELLING_METRICS = ("loss", "eval_loss", "grad_norm", "eval_train_loss")

Row = tuple[tuple[str, ...], tuple[float, ...], int, bytes]
"""Names, their values, the line number, and the text as it stands in the log."""
Event = Row | tuple[int, bytes] | None
"""A row; a frame of a progress bar, its line number and text; None: the next bar belongs to the next row alone."""


class Totals:
    """Counts and ends of every metric, extremes of the telling ones, exact however many rows are thinned out."""

    def __init__(self) -> None:
        self._found: dict[str, Total] = {}
        self._spans: dict[str, tuple[int, int]] = {}

    def add(self, names: Sequence[str], rows: Sequence[Sequence[float]], span: tuple[int, int]) -> None:
        """Take rows of the same names.

        Args:
            names: of the columns.
            rows: at least one, in the order of the log.
            span: the places of the first and the last of them in the log.
        """
        for place, name in enumerate(names):
            lowest = highest = None
            if name in TELLING_METRICS:
                column = [row[place] for row in rows]
                finite = column if math.isfinite(sum(column)) else [value for value in column if math.isfinite(value)]
                lowest, highest = (min(finite), max(finite)) if finite else (None, None)
            self._join(name, Total(len(rows), rows[0][place], rows[-1][place], lowest, highest), span)

    def all(self) -> dict[str, Total]:
        """The totals so far, by metric name."""
        return dict(self._found)

    def _join(self, name: str, new: Total, span: tuple[int, int]) -> None:
        old, (begin, end) = self._found.get(name), self._spans.get(name, span)
        if old:
            lows = [value for value in (old.lowest, new.lowest) if value is not None]
            highs = [value for value in (old.highest, new.highest) if value is not None]
            new = Total(
                old.num_points + new.num_points,
                new.first if span[0] < begin else old.first,
                new.last if span[1] >= end else old.last,
                min(lows, default=None),
                max(highs, default=None),
            )
        self._found[name] = new
        self._spans[name] = min(begin, span[0]), max(end, span[1])


def choose_telling(names: Sequence[str], rows: Sequence[Sequence[float]], block: int) -> set[int]:
    """Choose the rows to keep: of every block, those with the extremes of a telling metric, or the first not finite.

    Args:
        names: what the columns are; without a telling metric the first column stands for it.
        rows: values in the order of the log.
        block: how many rows stand together.

    Returns:
        Indexes into ``rows``; the first and the last are always among them.

    Example:
        >>> sorted(choose_telling(["loss"], [[3.0], [1.0], [2.0], [4.0], [2.0], [2.0]], 3))
        [0, 1, 3, 4, 5]
    """
    telling = [index for index, name in enumerate(names) if name in TELLING_METRICS] or [0]
    columns = [[row[index] for row in rows] for index in telling] if names else []
    kept = {0, len(rows) - 1}
    for start in range(0, len(rows), block):
        for column in columns:
            part = column[start : start + block]
            finite = part if math.isfinite(sum(part)) else [value for value in part if math.isfinite(value)]
            if len(finite) < len(part):
                kept.add(start + next(index for index, value in enumerate(part) if not math.isfinite(value)))
            if finite:
                kept.update((start + part.index(min(finite)), start + part.index(max(finite))))
    return kept
