"""Underfitting: both losses high and still falling where the run ends."""

from itertools import pairwise
from statistics import median

from tools.diagnosis.curves import fit_trend
from tools.diagnosis.finding import CannotJudge, Finding, Settled, Verdict, quote
from tools.diagnosis.flatness import judge_loss_not_decreasing
from tools.diagnosis.signals import RL_LOSS, Signals
from tools.units import format_number

MIN_ROWS = 12
MIN_EVALS = 2
MIN_EVALS_ALONE = 4
"""A table of a few evaluations tells a line where each of three falls in a row is nearly the same."""
LITTLE_FALL = 0.1
"""A fine-tune that fits its task loses more than this of its first loss in an epoch."""
SOME_FALL = 0.35
HIGH_LOSS = 2.0
"""Nats a token, a perplexity of 7: instruction data end at 0.5 to 1.5, raw text at 1.5 to 2.5."""
STILL_FALLING = 0.8
"""The second half falls by at least 80 % of what the first half did: a line, not a curve that levels off."""
GAP_SHARE = 0.1
SIGNIFICANCE = 3.0


def judge_underfitting(signals: Signals) -> Verdict:
    """Find training and validation losses that lie together, have fallen little, and still fall when the run ends."""
    if signals.is_rl:
        return RL_LOSS
    missing = signals.too_few(MIN_ROWS)
    if missing and not _evals_fall_in_line(signals):
        return missing
    if signals.run.is_excerpt:
        return CannotJudge("the log begins in the middle of the run", "the log from its first step")
    if len(signals.evals) < MIN_EVALS:
        return CannotJudge("without evaluations a high loss may be the task's own", "a log with evaluations")
    if not (missing or _is_line(signals)) or isinstance(judge_loss_not_decreasing(signals), Finding):
        return None
    curve, last = signals.curve, signals.evals[-1]
    if abs(last.value - curve.end) > GAP_SHARE * abs(curve.end) or last.value > min(e.value for e in signals.evals):
        return None
    is_little = curve.head - curve.tail < LITTLE_FALL * abs(curve.head)
    return Finding(
        id="underfitting",
        severity="warning" if is_little else "note",
        confidence="possible",
        summary=f"The training loss falls in a straight line from {format_number(curve.head)} to "
        f"{format_number(curve.tail)} and the validation loss lies beside it at {format_number(last.value)}, both "
        "still falling where the run ends: it has not learned what it can.",
        values={"head_loss": curve.head, "tail_loss": curve.tail, "last_eval_loss": last.value},
        evidence=quote([signals.losses[0], signals.losses[-1], last]),
        settles={"epochs": Settled("raise")},
    )


def _evals_fall_in_line(signals: Signals) -> bool:
    """Whether the validation losses fall by the same each time, from a high level to a high level."""
    evals = [point.value for point in signals.evals]
    if len(evals) < MIN_EVALS_ALONE or len(signals.losses) < MIN_EVALS_ALONE or evals[-1] <= HIGH_LOSS:
        return False
    falls = [before - after for before, after in pairwise(evals)]
    return min(falls) >= STILL_FALLING * max(falls) > 0 and sum(falls) < SOME_FALL * evals[0]


def _is_line(signals: Signals) -> bool:
    """Whether the loss falls by little or from a high level, surely, and in its second half as in its first."""
    values, curve = signals.values, signals.curve
    half = len(values) // 2
    change, error = fit_trend(values)
    first, _ = fit_trend(values[:half])
    second, second_error = fit_trend(values[half:])
    share = -change / (abs(median(values[:3])) or 1.0)
    is_unlearned = 0 < share < LITTLE_FALL or (0 < share < SOME_FALL and curve.end > HIGH_LOSS)
    is_sure = -change > SIGNIFICANCE * error and -second > SIGNIFICANCE * second_error
    return is_unlearned and is_sure and curve.end > 0 and second < STILL_FALLING * first
