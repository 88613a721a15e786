"""The learning rate against what its method usually takes, where the curve says that it does harm."""

import math
from dataclasses import dataclass
from statistics import median
from typing import Literal

from tools.diagnosis.finding import CannotJudge, Finding, Settled, Severity, Verdict, quote
from tools.diagnosis.flatness import judge_loss_not_decreasing, measure_fall, warms_up
from tools.diagnosis.kinds import FROM_SCRATCH_LOSS, LN_2
from tools.diagnosis.rate_harm import find_harm
from tools.diagnosis.signals import MIN_POINTS, Signals
from tools.run import Point
from tools.units import format_number

RL_NOT_JUDGED = CannotJudge("a reinforcement-learning run is not judged by its loss")
FROM_SCRATCH = CannotJudge("the first loss is that of an untrained model; the ranges known are those of fine-tuning")
OTHER_OPTIMISER = CannotJudge("the ranges known are those of Adam; this optimiser takes rates of its own")
NO_RATE = CannotJudge("the log does not tell the learning rate", "the training config")
NO_METHOD = CannotJudge("neither a method nor a finite loss tells which rates are usual here", "the training config")
MIN_OFF_ROWS = 4
"""A warm-up prints 0 once, and a scaler that starts too high skips two or three steps."""
NO_FALL_SHARE = 0.15
NO_FALL_SIGMAS = 2.5
BINARY_NEARNESS = 0.08
LARGEST_START = 16.0
SURE_FACTOR = 5.0
"""So far outside a range there is no method known that wants it: the rate is the root of what the curve shows."""
RATES_OF_THEIR_OWN = ("sgd", "muon", "prodigy", "dadapt", "adafactor", "lion", "sophia", "schedule_free", "rmsprop")


@dataclass(frozen=True, slots=True)
class RateRange:
    """Learning rates that work for a method: outside them a bad curve is blamed on the rate."""

    method: str
    low: float
    high: float
    usual: str
    is_known: bool = True


# Full fine-tunes are published at 1e-5..2e-5 and work from about 1e-6 to 1e-4; LoRA takes ten times as much
# (Biderman et al. 2024, arXiv:2405.09673); preference tuning starts at 5e-7 (Rafailov et al. 2023, arXiv:2305.18290).
FULL = RateRange("full fine-tuning", 1e-6, 2e-4, "about 1e-5")
LORA = RateRange("LoRA", 1e-5, 2e-3, "1e-4 to 2e-4")
PREFERENCE = RateRange("preference tuning", 1e-8, 2e-4, "5e-7 to 5e-6, or 5e-6 to 5e-5 with LoRA")
PREFERENCE_PERHAPS = RateRange("fine-tuning from a loss of ln 2", 1e-8, 2e-3, "5e-7 to 2e-4", is_known=False)
UNKNOWN = RateRange("fine-tuning", 1e-6, 2e-3, "1e-5 (full) to 2e-4 (LoRA)", is_known=False)


def judge_learning_rate_too_low(signals: Signals) -> Verdict:
    """Find a flat loss under a learning rate far below its method's range, zero included."""
    peak = peak_rate(signals)
    if peak is None:
        return NO_RATE
    if signals.is_rl:
        return RL_NOT_JUDGED
    usual = rate_range(signals)
    ratio = usual.low / peak.value if peak.value > 0 else math.inf
    if ratio <= 1 or not (_is_switched_off(signals) or _stands_still(signals, is_sure=ratio >= SURE_FACTOR)):
        return None
    away = "is 0" if peak.value == 0 else f"peaks at {format_number(peak.value)}, a factor of {ratio:.0f} below that"
    return Finding(
        id="learning_rate_too_low",
        severity="error",
        confidence="certain" if ratio >= SURE_FACTOR else "likely",
        summary=f"For {usual.method} the learning rate is usually {usual.usual} and at least {usual.low:g}; "
        f"here it {away}, and the loss does not move: {_flat_span(signals)}.",
        values={"peak_learning_rate": peak.value, "lowest_usual": usual.low, "method": usual.method},
        evidence=quote([peak, signals.losses[0], signals.losses[-1]]),
        settles={"learning_rate": _towards("raise", peak, usual)},
    )


def judge_learning_rate_too_high(signals: Signals) -> Verdict:
    """Find a bad loss curve under a learning rate far above its method's range."""
    peak = peak_rate(signals)
    if peak is None:
        return NO_RATE
    if signals.is_rl:
        return RL_NOT_JUDGED
    if is_from_scratch(signals):
        return FROM_SCRATCH
    if _has_rates_of_its_own(signals):
        return OTHER_OPTIMISER
    usual = rate_range(signals)
    if not signals.losses and not usual.is_known:
        return NO_METHOD
    is_sure = peak.value > SURE_FACTOR * usual.high
    harm = find_harm(signals, is_rate_sure=is_sure) if peak.value > usual.high else None
    if harm is None:
        return None
    severity: Severity = "error" if is_sure or usual.is_known else "note"
    return Finding(
        id="learning_rate_too_high",
        severity=severity,
        confidence="certain" if is_sure and not harm.is_mild else "likely" if is_sure or usual.is_known else "possible",
        summary=f"For {usual.method} the learning rate is usually {usual.usual} and at most {usual.high:g}; here it "
        f"peaks at {format_number(peak.value)}, {peak.value / usual.high:.2g} times that, and {harm.text}.",
        values={"peak_learning_rate": peak.value, "highest_usual": usual.high, "method": usual.method},
        evidence=quote([peak, *harm.rows]),
        settles={"learning_rate": _towards("lower", peak, usual)},
    )


def _is_switched_off(signals: Signals) -> bool:
    """Whether rate and gradient norm are exactly 0 in all of several rows: no step was taken."""
    rates, norms = signals.run.points("learning_rate"), signals.run.points("grad_norm")
    if min(len(rates), len(norms), len(signals.values)) < MIN_OFF_ROWS:
        return False
    return not any(point.value for point in (*rates, *norms))


def _stands_still(signals: Signals, *, is_sure: bool) -> bool:
    """Whether the loss is flat; under a rate that is surely too low it suffices that no fall shows beside the noise."""
    if isinstance(judge_loss_not_decreasing(signals), Finding):
        return True
    if not is_sure or len(signals.values) < MIN_POINTS or warms_up(signals) or signals.run.is_excerpt:
        return False
    fall, error = measure_fall(signals)
    return -NO_FALL_SHARE < fall < min(NO_FALL_SHARE, NO_FALL_SIGMAS * error)


def _towards(direction: Literal["raise", "lower"], peak: Point, usual: RateRange) -> Settled:
    return Settled(direction, f"from {format_number(peak.value)} to the usual range for {usual.method}, {usual.usual}")


def rate_range(signals: Signals) -> RateRange:
    """The range for the method that the log's settings tell."""
    if signals.is_preference:
        return PREFERENCE
    if signals.is_lora is None:
        is_binary = bool(signals.values) and abs(median(signals.values[:5]) - LN_2) < BINARY_NEARNESS
        return PREFERENCE_PERHAPS if is_binary else UNKNOWN
    return LORA if signals.is_lora else FULL


def is_from_scratch(signals: Signals) -> bool:
    """Whether the first loss is that of an untrained language model, and nothing says that adapters are trained."""
    return not signals.is_lora and bool(signals.values) and FROM_SCRATCH_LOSS < min(signals.values[:3]) < LARGEST_START


def peak_rate(signals: Signals) -> Point | None:
    """The highest learning rate that was logged, or the configured one."""
    if signals.rates:
        return max(signals.rates, key=lambda point: point.value)
    configured = signals.run.number("learning_rate")
    if configured is None:
        return None
    return Point(configured, None, None, signals.run.settings["learning_rate"].line)


def _has_rates_of_its_own(signals: Signals) -> bool:
    setting = signals.run.settings.get("optim")
    name = str(setting.value).lower() if setting else ""
    return any(word in name for word in RATES_OF_THEIR_OWN)


def _flat_span(signals: Signals) -> str:
    return f"{format_number(signals.curve.head)} at the beginning, {format_number(signals.curve.tail)} at the end"
