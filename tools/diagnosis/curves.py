"""Statistics of a noisy curve: levels, noise, trend. Medians throughout, so that single spikes decide nothing."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tools.run import Point

MAD_TO_SIGMA = 1.4826
MAX_WINDOWS = 400
MAX_WINDOW_VALUES = 64
MAX_NOISE_STEPS = 4000
NUM_BLOCKS = 20
FEW_STEPS = 20
CAUTION = 0.7
"""Of few differences the median is often low by luck: then the noise is at least 0.7 of what all of them give."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Levels of a series.

    Attributes:
        start: median of the first three values; head and tail: medians of the first and last fifth.
        end: median of the last tenth.
        lowest: lowest running median, lowest_index: where the window round it has its middle.
        highest, highest_index: the same for the highest.
        noise: standard deviation of a single value, from the differences between neighbours.
        trend: change over the whole series by a straight line, trend_error its standard error.
    """

    start: float
    head: float
    tail: float
    end: float
    lowest: float
    lowest_index: int
    highest: float
    highest_index: int
    noise: float
    trend: float
    trend_error: float


def measure_curve(values: Sequence[float]) -> Curve:
    """Measure a curve of at least three finite values."""
    fifth = max(2, len(values) // 5)
    tenth = max(2, len(values) // 10)
    smooth = running_median(values, max(3, len(values) // 20))
    lowest_index = min(smooth, key=smooth.__getitem__)
    highest_index = max(smooth, key=smooth.__getitem__)
    trend, trend_error = fit_trend(values)
    return Curve(
        start=median(values[:3]),
        head=median(values[:fifth]),
        tail=median(values[-fifth:]),
        end=median(values[-tenth:]),
        lowest=smooth[lowest_index],
        lowest_index=lowest_index,
        highest=smooth[highest_index],
        highest_index=highest_index,
        noise=measure_noise(values),
        trend=trend,
        trend_error=trend_error,
    )


def measure_noise(values: Sequence[float]) -> float:
    """Estimate the standard deviation of one value about the curve, from differences of neighbours.

    Source:
        Rice 1984, "Bandwidth choice for nonparametric regression", with medians in place of means.
    """
    stride = max(1, len(values) // MAX_NOISE_STEPS)
    steps = [values[i + 1] - values[i] for i in range(0, len(values) - 1, stride)]
    if not steps:
        return 0.0
    middle = median(steps)
    noise = MAD_TO_SIGMA * median(abs(step - middle) for step in steps) / math.sqrt(2)
    if len(steps) >= FEW_STEPS:
        return noise
    return max(noise, CAUTION * root_mean_square([step - middle for step in steps]) / math.sqrt(2))


def root_mean_square(values: Sequence[float]) -> float:
    """The root of the mean square; infinite where a square is too large for a float.

    Example:
        >>> root_mean_square([3.0, -4.0, 0.0, 5.0])
        3.5355339059327378
    """
    return math.sqrt(sum(value * value for value in values) / len(values))


def measure_turn_noise(values: Sequence[float], lowest_index: int) -> float:
    """Estimate the noise about a curve that falls to its minimum and rises from it, whatever its shape.

    Returns:
        Standard deviation of what the best falling and the best rising curve leave over, 0 where the values turn once.

    Source:
        Pool-adjacent-violators: Barlow et al. 1972, "Statistical Inference under Order Restrictions".
    """
    falling = fit_rising([-value for value in values[: lowest_index + 1]])
    rising = fit_rising(values[lowest_index + 1 :])
    fitted = [-value for value in falling] + rising
    return root_mean_square([a - b for a, b in zip(values, fitted, strict=True)])


def measure_wobble(values: Sequence[float]) -> float:
    """Estimate the noise from how far each value lies off the middle of its neighbours; a bend or a slope adds nothing.

    Source:
        Gasser, Sroka and Jennen-Steinmetz 1986, "Residual variance and residual pattern in nonlinear regression".

    Example:
        >>> measure_wobble([1.0, 2.0, 3.0, 4.0, 5.0])
        0.0
    """
    bends = [values[i - 1] - 2 * values[i] + values[i + 1] for i in range(1, len(values) - 1)]
    return MAD_TO_SIGMA * median(abs(bend) for bend in bends) / math.sqrt(6) if bends else 0.0


def fit_rising(values: Sequence[float]) -> list[float]:
    """The rising curve nearest to the values.

    Example:
        >>> fit_rising([1.0, 3.0, 2.0, 4.0])
        [1.0, 2.5, 2.5, 4.0]
    """
    blocks: list[tuple[float, int]] = []
    for value in values:
        mean, size = value, 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        blocks.append((mean, size))
    return [mean for mean, size in blocks for _ in range(size)]


def running_median(values: Sequence[float], width: int) -> dict[int, float]:
    """The median of a window round each position, narrower at the ends.

    Returns:
        Position -> median; every position of a short series, MAX_WINDOWS evenly spread ones of a long one.
    """
    half, stride, skip = width // 2, max(1, len(values) // MAX_WINDOWS), max(1, width // MAX_WINDOW_VALUES)
    return {i: median(values[max(0, i - half) : i + half + 1 : skip]) for i in range(0, len(values), stride)}


def block_medians(values: Sequence[float], num_blocks: int = NUM_BLOCKS) -> list[float]:
    """Medians of consecutive blocks of nearly equal size; the values themselves where there are no more than blocks."""
    if len(values) <= num_blocks:
        return list(values)
    bounds = [round(i * len(values) / num_blocks) for i in range(num_blocks + 1)]
    return [median(values[start:end]) for start, end in itertools.pairwise(bounds)]


def fit_trend(values: Sequence[float]) -> tuple[float, float]:
    """Least squares through block medians: the change from first to last value, and its standard error."""
    blocks = block_medians(values)
    n = len(blocks)
    if n < 3:
        return (blocks[-1] - blocks[0] if blocks else 0.0), math.inf
    centre, mean = (n - 1) / 2, sum(blocks) / n
    spread = sum((i - centre) ** 2 for i in range(n))
    slope = sum((i - centre) * value for i, value in enumerate(blocks)) / spread
    residual = root_mean_square([value - mean - slope * (i - centre) for i, value in enumerate(blocks)])
    error = residual * math.sqrt(n / (n - 2) / spread)
    return slope * (n - 1), error * (n - 1)


def position(point: Point) -> float:
    """Where a point lies in the run: its step, else its epoch, else its line."""
    if point.step is not None:
        return point.step
    return point.epoch if point.epoch is not None else point.line.number


def where(point: Point) -> str:
    """Say where a point lies: ``step 120 (epoch 3)``.

    Example:
        >>> from tools.run import Line
        >>> where(Point(1.0, 120, 3.0, Line(4, "")))
        'step 120 (epoch 3)'
    """
    epoch = "" if point.epoch is None else f"epoch {point.epoch:.3g}"
    if point.step is None:
        return epoch or f"line {point.line.number}"
    return f"step {point.step}" + (f" ({epoch})" if epoch else "")
