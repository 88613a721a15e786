"""The learning-rate schedule: over long before the run, restarted, or without a warm-up where one was needed."""

from itertools import pairwise
from statistics import median

from tools.diagnosis.curves import measure_noise, where
from tools.diagnosis.finding import CannotJudge, Finding, Settled, Verdict, quote
from tools.diagnosis.flatness import measure_fall, warms_up
from tools.diagnosis.rates import rate_range
from tools.diagnosis.signals import MIN_POINTS, Signals
from tools.run import Point
from tools.units import format_number

MIN_RATES = 10
LONG_WARM_UP_ROWS = 30
LITTLE_FALL = 0.05
DEAD_SHARE = 1e-3
"""Under a thousandth of its peak a rate moves nothing; a cosine spends 2 % of its steps there, a line 0.1 %."""
SMALL_RATE = 1e-6
MIN_DISTINCT = 4
"""Fewer different rates before zeros: so small a rate is rounded away by the print, as 1e-8 is with eight decimals."""
LONG_DEAD_SHARE = 0.25
NOTED_DEAD_SHARE = 0.1
COLD_START_SHARE = 0.9
EARLY_SHARE = 0.15
JOLT_FACTOR = 1.5
JOLT_SIGMAS = 5.0
JOLT_ROWS = 7
NUM_EARLY = 40
RESTART_FACTOR = 5.0
RESTART_LOSS_RISE = 0.15
NO_RATES = CannotJudge("the log holds no learning rates", "a log with the learning rate in each row")


def judge_lr_schedule(signals: Signals) -> Verdict:
    """Find a schedule that ends before its run does, starts with a jolt, or starts again in the middle."""
    if len(signals.rates) < MIN_RATES:
        return NO_RATES
    peak = max(signals.rates, key=lambda point: point.value)
    if peak.value <= 0:
        return None
    if warms_up(signals):
        return _judge_long_warm_up(signals, peak)
    return _judge_early_end(signals, peak) or _judge_jolt(signals, peak) or _judge_restart(signals)


def _judge_long_warm_up(signals: Signals, peak: Point) -> Finding | None:
    """A rate that still rises in the last of many rows, and a loss that has hardly moved."""
    if len(signals.rates) < LONG_WARM_UP_ROWS or len(signals.values) < LONG_WARM_UP_ROWS:
        return None
    fall, error = measure_fall(signals)
    if fall > LITTLE_FALL + 2 * error:
        return None
    is_low = peak.value < rate_range(signals).low
    return Finding(
        id="lr_schedule",
        severity="warning" if is_low else "note",
        confidence="likely" if is_low else "possible",
        summary=f"The learning rate still warms up where the log ends, at {format_number(peak.value)}, and the loss "
        f"has fallen by {100 * max(fall, 0.0):.1f}% only: the warm-up is long against what was trained.",
        values={"last_learning_rate": peak.value, "fall": fall},
        evidence=quote([signals.rates[0], signals.rates[-1], signals.losses[-1]]),
        settles={"warmup": Settled("lower", "to 3..10 % of the steps")},
    )


def _judge_early_end(signals: Signals, peak: Point) -> Finding | None:
    """A tail of rates that are practically 0."""
    rates = signals.rates
    alive = max(i for i, point in enumerate(rates) if point.value > DEAD_SHARE * peak.value)
    dead = rates[alive + 1 :]
    share = len(dead) / len(rates)
    is_rounded = peak.value < SMALL_RATE and len({point.value for point in rates[: alive + 1]}) < MIN_DISTINCT
    if share < NOTED_DEAD_SHARE or alive < MIN_RATES // 2 or is_rounded:
        return None
    is_long = share >= LONG_DEAD_SHARE
    return Finding(
        id="lr_schedule",
        severity="warning" if is_long else "note",
        confidence="certain" if is_long else "possible",
        summary=f"The learning rate is spent at {where(dead[0])}: from there it is {format_number(dead[0].value)} "
        f"against a peak of {format_number(peak.value)}, for {len(dead)} of {len(rates)} rows ({100 * share:.0f}%) in "
        "which nothing more is learned. The schedule is shorter than the run.",
        values={"peak_learning_rate": peak.value, "spent_step": dead[0].step, "spent_share": share},
        evidence=quote([peak, dead[0], dead[-1]]),
    )


def _judge_jolt(signals: Signals, peak: Point) -> Finding | None:
    """A loss that jumps in the first rows, at the full rate from the first of them on."""
    rates, values = signals.rates, signals.values
    if rates[0].value < COLD_START_SHARE * peak.value or signals.run.is_excerpt or len(values) < 2 * MIN_POINTS:
        return None
    width = min(JOLT_ROWS, max(3, len(values) // 12))
    early = values[: max(JOLT_ROWS, int(EARLY_SHARE * len(values)))]
    levels = [median(early[i : i + width]) for i in range(len(early) - width + 1)]
    start, noise = min(early[:2]), max(signals.curve.noise, measure_noise(values[:NUM_EARLY]))
    rise = max(levels) - start
    if start <= 0 or rise < (JOLT_FACTOR - 1) * start or rise < JOLT_SIGMAS * noise:
        return None
    first, worst = signals.losses[0], max(signals.losses[: len(early)], key=lambda point: point.value)
    return Finding(
        id="lr_schedule",
        severity="warning",
        confidence="likely",
        summary=f"The loss jumps from {format_number(first.value)} to {format_number(worst.value)} at {where(worst)}, "
        f"in the first rows, and the learning rate is {format_number(rates[0].value)} from the first of them on: "
        "there is no warm-up.",
        values={"first_learning_rate": rates[0].value, "highest_loss": worst.value, "highest_step": worst.step},
        evidence=quote([first, worst, rates[0]]),
        settles={"warmup": Settled("raise", "from 0 to 3..10 % of the steps")},
    )


def _judge_restart(signals: Signals) -> Finding | None:
    """A rate that had decayed and jumps up again, and a loss that climbs with it."""
    rates = signals.rates
    highest = 0.0
    for before, point in pairwise(rates):
        highest = max(highest, before.value)
        is_up = point.value > RESTART_FACTOR * before.value > 0 and before.value < highest / RESTART_FACTOR
        if is_up and (rise := _loss_rise(signals, point)) is not None and rise > RESTART_LOSS_RISE:
            return _tell_restart(before, point, rise)
    return None


def _tell_restart(before: Point, point: Point, rise: float) -> Finding:
    return Finding(
        id="lr_schedule",
        severity="warning",
        confidence="likely",
        summary=f"The learning rate jumps from {format_number(before.value)} back to {format_number(point.value)} at "
        f"{where(point)}, and the loss climbs by {100 * rise:.0f}% with it.",
        values={"restart_step": point.step, "learning_rate": point.value, "loss_rise": rise},
        evidence=quote([before, point]),
    )


def _loss_rise(signals: Signals, point: Point) -> float | None:
    """How far the loss climbs round a row, against its level before; None where the noise is larger."""
    here = signals.num_losses_until(point)
    before, after = signals.values[max(0, here - 6) : max(0, here - 1)], signals.values[max(0, here - 1) : here + 7]
    if len(before) < 3 or len(after) < 3 or min(before) <= 0:
        return None
    level, top = sorted(before)[len(before) // 2], sorted(after)[-3]
    return (top - level) / level if top - level > 3 * signals.curve.noise else None
