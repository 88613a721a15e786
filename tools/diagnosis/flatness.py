"""The training loss flat from the start, as far as its noise lets one tell."""

import math
from dataclasses import replace
from itertools import pairwise, takewhile
from statistics import median

from tools.diagnosis.curves import block_medians
from tools.diagnosis.finding import CannotJudge, Confidence, Finding, Verdict, quote
from tools.diagnosis.kinds import LN_2, vocabulary_logarithm
from tools.diagnosis.signals import MIN_POINTS, RL_LOSS, Signals
from tools.units import format_number

FLAT_SHARE = 0.02
"""A change of under 2 % over a whole run is no learning: a fine-tune that learns loses 5 % and more of its loss."""
LEARNED_SHARE = 0.05
NOISY_FALL_SHARE = 0.1
"""Under noise, a fall of 10 % would most likely show. Of 6000 simulated runs that learn, with noise up to 30 %, 24 are
called flat; of flat ones with noise up to 20 %, 86 % are, and of the rest most cannot be judged and are told so."""
SIGNIFICANCE = 3.0
"""Standard errors that a change must reach before it counts."""
MANY_ROWS = 24
FEW_ROWS_ERROR = 0.025
"""Fewer rows must be so quiet that a fall of 5 % would stand out by two standard errors: the first of them may well
come after the quick part of the learning."""
MIN_PLAIN_ROWS = 5
PLAIN_SPREAD = 0.01
MIN_PLAIN_STEPS = 50
"""Five rows suffice where they span fifty steps and lie within 1 %."""
WILD_FACTOR = 10.0
NUM_LATE_BLOCKS = 5
SETTLED_SPREAD = 0.01
SETTLED_FALL = 0.1
MAX_CLASSES = 30
CLASS_NEARNESS = 0.005
EARLY_SIZES = (1, 3, 6, 12, 25, 50)
EVAL_GAIN_SHARE = 0.03
MIN_EVALS = 3
EARLY_EVAL_SHARE = 0.4
CONSTANT_NEARNESS = 0.02


def judge_loss_not_decreasing(signals: Signals) -> Verdict:
    """Find a training loss that is flat from the start, or from the row after a first value out of all proportion."""
    if signals.is_rl:
        return RL_LOSS
    return _judge_flat(_skip_wild_start(signals))


def _skip_wild_start(signals: Signals) -> Signals:
    """Leave out first losses of ten times the usual: an initialisation or a first step gone wild is no gain."""
    values = signals.values
    if len(values) <= MIN_POINTS:
        return signals
    usual = median(values)
    num_wild = len(list(takewhile(lambda value: value > WILD_FACTOR * usual > 0, values[: max(1, len(values) // 10)])))
    if not num_wild:
        return signals
    series = dict(signals.run.series)
    series["loss"] = replace(series["loss"], points=signals.losses[num_wild:])
    if len(signals.evals) > 1:
        series["eval_loss"] = replace(series["eval_loss"], points=signals.evals[1:])
    return Signals(replace(signals.run, series=series))


def _judge_flat(signals: Signals) -> Verdict:
    missing = signals.too_few(MIN_PLAIN_ROWS if _is_plainly_flat(signals) else MIN_POINTS)
    if missing:
        return missing
    if signals.run.is_excerpt:
        return CannotJudge("the log begins in the middle of the run", "the log from its first step")
    if warms_up(signals):
        return CannotJudge("the learning rate is still warming up where the log ends", "a longer log")
    if all(value == 0 for value in signals.values):
        return None
    curve = signals.curve
    scale = abs(curve.head) or 1.0
    fall, error = measure_fall(signals)
    if (_falls_early(signals) or _eval_gains(signals) or _sags(signals, scale)) and not _settles_at_shares(signals):
        return None
    is_flat = _looks_flat(signals, fall, error) or _settles_at_shares(signals)
    if not is_flat:
        is_open = error > FEW_ROWS_ERROR and abs(fall) < SIGNIFICANCE * error
        reason = f"a fall of {100 * error:.0f}% would not show beside the noise of the training loss"
        return CannotJudge(reason, "a longer log, or one with a larger logging_steps") if is_open else None
    return Finding(
        id="loss_not_decreasing",
        severity="error",
        confidence=_flat_confidence(signals, fall, error),
        summary=f"The training loss stays flat: {format_number(curve.head)} in the first fifth of the run, "
        f"{format_number(curve.tail)} in the last fifth ({100 * (curve.tail - curve.head) / scale:+.1f}%), with a "
        f"noise of about {format_number(curve.noise)} a row." + _tell_few(signals) + _tell_constant(signals),
        values={
            "head_loss": curve.head,
            "tail_loss": curve.tail,
            "change": (curve.tail - curve.head) / scale,
            "noise": curve.noise,
        },
        evidence=quote([signals.losses[0], signals.losses[len(signals.losses) // 2], signals.losses[-1]]),
    )


def measure_fall(signals: Signals) -> tuple[float, float]:
    """By which share the training loss falls over the run, and the standard error of that.

    The fall is the mean of two estimates; the error is that of the medians of two fifths of the rows, which scatter
    1.25 times as much as means.
    """
    curve = signals.curve
    scale = abs(curve.head) or 1.0
    error = 1.25 * curve.noise * math.sqrt(2 / max(2, len(signals.values) // 5))
    return (curve.head - curve.tail - curve.trend) / (2 * scale), error / scale


def _looks_flat(signals: Signals, fall: float, error: float) -> bool:
    """Whether the training loss is flat, alone or beside flat validation losses, as far as so many rows can tell."""
    if len(signals.losses) < MANY_ROWS and error > FEW_ROWS_ERROR:
        return False
    curve = signals.curve
    if error < FLAT_SHARE / 2 and curve.head - curve.tail > (FLAT_SHARE + SIGNIFICANCE * error) * abs(curve.head):
        return False  # first and last fifth differ surely, whatever single rows do to the trend
    return _is_flat(fall, error) or (fall < min(2 * error, NOISY_FALL_SHARE) and _evals_are_flat(signals))


def _is_flat(fall: float, error: float) -> bool:
    """Flat as far as the noise lets one tell: no fall to be seen, and one of 10 % most likely would be."""
    if fall < -NOISY_FALL_SHARE:
        return False
    if error < FLAT_SHARE / 2:
        return fall < FLAT_SHARE
    return fall < FLAT_SHARE + error / 2 and fall + error < NOISY_FALL_SHARE


def _settles_at_shares(signals: Signals) -> bool:
    """Whether the loss has settled at ln(k) after hardly a fall: only the shares of k equal classes were learned."""
    values = signals.values
    level, late = median(values[len(values) // 2 :]), block_medians(values[len(values) // 2 :], NUM_LATE_BLOCKS)
    if level <= 0 or max(late) - min(late) > SETTLED_SPREAD * level:
        return False
    if signals.curve.highest > (1 + SETTLED_FALL) * level:
        return False
    num_classes = round(math.exp(min(level, math.log(MAX_CLASSES))))
    return num_classes >= 2 and abs(level - math.log(num_classes)) < CLASS_NEARNESS * level


def _evals_are_flat(signals: Signals) -> bool:
    """Whether the validation losses, which are far less noisy, lie within 2 % from the first part of the run on."""
    evals = [point.value for point in signals.evals]
    if len(evals) < MIN_EVALS or signals.num_losses_until(signals.evals[0]) > EARLY_EVAL_SHARE * len(signals.losses):
        return False
    return max(evals) - min(evals) < FLAT_SHARE * abs(evals[0])


def _sags(signals: Signals, scale: float) -> bool:
    """Whether the loss was clearly lower in between: it fell and came back, which is not flat."""
    sag = min(signals.curve.head, signals.curve.tail) - signals.curve.lowest
    return sag > 2 * LEARNED_SHARE * scale and sag > signals.luck_of_minimum


def _falls_early(signals: Signals) -> bool:
    """Whether the first rows, however few, lie above the end by more than their noise: a drop before a plateau."""
    tail, noise = signals.curve.tail, signals.curve.noise
    for size in EARLY_SIZES:
        drop = median(signals.values[:size]) - tail
        if drop > LEARNED_SHARE * abs(tail) and drop > SIGNIFICANCE * 1.25 * noise / math.sqrt(size):
            return True
    return False


def _flat_confidence(signals: Signals, fall: float, error: float) -> Confidence:
    if fall + SIGNIFICANCE * error < LEARNED_SHARE and len(signals.losses) >= 2 * MIN_POINTS:
        return "certain"
    return "likely" if fall + 2 * error < 2 * LEARNED_SHARE else "possible"


def _tell_constant(signals: Signals) -> str:
    """What a constant level means where it is the loss of a model that knows nothing."""
    level = signals.curve.tail
    uniform = vocabulary_logarithm(signals.run)
    if (signals.is_preference or signals.is_reward_model) and abs(level - LN_2) < CONSTANT_NEARNESS:
        return " That is ln 2: chosen and rejected are still told apart no better than by chance."
    if uniform and abs(level - uniform) < CONSTANT_NEARNESS * uniform:
        return f" That is ln(vocabulary), {format_number(uniform)}: every token is predicted with the same probability."
    return ""


def _is_plainly_flat(signals: Signals) -> bool:
    values = signals.values
    if not MIN_PLAIN_ROWS <= len(values) < MIN_POINTS or (signals.losses[-1].step or 0) < MIN_PLAIN_STEPS:
        return False
    return max(values) - min(values) < PLAIN_SPREAD * abs(median(values))


def _tell_few(signals: Signals) -> str:
    return f" These are only {len(signals.losses)} rows." if len(signals.losses) < MIN_POINTS else ""


def warms_up(signals: Signals) -> bool:
    """Whether the learning rate rises through the whole log."""
    rates = [point.value for point in signals.rates]
    return len(rates) >= 3 and rates[-1] > 2 * rates[0] and all(a < b for a, b in pairwise(rates))


def _eval_gains(signals: Signals) -> bool:
    evals = [point.value for point in signals.evals]
    if len(evals) < 2:
        return False
    is_steady = len(evals) > MIN_EVALS and all(after < before for before, after in pairwise(evals))
    return evals[0] - min(evals) > (FLAT_SHARE if is_steady else EVAL_GAIN_SHARE) * abs(evals[0])
