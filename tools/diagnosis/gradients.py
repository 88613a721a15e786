"""The gradient norm: growing by orders of magnitude, or gone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tools.diagnosis.curves import fit_trend, running_median, where
from tools.diagnosis.finding import CannotJudge, Finding, Settled, Severity, Verdict, quote
from tools.diagnosis.signals import Signals
from tools.run import Point
from tools.units import format_number

MIN_GRADIENTS = 8
NO_GRADIENTS = CannotJudge(
    "the log holds no gradient norm", "a log of transformers 4.38 or newer, or of a trainer that prints grad_norm"
)
GROWTH_FACTOR = 100.0
"""Two orders of magnitude over an earlier level: batches alone move a norm by a factor of ten, untrained heads and
summed losses start at hundreds and fall, which is no growth."""
SUSTAINED_FACTOR = 10.0
MIN_SUSTAINED = 4
SUSTAINED_WINDOW = 8
"""Four rows of eight above ten times the level; isolated peaks are the business of clipping."""
LONE_FACTOR = 1000.0
LONE_PEAK = 100.0
MIN_LARGE = 5.0
"""A norm below this does no harm, however small it was before: adapters start at 0."""
TOLD_FACTOR = 10.0
NUM_LEVEL = 10
FLOOR_SHARE = 0.3
VANISHED = 1e-6
VANISHED_SHARE = 1e-4
"""Real norms of a loss that is still to be learned lie above 1e-3; fp32 sums of noise alone stay above 1e-6."""
MIN_VANISHED_SHARE = 0.8
FALLING_SHARE = 0.02
LEARNED_LOSS = 0.05


@dataclass(frozen=True, slots=True)
class Growth:
    """A rise of the gradient norm: from a level to a peak; how many rows stand far above that level."""

    level: float
    peak: Point
    first: Point
    num_high: int

    @property
    def factor(self) -> float:
        """How many times the level the peak is."""
        return self.peak.value / self.level if self.level > 0 else math.inf


def judge_exploding_gradients(signals: Signals) -> Verdict:
    """Find a gradient norm that grows by orders of magnitude and stays high for more than a row or two.

    Norms that are inf or nan in single rows are left out: that is the loss scaler of fp16 at work.
    """
    if len(signals.gradients) < MIN_GRADIENTS:
        return NO_GRADIENTS if not signals.gradients else _too_few(len(signals.gradients))
    growth = find_growth(signals.gradients)
    if growth is None or growth.peak.value < MIN_LARGE:
        return None
    is_sustained = growth.factor >= GROWTH_FACTOR and _lasts(signals.gradients, growth)
    if not is_sustained and growth.factor < LONE_FACTOR:
        return None
    severity: Severity = "error" if is_sustained else "warning" if growth.peak.value >= LONE_PEAK else "note"
    return Finding(
        id="exploding_gradients",
        severity=severity,
        confidence="certain" if is_sustained and growth.factor >= LONE_FACTOR else "likely",
        summary=f"grad_norm grows from {format_number(growth.level)} to {format_number(growth.peak.value)} at "
        f"{where(growth.peak)}, {growth.factor:.0f} times as much; {growth.num_high} "
        f"row{'s stand' if growth.num_high > 1 else ' stands'} at more than ten times the earlier level.",
        values={
            "level": growth.level,
            "highest_grad_norm": growth.peak.value,
            "highest_step": growth.peak.step,
            "first_step": growth.first.step,
            "growth_factor": growth.factor if math.isfinite(growth.factor) else None,
        },
        evidence=quote([growth.first, growth.peak, signals.gradients[-1]]),
        settles={"learning_rate": Settled("lower")} if is_sustained else {},
    )


def _lasts(gradients: Sequence[Point], growth: Growth) -> bool:
    """Whether several rows close together stand far above the level; single peaks are single batches."""
    high = [i for i, point in enumerate(gradients) if point.value > SUSTAINED_FACTOR * growth.level]
    return any(b - a < SUSTAINED_WINDOW for a, b in zip(high, high[MIN_SUSTAINED - 1 :], strict=False))


def find_growth(gradients: Sequence[Point]) -> Growth | None:
    """The largest rise over an earlier level; None where the norm never stands above ten times one.

    The level is the lowest running median before the row, but no less than a third of the first rows' median: a norm
    that starts high and falls does not count, nor does a memorised one that flares up to where it came from.
    """
    values = [point.value for point in gradients]
    levels = sorted(running_median(values, NUM_LEVEL).items())
    floor = FLOOR_SHARE * median(values[:MIN_SUSTAINED])
    level, passed = max(floor, min(values[:2])), 0
    best: Growth | None = None
    first: Point | None = None
    for i in range(1, len(values)):
        while passed < len(levels) and levels[passed][0] + NUM_LEVEL // 2 < i:
            level = max(floor, min(level, levels[passed][1]))
            passed += 1
        if level > 0 and values[i] > SUSTAINED_FACTOR * level:
            first = first or gradients[i]
            if best is None or values[i] / level > best.factor:
                best = Growth(level, gradients[i], first, 0)
    if best is None:
        return None
    num_high = sum(value > SUSTAINED_FACTOR * best.level for value in values)
    return Growth(best.level, best.peak, best.first, num_high)


def tell_growth(signals: Signals, since: Point) -> str:
    """What the gradient norm does from a row on, for another finding; "" where it does nothing special."""
    growth = find_growth(signals.gradients) if len(signals.gradients) >= MIN_GRADIENTS else None
    if growth is None or growth.factor < TOLD_FACTOR or signals.place(growth.peak) < signals.place(since):
        return ""
    peak = growth.peak
    return f" grad_norm grows from {format_number(growth.level)} to {format_number(peak.value)} at {where(peak)}."


def judge_vanishing_gradients(signals: Signals) -> Verdict:
    """Find a gradient norm near 0 while the loss is not learned and does not fall.

    Megatron under DeepSpeed prints 0.000 throughout, and the loss falls: that is no finding.
    """
    gradients = signals.gradients
    if len(gradients) < MIN_GRADIENTS:
        return NO_GRADIENTS if not gradients else _too_few(len(gradients))
    if signals.is_rl:
        return CannotJudge("in reinforcement learning a group of equal rewards has no gradient by construction")
    late = gradients[len(gradients) // 2 :]
    level = max(VANISHED, VANISHED_SHARE * max(point.value for point in gradients[: len(gradients) // 4 or 1]))
    gone = [point for point in late if abs(point.value) <= level]
    if len(gone) < MIN_VANISHED_SHARE * len(late) or _learns(signals) or _is_rate_zero(signals, late):
        return None
    first = next(point for point in gradients if abs(point.value) <= level)
    middle = median(point.value for point in late)
    return Finding(
        id="vanishing_gradients",
        severity="error",
        confidence="certain" if middle == 0 else "likely",
        summary=f"grad_norm is {format_number(middle)} from {where(first)} on: nothing reaches the weights, "
        "so the loss cannot move.",
        values={"median_grad_norm": middle, "first_step": first.step, "num_rows": len(gone)},
        evidence=quote([gradients[0], first, gradients[-1]]),
    )


def _learns(signals: Signals) -> bool:
    """Whether the loss falls, or has been learned already."""
    values = signals.values
    if len(values) < 3 or all(value == 0 for value in values):
        return False
    curve = signals.curve
    late = values[len(values) // 2 :]
    change, error = fit_trend(late) if len(late) >= 3 else (0.0, math.inf)
    falls = -change > FALLING_SHARE * abs(curve.head) and -change > 3 * error
    is_learned = 0 < curve.end < LEARNED_LOSS * max(curve.start, 1.0)
    return falls or is_learned or curve.end < (1 - 5 * FALLING_SHARE) * curve.start


def _is_rate_zero(signals: Signals, late: Sequence[Point]) -> bool:
    """Whether the norm is reported as 0 because nothing is updated at all, which another rule tells."""
    rates = [point.value for point in signals.rates]
    return bool(rates) and max(rates) == 0 and any(point.value > 0 for point in late)


def _too_few(count: int) -> CannotJudge:
    return CannotJudge(f"only {count} gradient norms; {MIN_GRADIENTS} are needed", "a longer log")
