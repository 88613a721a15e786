"""The learning rate against what its method usually takes, where the curve says that it does harm."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from tools.diagnosis.curves import fit_trend, running_median, where
from tools.diagnosis.divergence import judge_loss_divergence
from tools.diagnosis.finding import CannotJudge, Finding, Settled, Severity, Verdict, quote
from tools.diagnosis.flatness import judge_loss_not_decreasing, measure_fall, warms_up
from tools.diagnosis.kinds import FROM_SCRATCH_LOSS, LN_2
from tools.diagnosis.loss_broken import judge_loss_nan
from tools.diagnosis.loss_jumps import find_blow_up
from tools.diagnosis.signals import MIN_POINTS, Signals
from tools.run import Point
from tools.units import format_number

RL_NOT_JUDGED = CannotJudge("a reinforcement-learning run is not judged by its loss")
FROM_SCRATCH = CannotJudge("the first loss is that of an untrained model; the ranges known are those of fine-tuning")
OTHER_OPTIMISER = CannotJudge("the ranges known are those of Adam; this optimiser takes rates of its own")
NO_RATE = CannotJudge("the log does not tell the learning rate", "the training config")
NO_GAIN_SHARE = 0.98
NO_FALL_SHARE = 0.15
NO_FALL_SIGMAS = 2.5
OVERSHOOT_FACTOR = 1.2
BOUNCE_FACTOR = 1.15
BOUNCE_SIGMAS = 2.0
OVERSHOOT_SIGMAS = 4.0
PLATEAU_SHARE = 0.05
POOR_LOSS = 2.0
"""Signs of a rate too high that are no proof by themselves: a climb over the start, a bounce by 15 %, a plateau
above 2 nats over the last three fifths of the run."""
BINARY_NEARNESS = 0.08
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
    if ratio <= 1 or not _stands_still(signals, is_sure=ratio >= SURE_FACTOR):
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
    is_sure = peak.value > SURE_FACTOR * usual.high
    harm = _tell_harm(signals, is_sure=is_sure) if peak.value > usual.high else ""
    if not harm:
        return None
    severity: Severity = "error" if is_sure or usual.is_known else "note"
    return Finding(
        id="learning_rate_too_high",
        severity=severity,
        confidence="certain" if is_sure else "likely" if usual.is_known else "possible",
        summary=f"For {usual.method} the learning rate is usually {usual.usual} and at most {usual.high:g}; here it "
        f"peaks at {format_number(peak.value)}, {peak.value / usual.high:.2g} times that, and {harm}.",
        values={"peak_learning_rate": peak.value, "highest_usual": usual.high, "method": usual.method},
        evidence=quote([peak, *_harm_rows(signals)]),
        settles={"learning_rate": _towards("lower", peak, usual)},
    )


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
    return not signals.is_lora and bool(signals.values) and min(signals.values[:3]) > FROM_SCRATCH_LOSS


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


def _tell_harm(signals: Signals, *, is_sure: bool) -> str:
    """What the curve shows of a rate that is too high, "" where it shows nothing.

    Under a rate that is surely too high, a bounce or a plateau at a high level suffices.
    """
    if isinstance(judge_loss_nan(signals), Finding):
        return "the loss is no number any more"
    if not signals.losses:
        return ""
    first, top = signals.losses[0], max(signals.losses, key=lambda point: point.value)
    climb = f"from {format_number(first.value)} to {format_number(top.value)} at {where(top)}"
    if isinstance(judge_loss_divergence(signals), Finding):
        return f"the loss climbs away, {climb}"
    if len(signals.values) < MIN_POINTS:
        return ""
    curve = signals.curve
    if find_blow_up(signals) or curve.highest > OVERSHOOT_FACTOR * curve.start + OVERSHOOT_SIGMAS * curve.noise:
        return f"the loss blows up, {climb}"
    if curve.end > NO_GAIN_SHARE * min(signals.values[:3]):
        return f"the loss ends at {format_number(curve.end)}, no lower than it began"
    return _tell_mild_harm(signals) if is_sure else ""


def _tell_mild_harm(signals: Signals) -> str:
    low, high = _largest_bounce(signals.values)
    if low > 0 and high > BOUNCE_FACTOR * low and high - low > BOUNCE_SIGMAS * signals.curve.noise:
        return f"the loss bounces up from {format_number(low)} to {format_number(high)}"
    late = signals.values[2 * len(signals.values) // 5 :]
    change, _ = fit_trend(late)
    if abs(change) < PLATEAU_SHARE * abs(signals.curve.end) and signals.curve.end > POOR_LOSS:
        return f"the loss settles early at a poor {format_number(signals.curve.end)}"
    return ""


def _largest_bounce(values: Sequence[float]) -> tuple[float, float]:
    """The largest rise of the smoothed loss from a level that it had reached: from, to."""
    smooth = running_median(values, max(3, len(values) // 20))
    low, best = math.inf, (0.0, 0.0)
    for _, level in sorted(smooth.items()):
        low = min(low, level)
        if level - low > best[1] - best[0]:
            best = (low, level)
    return best


def _harm_rows(signals: Signals) -> list[Point]:
    if not signals.losses:
        return []
    return [signals.losses[0], max(signals.losses, key=lambda point: point.value), signals.losses[-1]]


def _flat_span(signals: Signals) -> str:
    return f"{format_number(signals.curve.head)} at the beginning, {format_number(signals.curve.tail)} at the end"
