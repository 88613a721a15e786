"""Preference tuning (DPO and its kin): margins that grow because both answers become unlikely."""

from collections.abc import Sequence
from statistics import median

from tools.diagnosis.curves import where
from tools.diagnosis.finding import CannotJudge, Finding, Settled, Verdict, quote
from tools.diagnosis.signals import Signals
from tools.run import Point
from tools.units import format_number

MIN_ROWS = 10
SATURATED_ACCURACY = 0.95
FALLEN_REWARD = -5.0
"""At the usual beta of 0.1 a chosen answer has become exp(50) times less likely; healthy runs end at -0.5 to -3."""
FALLEN_SHARE = 0.3
FALLEN_NATS = 50.0
"""Without rewards: the chosen answer's log-probability falls by 30 % and by 50 nats."""
NOT_PREFERENCE = CannotJudge("this is no preference run: it prints no rewards/chosen and no logps/chosen")


def judge_preference_reward_hacking(signals: Signals) -> Verdict:
    """Find margins that grow while the chosen answers themselves become very unlikely, with accuracies at their end."""
    if not signals.is_preference:
        return NOT_PREFERENCE
    run = signals.run
    margins = run.finite("rewards/margins") or run.finite("logps/margins")
    chosen = run.finite("rewards/chosen")
    likelihoods = run.finite("logps/chosen")
    if len(chosen or likelihoods) < MIN_ROWS:
        return CannotJudge(f"fewer than {MIN_ROWS} rows tell the chosen answers' rewards", "a longer log")
    accuracies = run.values("rewards/accuracies")
    is_saturated = not accuracies or _late(accuracies) >= SATURATED_ACCURACY
    is_growing = not margins or _late([point.value for point in margins]) > _early([point.value for point in margins])
    if not is_saturated or not is_growing or not (_reward_falls(chosen) or _likelihood_falls(likelihoods)):
        return None
    shown = chosen if _reward_falls(chosen) else likelihoods
    start, end = _early([point.value for point in shown]), _late([point.value for point in shown])
    name = "rewards/chosen" if shown is chosen else "logps/chosen"
    return Finding(
        id="preference_reward_hacking",
        severity="warning",
        confidence="likely",
        summary=f"{name} falls from {format_number(start)} to {format_number(end)} at {where(shown[-1])}"
        + (f" while the margins grow to {format_number(_late([point.value for point in margins]))}" if margins else "")
        + (f" and the accuracies stand at {format_number(_late(accuracies))}" if accuracies else "")
        + ": the preference is won by making both answers unlikely, the chosen ones too.",
        values={"first_chosen": start, "last_chosen": end, "metric": name},
        evidence=quote([shown[0], shown[len(shown) // 2], shown[-1]]),
        settles={"preference_beta": Settled("raise"), "learning_rate": Settled("lower")},
    )


def _reward_falls(chosen: Sequence[Point]) -> bool:
    values = [point.value for point in chosen]
    return len(values) >= MIN_ROWS and _late(values) < FALLEN_REWARD and _late(values) < _early(values)


def _likelihood_falls(likelihoods: Sequence[Point]) -> bool:
    values = [point.value for point in likelihoods]
    if len(values) < MIN_ROWS:
        return False
    fall = _early(values) - _late(values)
    return fall > FALLEN_NATS and fall > FALLEN_SHARE * abs(_early(values))


def _early(values: Sequence[float]) -> float:
    return median(values[: max(3, len(values) // 10)])


def _late(values: Sequence[float]) -> float:
    return median(values[-max(3, len(values) // 5) :])
