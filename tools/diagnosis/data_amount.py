"""The amount of data against how often it is seen: too little, repeated, or unprotected by regularisation."""

from statistics import median

from tools.diagnosis.curves import where
from tools.diagnosis.finding import CannotJudge, Finding, Verdict, quote
from tools.diagnosis.generalisation import judge_overfitting
from tools.diagnosis.signals import NO_LOSS, RL_LOSS, Signals
from tools.run import Line
from tools.units import format_number

SMALL_SET = 200
"""Instruction tuning is reported to work from about 1000 good rows on (Zhou et al. 2023, arXiv:2305.11206)."""
TINY_SET = 100
MANY_EPOCHS = 3.0
LEARNED_START = 1.0
RECITED_LOSS = 0.05
FIRST_EPOCH = 0.95
MIN_ROWS = 8
NO_SETTINGS = CannotJudge("the log does not tell how many examples there are", "the console output from its beginning")


def judge_insufficient_data(signals: Signals) -> Verdict:
    """Find a small training set that is seen many times; it matters where the validation loss climbs."""
    examples, epochs = signals.run.number("num_examples"), _epochs(signals)
    if examples is None:
        return NO_SETTINGS
    if epochs is None:
        return CannotJudge("the log does not tell the epochs", "the training config")
    if examples > SMALL_SET or epochs < MANY_EPOCHS:
        return None
    is_harmed = examples <= TINY_SET and _overfits(signals)
    return Finding(
        id="insufficient_data",
        severity="warning" if is_harmed else "note",
        confidence="likely" if is_harmed else "possible",
        summary=f"There are {examples:.0f} training examples, each seen {epochs:.3g} times"
        + (", and the validation loss climbs: " if is_harmed else ": ")
        + "so few rows are recited before they are understood.",
        values={"num_examples": examples, "num_epochs": epochs},
        evidence=_setting_lines(signals, "num_examples", "num_train_epochs"),
    )


def judge_missing_regularization(signals: Signals) -> Verdict:
    """Find dropout 0 and weight decay 0 in a run that overfits."""
    dropout, decay = signals.run.number("lora_dropout"), signals.run.number("weight_decay")
    if dropout is None and decay is None:
        return CannotJudge("the log tells neither dropout nor weight decay", "the training config")
    if dropout or decay or not _overfits(signals):
        return None
    names = [name for name in ("lora_dropout", "weight_decay") if signals.run.number(name) == 0]
    return Finding(
        id="missing_regularization",
        severity="note",
        confidence="possible",
        summary=f"{' and '.join(names)} {'are' if len(names) > 1 else 'is'} 0 in a run that overfits.",
        values=dict.fromkeys(names, 0.0),
        evidence=_setting_lines(signals, *names),
    )


def judge_duplicate_data(signals: Signals) -> Verdict:
    """Find a training loss that is nearly 0 before every row has been seen once: rows must repeat, or be trivial."""
    if signals.is_rl:
        return RL_LOSS
    if not signals.losses:
        return NO_LOSS
    if any(point.epoch is None for point in signals.losses):
        return CannotJudge("the log tells no epochs, so rows seen again cannot be told from new ones")
    first_epoch = [point for point in signals.losses if (point.epoch or 0.0) <= FIRST_EPOCH]
    if len(first_epoch) < MIN_ROWS or signals.run.is_excerpt or signals.is_preference or signals.is_reward_model:
        return None
    late = first_epoch[-max(3, len(first_epoch) // 5) :]
    level, start = median(point.value for point in late), median(point.value for point in first_epoch[:3])
    if not 0 < level < RECITED_LOSS or start < LEARNED_START:
        return None
    return Finding(
        id="duplicate_data",
        severity="note",
        confidence="possible",
        summary=f"The training loss is {format_number(level)} at {where(late[0])}, before every row was seen once, "
        f"from {format_number(start)} at the start: rows repeat, or the answers are nearly the same everywhere.",
        values={"first_loss": start, "first_epoch_loss": level},
        evidence=quote([first_epoch[0], late[0], late[-1]]),
    )


def _epochs(signals: Signals) -> float | None:
    return signals.num_epochs or signals.run.number("num_train_epochs")


def _overfits(signals: Signals) -> bool:
    verdict = judge_overfitting(signals)
    return isinstance(verdict, Finding) and verdict.severity != "note"


def _setting_lines(signals: Signals, *names: str) -> tuple[Line, ...]:
    lines = {signals.run.settings[name].line for name in names if name in signals.run.settings}
    return tuple(sorted(lines, key=lambda line: line.number))
