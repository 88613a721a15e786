"""A classifier's loss at a level that no classifier has: the first steps wrecked it, and nothing brings it back."""

from statistics import median

from tools.diagnosis.curves import where
from tools.diagnosis.finding import Finding, Settled, Verdict, quote
from tools.diagnosis.signals import NO_LOSS, RL_LOSS, Signals
from tools.run import Run
from tools.units import format_number

MIN_ROWS = 4
ABSURD_LOSS = 1e5
"""A guess among 200,000 classes costs ln(200,000) = 12.2, and 8,000 of them summed over a batch are 1e5."""
CHANCE_ACCURACY = 0.5
ACCURACY_WORDS = ("accuracy", "acc")


def judge_wrecked_model(signals: Signals) -> Verdict:
    """Find a loss that stays beyond anything that guessing costs, beside an accuracy that tells of no learning."""
    if signals.is_rl:
        return RL_LOSS
    losses = signals.losses
    if len(losses) < MIN_ROWS:
        return signals.too_few(MIN_ROWS) or NO_LOSS
    lowest, late = min(losses, key=lambda point: point.value), median(signals.values[len(losses) // 2 :])
    accuracy = _late_accuracy(signals.run)
    if accuracy is None or accuracy > CHANCE_ACCURACY or lowest.value < ABSURD_LOSS:
        return None
    return Finding(
        id="loss_divergence",
        severity="error",
        confidence="likely",
        summary=f"The training loss never is below {format_number(lowest.value)} ({where(lowest)}) and ends at about "
        f"{format_number(late)}, with an accuracy of {format_number(accuracy)}: guessing would cost a few units. The "
        "first steps blew the weights up.",
        values={"lowest_loss": lowest.value, "end_loss": late, "end_accuracy": accuracy},
        evidence=quote([losses[0], lowest, losses[-1]]),
        settles={"learning_rate": Settled("lower")},
    )


def _late_accuracy(run: Run) -> float | None:
    """The accuracy in the second half of the run, None where the log tells none."""
    for name in run.series:
        if name.lower().split("_")[-1] in ACCURACY_WORDS:
            values = [point.value for point in run.finite(name)]
            if values:
                return median(values[len(values) // 2 :])
    return None
