"""The training loss climbing away from its minimum, or from its start."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from tools.diagnosis.curves import measure_noise, running_median, where
from tools.diagnosis.finding import Finding, Settled, Verdict, quote
from tools.diagnosis.gradients import tell_growth
from tools.diagnosis.loss_jumps import find_blow_up, is_recovered
from tools.diagnosis.signals import MIN_POINTS, RL_LOSS, Signals
from tools.run import Point
from tools.units import format_number

MIN_POINTS_BESIDE_EVAL = 4
"""A training loss that climbs needs fewer rows where the validation loss climbs beside it, or where each of the last
three rows stands half above the lowest."""
PLAIN_FACTOR = 1.5
MIN_PLAIN_ROWS = 3
MAX_PLAIN_ROWS = 16
RISING_FACTOR = 3.0
"""Noise of 30 % puts the lowest of a dozen rows at half the level, not at a third."""
RISE_SHARE = 0.15
RISE_OF_DROP = 0.25
"""A rise counts as divergence when it undoes a quarter of what the run had gained. Of 6000 simulated healthy runs with
noise up to 30 %, 7 are said to diverge; of diverging runs with noise up to 20 %, 94 % are found."""
CERTAIN_SHARE = 0.5
LUCK_SIGMAS = 4.0
JUMP_FACTOR = 1.5
BOTH_RISE_SHARE = 0.05
MIN_EVALS_TO_RISE = 8
BOTH_RISE_SIGMAS = 5.0
"""Training and validation loss that both end 5 % and five standard errors above their minimum diverge, however much
the run had gained before: data order moves one of them, hardly both."""
MIN_ROWS_OF_SEASON = 6


def judge_loss_divergence(signals: Signals) -> Verdict:
    """Find a training loss that climbs away from its minimum and stays up."""
    if signals.is_rl:
        return RL_LOSS
    is_plain = _eval_climbs(signals) or _climbs_plainly(signals.values)
    missing = signals.too_few(MIN_POINTS_BESIDE_EVAL if is_plain else MIN_POINTS)
    if missing:
        return missing
    blow_up = find_blow_up(signals)
    if blow_up and is_recovered(signals, blow_up):
        return None
    low = _find_departure(signals)
    if low is None:
        return None
    curve, points = signals.curve, signals.losses
    top = max(points[points.index(low) :], key=lambda point: point.value)
    share = (curve.end - low.value) / abs(low.value) if low.value else math.inf
    values = {
        "lowest_loss": low.value,
        "lowest_step": low.step,
        "highest_loss": top.value,
        "highest_step": top.step,
        "end_loss": curve.end,
    }
    return Finding(
        id="loss_divergence",
        severity="error",
        confidence="certain" if share > CERTAIN_SHARE and len(points) >= MIN_POINTS else "likely",
        summary=f"The training loss climbs from {format_number(low.value)} at {where(low)} to "
        f"{format_number(top.value)} at {where(top)}, and it still is {format_number(curve.end)} at the end."
        + _tell_rate(signals, low)
        + tell_growth(signals, low)
        + _tell_few(signals),
        values=values,
        evidence=quote([low, top, points[-1]]),
        settles={"learning_rate": Settled("lower")},
    )


def _find_departure(signals: Signals) -> Point | None:
    """The row from which the loss climbs away, None where it does not."""
    found = _left_minimum(signals) or (None if signals.run.is_excerpt else _left_start(signals))
    if found is None and _climbs_plainly(signals.values):
        return min(signals.losses, key=lambda point: point.value)
    return found or _left_with_eval(signals)


def _left_minimum(signals: Signals) -> Point | None:
    """The minimum from which the loss climbed and stayed up; the minimum is one of a smoothed curve."""
    points, curve = signals.losses, signals.curve
    rise, gained = curve.end - curve.lowest, max(0.0, curve.start - curve.lowest)
    scale = abs(curve.lowest) if curve.lowest > 0 else abs(curve.lowest) + gained
    is_high = rise > RISE_SHARE * scale and rise > RISE_OF_DROP * gained and rise > signals.luck_of_minimum
    if not is_high or not _stays_up(signals.values, curve.lowest + rise / 2) or _is_season(signals, rise):
        return None
    around = points[max(0, curve.lowest_index - 1) : curve.lowest_index + 2]
    return min(around, key=lambda point: abs(point.value - curve.lowest))


def _left_start(signals: Signals) -> Point | None:
    """The first value, where the loss jumped up at once and has not come back to it by the end.

    A rate far too high wrecks the model in its first steps; what follows is a slow recovery that looks like learning.
    """
    points, curve = signals.losses, signals.curve
    first = min(points[:3], key=lambda point: point.value)
    is_wrecked = curve.highest > JUMP_FACTOR * first.value > 0 and curve.end > (1 + RISE_SHARE) * first.value
    return first if is_wrecked and curve.end - first.value > LUCK_SIGMAS * curve.noise else None


def _left_with_eval(signals: Signals) -> Point | None:
    """The minimum, where training and validation loss both climb slowly but surely from theirs."""
    evals, curve = [point.value for point in signals.evals], signals.curve
    if len(evals) < MIN_EVALS_TO_RISE or min(evals) <= 0 or curve.lowest <= 0:
        return None
    if not (_surely_rises(signals.values) and _surely_rises(evals)) or _is_season(signals, curve.end - curve.lowest):
        return None
    return signals.losses[curve.lowest_index]


def _surely_rises(values: Sequence[float]) -> bool:
    """Whether the last fifth lies above an earlier fifth by 5 % and by more than the noise explains."""
    size = max(3, len(values) // 5)
    starts = range(0, len(values) - 2 * size + 1, max(1, size // 2))
    lowest = min((median(values[i : i + size]) for i in starts), default=math.inf)
    rise = median(values[-size:]) - lowest
    return rise > BOTH_RISE_SHARE * lowest and rise > BOTH_RISE_SIGMAS * 1.25 * measure_noise(values) / math.sqrt(size)


def _is_season(signals: Signals, rise: float) -> bool:
    """Whether the rise is the order of the data: it stood as high at this place of the epoch before, and came back."""
    starts, values = signals.epoch_starts, signals.values
    if not starts:
        return False
    epoch_rows = starts[-1] - (starts[-2] if len(starts) > 1 else 0)
    before, reach = len(values) - epoch_rows, max(2, epoch_rows // 10)
    if epoch_rows < MIN_ROWS_OF_SEASON or before < reach:
        return False
    same_place = median(values[max(0, before - reach) : before])
    lowest_since = min(running_median(values[before:], max(3, epoch_rows // 10)).values())
    return same_place > signals.curve.end - rise / 2 and lowest_since < signals.curve.lowest + rise / 2


def _tell_rate(signals: Signals, low: Point) -> str:
    rate = next(iter(signals.beside("learning_rate", [low])), None)
    return f" The learning rate is {format_number(rate.value)} where it leaves." if rate else ""


def _tell_few(signals: Signals) -> str:
    return f" These are only {len(signals.losses)} rows." if len(signals.losses) < MIN_POINTS else ""


def _stays_up(values: Sequence[float], level: float) -> bool:
    last = values[-max(3, len(values) // 10) :]
    third = max(1, len(last) // 3)
    return all(median(last[start : start + third]) > level for start in (0, third, len(last) - third))


def _climbs_plainly(values: Sequence[float]) -> bool:
    """Whether few rows show it all the same: low, then high for three rows, above the start or half-way back to it."""
    if not MIN_POINTS_BESIDE_EVAL <= len(values) < MAX_PLAIN_ROWS or min(values) <= 0:
        return False
    lowest = values.index(min(values))
    last = values[-MIN_PLAIN_ROWS:]
    if len(values) - lowest <= MIN_PLAIN_ROWS or min(last) <= PLAIN_FACTOR * values[lowest]:
        return False
    if len(values) < MIN_POINTS and last[-1] > values[0]:
        return True
    is_rising = all(a < b for a, b in pairwise(last)) and min(last) > RISING_FACTOR * values[lowest]
    return is_rising and last[-1] - values[lowest] > (max(values[: lowest + 1]) - values[lowest]) / 2


def _eval_climbs(signals: Signals) -> bool:
    evals = [point.value for point in signals.evals]
    return len(evals) >= 3 and evals[-1] > (1 + RISE_SHARE) * min(evals)
