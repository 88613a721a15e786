"""Statistics of a noisy curve: levels, noise, trend. Medians throughout, so that single spikes decide nothing."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tools.run import Point, Run

RL_METRICS = (
    "reward",
    "reward_std",
    "objective/kl",
    "completions/mean_length",
    "completion_length",
    "policy/approxkl_avg",
)
PREFERENCE_METRICS = ("rewards/chosen", "rewards/margins", "rewards/accuracies")

MAD_TO_SIGMA = 1.4826
MAX_WINDOWS = 400


@dataclass(frozen=True, slots=True)
class Curve:
    """Levels of a series.

    Attributes:
        start: median of the first three values; head and tail: medians of the first and last fifth.
        lowest: lowest running median, lowest_index: where the window round it has its middle.
        noise: standard deviation of a single value, from the differences between neighbours.
        trend: change over the whole series by a straight line, trend_error its standard error.
    """

    start: float
    head: float
    tail: float
    end: float
    lowest: float
    lowest_index: int
    noise: float
    trend: float
    trend_error: float


def measure_curve(values: Sequence[float]) -> Curve:
    """Measure a curve of at least three finite values."""
    fifth = max(2, len(values) // 5)
    tenth = max(2, len(values) // 10)
    smooth = running_median(values, max(3, len(values) // 20))
    lowest_index = min(smooth, key=smooth.__getitem__)
    trend, trend_error = _fit_line(values)
    return Curve(
        start=median(values[:3]),
        head=median(values[:fifth]),
        tail=median(values[-fifth:]),
        end=median(values[-tenth:]),
        lowest=smooth[lowest_index],
        lowest_index=lowest_index,
        noise=measure_noise(values),
        trend=trend,
        trend_error=trend_error,
    )


def measure_noise(values: Sequence[float]) -> float:
    """Estimate the standard deviation of one value about the curve, from differences of neighbours.

    Source:
        Rice 1984, "Bandwidth choice for nonparametric regression", with medians in place of means.
    """
    steps = [b - a for a, b in itertools.pairwise(values)]
    if not steps:
        return 0.0
    middle = median(steps)
    return MAD_TO_SIGMA * median(abs(step - middle) for step in steps) / math.sqrt(2)


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
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(values, fitted, strict=True)) / len(values))


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
    half, stride = width // 2, max(1, len(values) // MAX_WINDOWS)
    return {i: median(values[max(0, i - half) : i + half + 1]) for i in range(0, len(values), stride)}


def _fit_line(values: Sequence[float]) -> tuple[float, float]:
    """Least squares on the positions: the change from first to last value, and its standard error."""
    n = len(values)
    centre, mean = (n - 1) / 2, sum(values) / n
    spread = sum((i - centre) ** 2 for i in range(n))
    slope = sum((i - centre) * value for i, value in enumerate(values)) / spread
    residual = sum((value - mean - slope * (i - centre)) ** 2 for i, value in enumerate(values))
    error = math.sqrt(residual / max(1, n - 2) / spread)
    return slope * (n - 1), error * (n - 1)


def is_rl(run: Run) -> bool:
    """Whether this is a reinforcement-learning run (GRPO, PPO), whose loss says nothing about learning."""
    return any(name in run.series for name in RL_METRICS)


def is_preference(run: Run) -> bool:
    """Whether this is a preference run (DPO, KTO, ORPO), whose learning rates are far lower."""
    return any(name in run.series for name in PREFERENCE_METRICS)


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
