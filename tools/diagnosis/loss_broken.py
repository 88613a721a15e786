"""The training loss is no number any more, or prints as exactly zero."""

import math
from collections.abc import Sequence
from itertools import takewhile
from statistics import median

from tools.diagnosis.curves import where
from tools.diagnosis.finding import Finding, Settled, Verdict, quote
from tools.diagnosis.signals import NO_LOSS, RL_LOSS, Signals
from tools.run import Point
from tools.units import format_number

EVALUATION_ONLY = "eval_loss"
MIN_BROKEN_NORMS = 3
MIN_ZEROS = 3
MAX_ZEROS_EXAMINED = 20
SCATTERED_SHARE = 0.9
"""Zeros that a few other values interrupt still count where nine rows of ten after the first are zero."""
MEMORISED_LOSS = 0.01
"""A loss that small before it prints as 0.0 was rounded, not lost."""
PRACTICALLY_ZERO = 1e-3
"""A probability of 99.9 % a token on average: no text that holds anything new is that predictable."""
MIN_NEAR_ZERO_ROWS = 8
MASKED_REASON = "grad_norm is 0 beside it: no label is left to learn from, or nothing trainable is reached."


def judge_loss_nan(signals: Signals) -> Verdict:
    """Find the first loss that is nan or infinite; a lone infinite grad_norm is the loss scaler's business."""
    run = signals.run
    points = [point for name in ("loss", "eval_loss") for point in run.points(name)]
    if not points:
        return _judge_gradients_alone(signals)
    broken = [point for point in points if not math.isfinite(point.value)]
    if not broken:
        return _judge_other_ranks(signals) or _judge_gradients_beside(signals)
    first = min(broken, key=signals.place)
    before = _last_finite(signals, first)
    lasts = len(broken) > 1 or first is points[-1]
    return Finding(
        id="loss_nan",
        severity="error" if lasts else "warning",
        confidence="certain",
        summary=_tell_nan(signals, broken, len(points), lasts=lasts),
        values={
            "series": "loss" if any(point in broken for point in run.points("loss")) else EVALUATION_ONLY,
            "first_step": first.step,
            "first_value": str(first.value),
            "num_non_finite": len(broken),
            "last_finite_loss": before.value if before else None,
        },
        evidence=quote([before, first, broken[-1] if lasts else None]),
        settles={"learning_rate": Settled("lower")},
    )


def _judge_other_ranks(signals: Signals) -> Finding | None:
    """A loss that is no number on single ranks only, while the rank whose rows were read is well."""
    faults = signals.run.rank_faults
    if not faults:
        return None
    ranks = sorted(faults)
    first = faults[ranks[0]]
    return Finding(
        id="loss_nan",
        severity="error",
        confidence="certain",
        summary=f"The loss of rank {', '.join(map(str, ranks))} is {format_number(first.value)} from {where(first)} "
        "on; the other ranks' is a number. Look at that rank's data and device.",
        values={"first_step": first.step, "first_value": str(first.value), "ranks": ", ".join(map(str, ranks))},
        evidence=quote(faults.values()),
    )


def _judge_gradients_alone(signals: Signals) -> Verdict:
    """Trainers that skip a loss that is no number in what they print leave the gradient norm to tell."""
    points = signals.run.points("grad_norm")
    if len(points) < MIN_BROKEN_NORMS or any(math.isfinite(point.value) for point in points):
        return NO_LOSS
    return Finding(
        id="loss_nan",
        severity="error",
        confidence="likely",
        summary=f"The log prints no loss, and the gradient norm is {format_number(points[0].value)} in all "
        f"{len(points)} rows: the loss behind it is no number either.",
        values={"series": "grad_norm", "first_step": points[0].step, "num_non_finite": len(points)},
        evidence=quote([points[0], points[-1]]),
    )


def _judge_gradients_beside(signals: Signals) -> Finding | None:
    """A gradient norm that is nan in every row: no step is taken, whatever the loss beside it is.

    An infinite one is the loss scaler at work, and so is nan in the first rows of many.
    """
    points = signals.run.points("grad_norm")
    is_broken = len(points) >= MIN_BROKEN_NORMS and all(math.isnan(point.value) for point in points)
    if not is_broken or any(value == 0 for value in signals.values):
        return None
    return Finding(
        id="loss_nan",
        severity="error",
        confidence="likely",
        summary=f"grad_norm is nan in all {len(points)} rows, though the loss still is a number: with such gradients "
        "the weights are not changed, or are lost with the next step.",
        values={"series": "grad_norm", "first_step": points[0].step, "num_non_finite": len(points)},
        evidence=quote([points[0], points[-1]]),
        settles={"learning_rate": Settled("lower")},
    )


def _tell_nan(signals: Signals, broken: Sequence[Point], num_points: int, *, lasts: bool) -> str:
    first = min(broken, key=signals.place)
    before = _last_finite(signals, first)
    is_eval = first in signals.run.points("eval_loss")
    span = f"from {where(first)} on" if lasts else f"once, at {where(first)}"
    text = f"The {'validation ' if is_eval else ''}loss is {format_number(first.value)} {span}: "
    text += f"{len(broken)} of {num_points} values."
    if before:
        text += f" The last finite loss before it is {format_number(before.value)} at {where(before)}."
    gradient = next(iter(signals.beside("grad_norm", [first])), None)
    if gradient and not math.isfinite(gradient.value):
        text += f" grad_norm is {format_number(gradient.value)} in the same row."
    elif gradient and gradient.value == 0:
        text += " grad_norm is 0 in the same row: that batch has no label left to learn from."
    elif is_eval and len(signals.losses) == len(signals.run.points("loss")):
        text += " The training loss stays finite: look for validation rows whose labels are all masked."
    return text


def judge_loss_zero(signals: Signals) -> Verdict:
    """Find a training loss that prints as exactly 0.0 and stays there, or that is practically zero everywhere."""
    if signals.is_rl:
        return RL_LOSS
    points = signals.run.points("loss")
    if not points:
        return NO_LOSS
    zeros = _last_zeros(points)
    is_whole = len(zeros) == len(points) >= 2
    gradients = signals.beside("grad_norm", zeros[:MAX_ZEROS_EXAMINED])
    is_broken = any(not math.isfinite(point.value) for point in gradients)
    if len(zeros) < MIN_ZEROS and not is_whole and not is_broken:
        return _judge_near_zero(signals)
    before = points[: points.index(zeros[0])]
    start = "from the first row on" if is_whole else f"from {where(zeros[0])} on"
    return Finding(
        id="loss_zero",
        severity="error",
        confidence="certain",
        summary=f"The training loss prints exactly 0.0 {start} ({len(zeros)} rows). "
        f"{_explain_zeros(before, gradients)}",
        values={
            "first_step": zeros[0].step,
            "num_zero": len(zeros),
            "last_loss_before": before[-1].value if before else None,
            "grad_norm_beside": str(gradients[0].value) if gradients else None,
        },
        evidence=quote([before[-1] if before else None, zeros[0], zeros[-1]]),
    )


def _judge_near_zero(signals: Signals) -> Finding | None:
    """Practically zero: in the last fifth of the training rows and in every late evaluation."""
    if len(signals.losses) < MIN_NEAR_ZERO_ROWS or signals.is_preference:
        return None
    tail = signals.losses[-max(3, len(signals.losses) // 5) :]
    level = median(point.value for point in tail)
    evals = [point.value for point in signals.evals[-2:]]
    if not 0 <= level < PRACTICALLY_ZERO or not evals or max(evals) >= PRACTICALLY_ZERO or min(evals) < 0:
        return None
    return Finding(
        id="loss_zero",
        severity="warning",
        confidence="likely",
        summary=f"The training loss ends at {format_number(level)} and the validation loss at "
        f"{format_number(evals[-1])}: both are practically zero. No real task is that predictable; the target is "
        "trivial, leaks into the input, or stands in both sets.",
        values={"end_loss": level, "last_eval_loss": evals[-1], "num_zero": 0},
        evidence=quote([signals.losses[0], tail[0], signals.evals[-1]]),
    )


def _last_finite(signals: Signals, first: Point) -> Point | None:
    """The last finite training loss before a row, else the last finite validation loss."""
    for name in ("loss", "eval_loss"):
        before = [point for point in signals.run.finite(name) if signals.place(point) < signals.place(first)]
        if before:
            return before[-1]
    return None


def _last_zeros(points: Sequence[Point]) -> list[Point]:
    """The exact zeros at the end of a series: an unbroken row, or nearly all from the first of them on."""
    unbroken = list(takewhile(lambda point: point.value == 0, reversed(points)))[::-1]
    zeros = [point for point in points if point.value == 0]
    if len(zeros) <= len(unbroken) or len(zeros) < 2 * MIN_ZEROS:
        return unbroken
    since = len(points) - points.index(zeros[0])
    return zeros if len(zeros) >= SCATTERED_SHARE * since else unbroken


def _explain_zeros(before: Sequence[Point], gradients: Sequence[Point]) -> str:
    if before and 0 < before[-1].value < MEMORISED_LOSS:
        return (
            f"It was {format_number(before[-1].value)} before that and is rounded to 0: "
            "the rows are memorised, or the target leaks into the input."
        )
    if any(not math.isfinite(point.value) for point in gradients):
        return "grad_norm is not finite beside it: the loss overflowed, and the trainer prints nan as 0.0."
    if gradients and all(point.value == 0 for point in gradients):
        return MASKED_REASON
    return "No loss is that good: it overflowed and was filtered, or no label is left to learn from."
