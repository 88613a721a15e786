"""LoRA's own settings: scaling, rank and how much is trained, blamed where the curve shows harm."""

import math

from tools.diagnosis.divergence import judge_loss_divergence
from tools.diagnosis.finding import CannotJudge, Finding, Severity, Verdict, quote
from tools.diagnosis.flatness import judge_loss_not_decreasing
from tools.diagnosis.loss_broken import judge_loss_nan
from tools.diagnosis.loss_jumps import find_blow_up
from tools.diagnosis.signals import Signals
from tools.run import Line
from tools.units import format_number

LOW_SCALE = 0.1
HIGH_SCALE = 16.0
"""alpha/r is 1 or 2 in nearly all recipes (Hu et al. 2021 take 1); a tenth of that or eight times that is far off."""
LOW_SHARE_OF_RANK = 1e-5
"""Adapters on q and v alone hold 6e-5 of a 7B model for each unit of rank, 3e-5 of a 70B model."""
HIGH_SHARE = 0.3
NOT_LORA = CannotJudge("the log tells no LoRA settings", "the training config, or PEFT's line of trainable parameters")


def judge_lora_misconfiguration(signals: Signals) -> Verdict:
    """Find a scaling alpha/r far from 1..2, or a trainable count far from what the rank implies."""
    if signals.is_lora is not True:
        return NOT_LORA
    fault = _tell_scale(signals) or _tell_count(signals)
    if fault is None:
        return None
    text, is_weak = fault
    harm = _tell_flat(signals) if is_weak else _tell_wrecked(signals)
    severity: Severity = "error" if harm else "note"
    names = ("lora_r", "lora_alpha", "trainable_parameters", "all_parameters")
    values = {name: number for name in names if (number := signals.run.number(name)) is not None}
    lines = {signals.run.settings[name].line for name in values}
    return Finding(
        id="lora_misconfiguration",
        severity=severity,
        confidence="likely" if harm else "possible",
        summary=text + (f" {harm}" if harm else " The curve shows no harm of it."),
        values={**values, "scale": _scale(signals)},
        evidence=(*_in_order(lines), *quote(signals.losses[-1:] if harm else ())),
    )


def _scale(signals: Signals) -> float | None:
    rank, alpha = signals.run.number("lora_r"), signals.run.number("lora_alpha")
    if not rank or alpha is None or rank <= 0:
        return None
    setting = signals.run.settings.get("use_rslora")
    return alpha / (math.sqrt(rank) if setting and setting.value is True else rank)


def _tell_scale(signals: Signals) -> tuple[str, bool] | None:
    """What is wrong with the scaling, and whether it makes the adapter too weak."""
    scale = _scale(signals)
    if scale is None or LOW_SCALE < scale < HIGH_SCALE:
        return None
    is_weak = scale <= LOW_SCALE
    effect = "the adapter hardly reaches the output" if is_weak else "each step of the adapter counts many times"
    return f"alpha/r is {format_number(scale)}, usually 1 to 2: {effect}.", is_weak


def _tell_count(signals: Signals) -> tuple[str, bool] | None:
    run = signals.run
    trainable, everything = run.number("trainable_parameters"), run.number("all_parameters")
    if trainable is None:
        return None
    if trainable == 0:
        return "No parameter is trainable.", True
    if not everything:
        return None
    share, rank = trainable / everything, run.number("lora_r") or 1.0
    if share < LOW_SHARE_OF_RANK * rank:
        return (
            f"Only {trainable:,.0f} of {everything:,.0f} parameters are trainable, too few for rank {rank:.0f}.",
            True,
        )
    if share > HIGH_SHARE and "lora_r" in run.settings:
        return f"{100 * share:.0f}% of all parameters are trainable: far more than adapters hold.", False
    return None


def _tell_flat(signals: Signals) -> str:
    is_flat = isinstance(judge_loss_not_decreasing(signals), Finding)
    return "The training loss does not move." if is_flat else ""


def _tell_wrecked(signals: Signals) -> str:
    if isinstance(judge_loss_nan(signals), Finding):
        return "The loss is no number any more."
    is_wrecked = isinstance(judge_loss_divergence(signals), Finding) or find_blow_up(signals) is not None
    return "The training loss climbs away." if is_wrecked else ""


def _in_order(lines: set[Line]) -> tuple[Line, ...]:
    return tuple(sorted(lines, key=lambda line: line.number))
