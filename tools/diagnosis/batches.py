"""The batch: too small for the noise it makes, and a loss that is summed over accumulation instead of averaged."""

from statistics import median

from tools.diagnosis.finding import CannotJudge, Finding, Severity, Verdict, quote
from tools.diagnosis.flatness import judge_loss_not_decreasing
from tools.diagnosis.signals import RL_LOSS, Signals
from tools.run import Line, Point
from tools.units import format_number

MIN_ROWS = 20
NOISY_SHARE = 0.25
"""Batches of one or two long answers alone make 10 to 20 % of noise a row; above 25 % single rows rule the step."""
SMALL_BATCH = 4
FEW_STEPS = 10
"""Optimiser steps an epoch under which the batch is too large for the data."""
SUMMED_FACTOR = 3.0
"""Dropout and label smoothing raise a training loss over the validation loss by 1.5 at most."""
KNOWN_FACTOR = 1.8
RATIO_SPREAD = 0.5
KNOWN_NEARNESS = 0.25
MIN_PAIRS = 2
NO_BATCH = CannotJudge("the log does not tell the batch size", "the training config")


def judge_batch_size(signals: Signals) -> Verdict:
    """Find a noisy loss under a tiny effective batch, or a batch that leaves only a few steps an epoch."""
    batch = effective_batch(signals)
    if batch is None:
        return NO_BATCH
    return _judge_small(signals, batch) or _judge_large(signals, batch)


def effective_batch(signals: Signals) -> float | None:
    """Rows a step: as the banner tells it, else micro-batch times accumulation on one device."""
    run = signals.run
    told = run.number("total_train_batch_size") or run.number("global_batch_size")
    if told:
        return told
    micro, steps = run.number("per_device_train_batch_size"), run.number("gradient_accumulation_steps")
    return micro * (steps or 1.0) if micro else None


def _judge_small(signals: Signals, batch: float) -> Finding | None:
    if batch > SMALL_BATCH or len(signals.values) < MIN_ROWS or signals.is_rl or signals.curve.tail <= 0:
        return None
    share = signals.curve.noise / signals.curve.tail
    if share < NOISY_SHARE:
        return None
    is_stuck = isinstance(judge_loss_not_decreasing(signals), Finding)
    severity: Severity = "warning" if is_stuck else "note"
    return Finding(
        id="batch_size",
        severity=severity,
        confidence="likely" if is_stuck else "possible",
        summary=f"A row's loss scatters by {100 * share:.0f}% about the curve, and a step sees {batch:.0f} "
        f"example{'s' if batch > 1 else ''}: single rows rule it.",
        values={"noise_share": share, "effective_batch": batch},
        evidence=(*_batch_lines(signals), *quote(signals.losses[-2:])),
    )


def _judge_large(signals: Signals, batch: float) -> Finding | None:
    examples = signals.run.number("num_examples")
    if not examples or batch < 2 * SMALL_BATCH or examples / batch >= FEW_STEPS or signals.is_rl:
        return None
    return Finding(
        id="batch_size",
        severity="note",
        confidence="possible",
        summary=f"A step sees {batch:.0f} of {examples:.0f} examples, so that an epoch has only "
        f"{examples / batch:.0f} steps.",
        values={"effective_batch": batch, "num_examples": examples},
        evidence=_batch_lines(signals),
    )


def _batch_lines(signals: Signals) -> tuple[Line, ...]:
    names = ("total_train_batch_size", "global_batch_size", "per_device_train_batch_size")
    return tuple(signals.run.settings[name].line for name in names if name in signals.run.settings)[:1]


def judge_grad_accumulation_scaling(signals: Signals) -> Verdict:
    """Find a training loss that is a constant multiple of the validation loss, as a sum over accumulation is."""
    if signals.is_rl:
        return RL_LOSS
    pairs = [(near, point) for point in signals.evals if (near := _mean_near(signals, point)) and point.value > 0]
    if len(pairs) < MIN_PAIRS:
        return CannotJudge("too few evaluations stand beside training losses", "a log with evaluations")
    ratios = sorted(near / point.value for near, point in pairs)
    ratio, steps = median(ratios), signals.run.number("gradient_accumulation_steps")
    is_known = steps is not None and steps > 1
    is_near = is_known and abs(ratio / (steps or 1.0) - 1) < KNOWN_NEARNESS
    is_steady = ratios[0] > RATIO_SPREAD * ratio and ratios[-1] < ratio / RATIO_SPREAD
    if ratio < (KNOWN_FACTOR if is_near else SUMMED_FACTOR) or not is_steady:
        return None
    return _tell_summed(pairs[-1], signals.losses[0], ratio, steps if is_known else None)


def _mean_near(signals: Signals, point: Point) -> float | None:
    """The median of the training losses shortly before an evaluation."""
    index = signals.num_losses_until(point)
    return median(signals.values[max(0, index - 3) : index]) if index else None


def _tell_summed(pair: tuple[float, Point], first: Point, ratio: float, steps: float | None) -> Finding:
    near, point = pair
    cause = f", and gradient_accumulation_steps is {steps:.0f}" if steps else ""
    return Finding(
        id="grad_accumulation_scaling",
        severity="warning" if steps else "note",
        confidence="likely" if steps else "possible",
        summary=f"The training loss is about {ratio:.3g} times the validation loss throughout "
        f"({format_number(near)} against {format_number(point.value)}){cause}: it is summed over accumulation steps, "
        "not averaged. Compare it with itself only, and gradients are clipped that much earlier.",
        values={"ratio": ratio, "gradient_accumulation_steps": steps},
        evidence=quote([first, point]),
    )
