"""What a training loss shows of a learning rate that is too high."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tools.diagnosis.curves import fit_trend, running_median, where
from tools.diagnosis.divergence import judge_loss_divergence
from tools.diagnosis.finding import Finding
from tools.diagnosis.loss_broken import judge_loss_nan
from tools.diagnosis.loss_jumps import find_blow_up
from tools.diagnosis.signals import MIN_POINTS, Signals
from tools.run import Point
from tools.units import format_number

NO_GAIN_SHARE = 0.98
OVERSHOOT_FACTOR = 1.2
BOUNCE_FACTOR = 1.15
BOUNCE_SIGMAS = 2.0
OVERSHOOT_SIGMAS = 4.0
PLATEAU_SHARE = 0.05
POOR_LOSS = 2.0
"""Signs of a rate too high that are no proof by themselves: a climb over the start, a bounce by 15 %, a plateau
above 2 nats over the last three fifths of the run."""


@dataclass(frozen=True, slots=True)
class Harm:
    """What the curve shows, as the end of a sentence, and the rows that show it.

    Attributes:
        is_mild: it is no proof by itself, only under a rate that is surely too high.
    """

    text: str
    rows: tuple[Point, ...]
    is_mild: bool = False


def find_harm(signals: Signals, *, is_rate_sure: bool) -> Harm | None:
    """Find the harm of a rate that is too high.

    Args:
        signals: the run.
        is_rate_sure: the rate is surely too high, so that a bounce or a plateau at a high level suffices.
    """
    losses = signals.losses
    if not losses:
        broken = isinstance(judge_loss_nan(signals), Finding)
        return Harm("the loss is no number any more", signals.run.points("loss")[:1]) if broken else None
    top = max(losses, key=lambda point: point.value)
    rows = (losses[0], top, losses[-1])
    climb = f"from {format_number(losses[0].value)} to {format_number(top.value)} at {where(top)}"
    if isinstance(judge_loss_nan(signals), Finding):
        return Harm("the loss is no number any more", rows)
    if isinstance(judge_loss_divergence(signals), Finding):
        return Harm(f"the loss climbs away, {climb}", rows)
    if len(losses) < MIN_POINTS:
        return None
    curve = signals.curve
    if find_blow_up(signals) or curve.highest > OVERSHOOT_FACTOR * curve.start + OVERSHOOT_SIGMAS * curve.noise:
        return Harm(f"the loss blows up, {climb}", rows)
    if curve.end > NO_GAIN_SHARE * min(signals.values[:3]):
        return Harm(f"the loss ends at {format_number(curve.end)}, no lower than it began", rows)
    return _find_bounce(signals) or _find_plateau(signals) if is_rate_sure else None


def _find_bounce(signals: Signals) -> Harm | None:
    low, high = _largest_bounce(signals.values)
    before, after = signals.losses[low], signals.losses[high]
    smooth = running_median(signals.values, _width(signals.values))
    rise = smooth[high] - smooth[low]
    if smooth[low] <= 0 or rise < (BOUNCE_FACTOR - 1) * smooth[low] or rise < BOUNCE_SIGMAS * signals.curve.noise:
        return None
    text = f"the loss bounces up from {format_number(smooth[low])} to {format_number(smooth[high])} at {where(after)}"
    return Harm(text, (before, after, signals.losses[-1]), is_mild=True)


def _find_plateau(signals: Signals) -> Harm | None:
    start = 2 * len(signals.values) // 5
    change, _ = fit_trend(signals.values[start:])
    end = signals.curve.end
    if abs(change) > PLATEAU_SHARE * abs(end) or end < POOR_LOSS:
        return None
    rows = (signals.losses[0], signals.losses[start], signals.losses[-1])
    return Harm(f"the loss settles early at a poor {format_number(end)}", rows, is_mild=True)


def _largest_bounce(values: Sequence[float]) -> tuple[int, int]:
    """The largest rise of the smoothed loss from a level that it had reached: the rows from and to which it goes."""
    low, level, best, height = 0, math.inf, (0, 0), 0.0
    for index, value in sorted(running_median(values, _width(values)).items()):
        if value < level:
            low, level = index, value
        elif value - level > height:
            best, height = (low, index), value - level
    return best


def _width(values: Sequence[float]) -> int:
    return max(3, len(values) // 20)
