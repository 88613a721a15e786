"""The learning rate against what its method usually takes, where the curve says that it does harm."""

import math
from dataclasses import dataclass
from typing import Literal

from tools.diagnosis.curves import is_preference, is_rl, measure_curve
from tools.diagnosis.finding import CannotJudge, Finding, Settled, Verdict, quote
from tools.diagnosis.loss import MIN_POINTS, judge_loss_divergence, judge_loss_nan, judge_loss_not_decreasing
from tools.run import Point, Run
from tools.units import format_number

RL_NOT_JUDGED = CannotJudge("a reinforcement-learning run is not judged by its loss")
NO_GAIN_SHARE = 0.98
NO_RATE = CannotJudge("the log does not tell the learning rate", "the training config")


@dataclass(frozen=True, slots=True)
class RateRange:
    """Learning rates that work for a method: outside them a bad curve is blamed on the rate."""

    method: str
    low: float
    high: float
    usual: str


# Full fine-tunes are published at 1e-5..2e-5 and work from about 1e-6 to 1e-4; LoRA takes ten times as much
# (Biderman et al. 2024, arXiv:2405.09673); preference tuning starts at 5e-7 (Rafailov et al. 2023, arXiv:2305.18290).
FULL = RateRange("full fine-tuning", 1e-6, 2e-4, "about 1e-5")
LORA = RateRange("LoRA", 1e-5, 2e-3, "1e-4 to 2e-4")
PREFERENCE = RateRange("preference tuning", 1e-8, 2e-4, "5e-7 to 5e-6, or 5e-6 to 5e-5 with LoRA")
UNKNOWN = RateRange("fine-tuning", 1e-6, 2e-3, "1e-5 (full) to 2e-4 (LoRA)")


def judge_learning_rate_too_low(run: Run) -> Verdict:
    """Find a flat loss under a learning rate far below its method's range."""
    peak = _peak_rate(run)
    if peak is None:
        return NO_RATE
    if is_rl(run):
        return RL_NOT_JUDGED
    usual = rate_range(run)
    if peak.value >= usual.low or not isinstance(judge_loss_not_decreasing(run), Finding):
        return None
    ratio = usual.low / peak.value if peak.value > 0 else math.inf
    away = "is 0" if peak.value == 0 else f"peaks at {format_number(peak.value)}, a factor of {ratio:.0f} below that"
    return Finding(
        id="learning_rate_too_low",
        severity="warning",
        confidence="certain" if ratio >= 10 else "likely",
        summary=f"For {usual.method} the learning rate is usually {usual.usual} and at least {usual.low:g}; "
        f"here it {away}, and the loss does not move.",
        values={"peak_learning_rate": peak.value, "lowest_usual": usual.low, "method": usual.method},
        evidence=quote([peak]),
        settles={"learning_rate": _towards("raise", peak, usual)},
    )


def judge_learning_rate_too_high(run: Run) -> Verdict:
    """Find a bad loss curve under a learning rate far above its method's range."""
    peak = _peak_rate(run)
    if peak is None:
        return NO_RATE
    if is_rl(run):
        return RL_NOT_JUDGED
    usual = rate_range(run)
    if peak.value <= usual.high or not _is_harmed(run):
        return None
    return Finding(
        id="learning_rate_too_high",
        severity="error",
        confidence="certain" if peak.value > 5 * usual.high else "likely",
        summary=f"For {usual.method} the learning rate is usually {usual.usual} and at most {usual.high:g}; here it "
        f"peaks at {format_number(peak.value)}, {peak.value / usual.high:.0f} times that, and the loss is harmed.",
        values={"peak_learning_rate": peak.value, "highest_usual": usual.high, "method": usual.method},
        evidence=quote([peak]),
        settles={"learning_rate": _towards("lower", peak, usual)},
    )


def _towards(direction: Literal["raise", "lower"], peak: Point, usual: RateRange) -> Settled:
    return Settled(direction, f"from {format_number(peak.value)} to the usual range for {usual.method}, {usual.usual}")


def rate_range(run: Run) -> RateRange:
    """The range for the method that the log's settings tell."""
    if is_preference(run):
        return PREFERENCE
    trainable, everything = run.number("trainable_parameters"), run.number("all_parameters")
    if "lora_r" in run.settings or "lora_alpha" in run.settings:
        return LORA
    if trainable and everything:
        return LORA if trainable < 0.5 * everything else FULL
    return UNKNOWN


def _peak_rate(run: Run) -> Point | None:
    """The highest learning rate that was logged, or the configured one."""
    logged = run.finite("learning_rate")
    if logged:
        return max(logged, key=lambda point: point.value)
    configured = run.number("learning_rate")
    if configured is None:
        return None
    return Point(configured, None, None, run.settings["learning_rate"].line)


def _is_harmed(run: Run) -> bool:
    if any(isinstance(judge(run), Finding) for judge in (judge_loss_nan, judge_loss_divergence)):
        return True
    values = run.values("loss")
    if len(values) < MIN_POINTS:
        return False
    curve = measure_curve(values)
    return curve.end > NO_GAIN_SHARE * min(values[:3])
