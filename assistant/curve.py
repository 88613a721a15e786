"""One line of blocks for a series: its shape, where it is not finite, its first, last and extreme value."""

import itertools
import math
from collections.abc import Sequence
from statistics import median

from tools.run import Point, Series
from tools.units import format_number

BLOCKS = "▁▂▃▄▅▆▇█"
NOT_FINITE = "×"
MAX_COLUMNS = 60
MIN_COLUMNS = 16
NAME_COLUMNS = 14
LOG_SPAN = 30.0
"""A highest value this many times the median leaves no shape on a linear scale: a logarithmic one is used and named."""


def draw_curve(values: Sequence[float], columns: int) -> str:
    """Draw values from left to right, several to a column where there are more of them than columns.

    A column shows its highest value, so that a spike of one step is seen; it is marked as not finite if one of its is.

    Example:
        >>> draw_curve([4.0, 3.0, 2.0, 1.0], 4), draw_curve([1.0, math.nan], 60), draw_curve([2.0, 2.0], 60)
        ('█▆▃▁', '▄×', '▄▄')
    """
    num = min(columns, len(values))
    bounds = [index * len(values) // num for index in range(num + 1)] if num else []
    groups = [values[start:end] for start, end in itertools.pairwise(bounds)]
    heights = [max(group) if all(map(math.isfinite, group)) else math.nan for group in groups]
    finite = [height for height in heights if math.isfinite(height)]
    if finite and is_log_scaled(finite):
        heights, finite = [_log(height) for height in heights], [_log(height) for height in finite]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    return "".join(NOT_FINITE if not math.isfinite(height) else _block(height, low, high) for height in heights)


def is_log_scaled(values: Sequence[float]) -> bool:
    """Whether a curve of these finite values is drawn on a logarithmic scale."""
    return bool(values) and min(values) > 0 and max(values) > LOG_SPAN * median(values)


def tell_curve(name: str, series: Series, width: int) -> str:
    """One line of at most ``width`` columns: name, curve, first and last value, the lowest or highest with its step."""
    points = series.points
    told = f"{_show(points[0])} → {_show(points[-1])}"
    if len(points) > 1 and series.finite:
        told += _tell_extreme(name, series)
    if is_log_scaled(series.values):
        told += " (log)"
    columns = max(MIN_COLUMNS, min(MAX_COLUMNS, width - NAME_COLUMNS - len(told) - 3))
    curve = draw_curve([point.value for point in points], columns)
    return f"{name:<{NAME_COLUMNS}} {curve}  {told}"


def _tell_extreme(name: str, series: Series) -> str:
    """The lowest value of a loss, the highest of everything else: of rates, norms and rewards it is the telling one."""
    if name.endswith("loss"):
        point = min(series.finite, key=lambda point: point.value)
        return f", min {_show(point)}{_place(point)}"
    point = max(series.finite, key=lambda point: point.value)
    return f", max {_show(point)}{_place(point)}"


def _show(point: Point) -> str:
    return format_number(point.value)


def _place(point: Point) -> str:
    if point.step is not None:
        return f" at step {point.step}"
    return f" in epoch {point.epoch:.2f}" if point.epoch is not None else ""


def _block(height: float, low: float, high: float) -> str:
    if high - low <= 1e-9 * max(abs(high), abs(low)):
        return BLOCKS[3]
    return BLOCKS[round((height - low) / (high - low) * (len(BLOCKS) - 1))]


def _log(value: float) -> float:
    return math.log(value) if math.isfinite(value) else value
