"""The training loss: not a number, exactly zero, climbing away, or flat."""

import math
from collections.abc import Sequence
from itertools import pairwise, takewhile

from tools.diagnosis.curves import Curve, is_rl, measure_curve, position, where
from tools.diagnosis.finding import CannotJudge, Finding, Settled, Verdict, quote
from tools.run import Point, Run
from tools.units import format_number

MIN_POINTS = 8
"""Fewer rows than this cannot be told from noise."""
MIN_POINTS_BESIDE_EVAL = 4
"""A training loss that climbs needs fewer rows where the validation loss climbs beside it."""
MIN_ZEROS = 3
MAX_ZEROS_EXAMINED = 20
MEMORISED_LOSS = 0.01
"""A loss that small before it prints as 0.0 was rounded, not lost."""
FLAT_SHARE = 0.02
"""A change of under 2 % over a whole run is no learning: a fine-tune that learns loses 5 % and more of its loss."""
DOUBTFUL_SHARE = 0.05
SIGNIFICANCE = 3.0
"""Standard errors that a change must reach before it counts."""
RISE_SHARE = 0.15
RISE_OF_DROP = 0.25
"""A rise counts as divergence when it undoes a quarter of what the run had gained."""
CERTAIN_SHARE = 0.5
JUMP_FACTOR = 1.5
EVAL_GAIN_SHARE = 0.03

RL_REASON = CannotJudge("the loss of a reinforcement-learning run is near 0 by construction; reward and KL tell")


def judge_loss_nan(run: Run) -> Verdict:
    """Find the first loss that is nan or infinite."""
    points = [point for name in ("loss", "eval_loss") for point in run.points(name)]
    if not points:
        return _no_loss()
    broken = [point for point in points if not math.isfinite(point.value)]
    if not broken:
        return None
    first = min(broken, key=position)
    before = _finite_before(run.points("loss"), first) or _finite_before(run.points("eval_loss"), first)
    gradient = _beside(run, "grad_norm", first)
    lasts = len(broken) > 1 or first is points[-1]
    span = f"from {where(first)} on" if lasts else f"once, at {where(first)}"
    text = f"The loss is {format_number(first.value)} {span}: {len(broken)} of {len(points)} values."
    if before:
        text += f" The last finite loss before it is {format_number(before[-1].value)} at {where(before[-1])}."
    if gradient and not math.isfinite(gradient.value):
        text += f" grad_norm is {format_number(gradient.value)} in the same row."
    elif gradient and gradient.value == 0:
        text += " grad_norm is 0 in the same row: that batch has no label left to learn from."
    values = {
        "first_step": first.step,
        "first_value": str(first.value),
        "num_non_finite": len(broken),
        "last_finite_loss": before[-1].value if before else None,
    }
    return Finding(
        id="loss_nan",
        severity="error" if lasts else "warning",
        confidence="certain",
        summary=text,
        values=values,
        evidence=quote([before[-1] if before else None, first, broken[-1] if lasts else None]),
        settles={"learning_rate": Settled("lower")},
    )


def judge_loss_zero(run: Run) -> Verdict:
    """Find a training loss that prints as exactly 0.0 and stays there."""
    if is_rl(run):
        return RL_REASON
    points = run.points("loss")
    if not points:
        return _no_loss()
    zeros = _last_zeros(points)
    is_whole = len(zeros) == len(points) >= 2
    if len(zeros) < MIN_ZEROS and not is_whole:
        return None
    before = points[: len(points) - len(zeros)]
    gradients = [found for point in zeros[:MAX_ZEROS_EXAMINED] if (found := _beside(run, "grad_norm", point))]
    cause = _explain_zeros(before, gradients)
    start = "from the first row on" if is_whole else f"from {where(zeros[0])} on"
    values = {
        "first_step": zeros[0].step,
        "num_zero": len(zeros),
        "last_loss_before": before[-1].value if before else None,
        "grad_norm_beside": str(gradients[0].value) if gradients else None,
    }
    return Finding(
        id="loss_zero",
        severity="error",
        confidence="certain",
        summary=f"The training loss prints exactly 0.0 {start} ({len(zeros)} rows). {cause}",
        values=values,
        evidence=quote([before[-1] if before else None, zeros[0], zeros[-1]]),
    )


def judge_loss_divergence(run: Run) -> Verdict:
    """Find a training loss that climbs away from its minimum and stays up."""
    if is_rl(run):
        return RL_REASON
    points = run.finite("loss")
    if len(points) < (MIN_POINTS_BESIDE_EVAL if _eval_climbs(run) else MIN_POINTS):
        return _too_few(points)
    curve = measure_curve([point.value for point in points])
    low = _left_minimum(points, curve) or (None if run.is_excerpt else _left_start(points, curve))
    if low is None:
        return None
    top = max(points[points.index(low) :], key=lambda point: point.value)
    share = (curve.end - low.value) / abs(low.value) if low.value else math.inf
    return Finding(
        id="loss_divergence",
        severity="error",
        confidence="certain" if share > CERTAIN_SHARE else "likely",
        summary=f"The training loss climbs from {format_number(low.value)} at {where(low)} to "
        f"{format_number(top.value)} at {where(top)}, and it still is {format_number(curve.end)} at the end.",
        values={
            "lowest_loss": low.value,
            "lowest_step": low.step,
            "highest_loss": top.value,
            "highest_step": top.step,
            "end_loss": curve.end,
        },
        evidence=quote([low, top, points[-1]]),
        settles={"learning_rate": Settled("lower")},
    )


def _left_minimum(points: Sequence[Point], curve: Curve) -> Point | None:
    """The minimum from which the loss climbed and stayed up; the minimum is one of a smoothed curve."""
    rise = curve.end - curve.lowest
    gained = max(0.0, curve.start - curve.lowest)
    noise = curve.noise if len(points) >= MIN_POINTS else 0.0
    is_high = rise > RISE_SHARE * abs(curve.lowest) and rise > RISE_OF_DROP * gained and rise > SIGNIFICANCE * noise
    if not is_high or not _stays_up([point.value for point in points], curve.lowest + rise / 2):
        return None
    around = points[max(0, curve.lowest_index - 1) : curve.lowest_index + 2]
    return min(around, key=lambda point: abs(point.value - curve.lowest))


def _left_start(points: Sequence[Point], curve: Curve) -> Point | None:
    """The first value, where the loss jumped up at once and has not come back to it by the end.

    A rate far too high wrecks the model in its first steps; what follows is a slow recovery that looks like learning.
    """
    first = min(points[:3], key=lambda point: point.value)
    peak = max(point.value for point in points)
    is_wrecked = peak > JUMP_FACTOR * first.value > 0 and curve.end > (1 + RISE_SHARE) * first.value
    return first if is_wrecked and curve.end - first.value > SIGNIFICANCE * curve.noise else None


def judge_loss_not_decreasing(run: Run) -> Verdict:
    """Find a training loss that is flat from the start."""
    if is_rl(run):
        return RL_REASON
    points = run.finite("loss")
    if len(points) < MIN_POINTS:
        return _too_few(points)
    if run.is_excerpt:
        return CannotJudge("the log begins in the middle of the run", "the log from its first step")
    if _warms_up(run):
        return CannotJudge("the learning rate is still warming up where the log ends", "a longer log")
    curve = measure_curve([point.value for point in points])
    scale = abs(curve.head) or 1.0
    drop, early = (curve.head - curve.tail) / scale, (curve.start - curve.tail) / scale
    is_falling = -curve.trend > SIGNIFICANCE * curve.trend_error and -curve.trend > FLAT_SHARE * scale
    is_flat = abs(drop) < FLAT_SHARE or (abs(drop) < DOUBTFUL_SHARE and not is_falling)
    if not is_flat or early > DOUBTFUL_SHARE + SIGNIFICANCE * curve.noise / scale / 2 or _eval_gains(run):
        return None
    if all(point.value == 0 for point in points):
        return None
    summary = (
        f"The training loss stays flat: {format_number(curve.head)} in the first fifth of the run, "
        f"{format_number(curve.tail)} in the last fifth ({-100 * drop:+.1f}%), with a noise of about "
        f"{format_number(curve.noise)} a row."
    )
    return Finding(
        id="loss_not_decreasing",
        severity="error",
        confidence="certain" if len(points) >= 2 * MIN_POINTS else "likely",
        summary=summary,
        values={"head_loss": curve.head, "tail_loss": curve.tail, "change": -drop, "noise": curve.noise},
        evidence=quote([points[0], points[len(points) // 2], points[-1]]),
    )


def _no_loss() -> CannotJudge:
    return CannotJudge("the log holds no loss", "the trainer's console output or trainer_state.json")


def _too_few(points: Sequence[Point]) -> CannotJudge:
    reason = f"only {len(points)} values of the training loss; {MIN_POINTS} are needed to tell a trend from noise"
    return CannotJudge(reason, "a longer log, or one with a smaller logging_steps") if points else _no_loss()


def _last_zeros(points: Sequence[Point]) -> list[Point]:
    """The unbroken row of exact zeros at the end of a series."""
    zeros = list(takewhile(lambda point: point.value == 0, reversed(points)))
    return zeros[::-1]


def _finite_before(points: Sequence[Point], first: Point) -> list[Point]:
    return [point for point in points if math.isfinite(point.value) and position(point) < position(first)]


def _beside(run: Run, name: str, point: Point) -> Point | None:
    """The value of another metric in the same row."""
    same = (other for other in run.points(name) if other.line.number == point.line.number)
    if point.step is not None:
        same = (other for other in run.points(name) if other.step == point.step)
    return next(same, None)


def _explain_zeros(before: Sequence[Point], gradients: Sequence[Point]) -> str:
    if before and before[-1].value < MEMORISED_LOSS:
        return (
            f"It was {format_number(before[-1].value)} before that and is rounded to 0: "
            "the rows are memorised, or the target leaks into the input."
        )
    if any(not math.isfinite(point.value) for point in gradients):
        return "grad_norm is not finite beside it: the loss overflowed, and the trainer prints nan as 0.0."
    if gradients and all(point.value == 0 for point in gradients):
        return "grad_norm is 0 beside it: no label is left to learn from, or nothing trainable is reached."
    return "No loss is that good: it overflowed and was filtered, or no label is left to learn from."


def _stays_up(values: Sequence[float], level: float) -> bool:
    last = values[-max(3, len(values) // 10) :]
    return sum(value > level for value in last) >= 0.8 * len(last)


def _warms_up(run: Run) -> bool:
    """Whether the learning rate rises through the whole log."""
    rates = run.values("learning_rate")
    return len(rates) >= 3 and rates[-1] > 2 * rates[0] and all(a < b for a, b in pairwise(rates))


def _eval_climbs(run: Run) -> bool:
    evals = run.values("eval_loss")
    return len(evals) >= 3 and evals[-1] > (1 + RISE_SHARE) * min(evals)


def _eval_gains(run: Run) -> bool:
    evals = run.values("eval_loss")
    return len(evals) >= 2 and evals[0] - min(evals) > EVAL_GAIN_SHARE * abs(evals[0])
