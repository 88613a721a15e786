"""Reinforcement learning (GRPO, PPO): judged by reward, its spread, KL and the length of what is generated."""

import math
from collections.abc import Sequence
from statistics import median

from tools.diagnosis.curves import measure_curve, measure_noise, where
from tools.diagnosis.finding import CannotJudge, Finding, Settled, Verdict, quote
from tools.diagnosis.signals import Signals
from tools.run import Point
from tools.units import format_number

MIN_ROWS = 10
MIN_ROWS_TO_FALL = 20
REWARDS = [
    "reward",
    "critic/score/mean",
    "critic/rewards/mean",
    "objective/scores",
    "objective/rlhf_reward",
    "env/reward_mean",
    "ppo/mean_scores",
    "average_reward",
    "average_reward_score",
    "mean_reward",
]
SPREADS = ("reward_std", "rewards/std", "ppo/std_scores", "env/reward_std")
SPREAD_GONE = 1e-4
SPREAD_SHARE = 0.02
NO_SPREAD_SHARE = 0.9
"""Nine groups of ten with equal rewards: nothing is left to tell good answers from bad ones."""
KL_LIMITS = {"kl": 2.0, "objective/kl": 60.0, "actor/kl_loss": 2.0, "critic/kl": 2.0, "actor/kl": 2.0}
"""A token (GRPO, verl) and a whole answer (PPO): beyond this the model speaks another language than its reference."""
KL_GROWTH = 10.0
CLIPPED_SHARE = 0.9
REWARD_LOST_SIGMAS = 5.0
NOT_RL = CannotJudge("this is no reinforcement-learning run: it prints no reward")


def judge_rl_collapse(signals: Signals) -> Verdict:
    """Find rewards without a spread, a KL that explodes, a reward that was lost, or answers that never end."""
    if not signals.is_rl:
        return NOT_RL
    rewards = next((points for name in REWARDS if (points := signals.run.finite(name))), ())
    if len(rewards) < MIN_ROWS and (flat := _judge_equal_rows(signals, rewards)):
        return flat
    if len(rewards) < MIN_ROWS:
        reason = f"{len(rewards)} rewards in the log; {MIN_ROWS} are needed"
        return CannotJudge(reason, "a log with the reward in each row")
    return (
        _judge_kl(signals, rewards)
        or _judge_lost_reward(rewards)
        or _judge_spread(signals, rewards)
        or _judge_clipping(signals, rewards)
    )


def _judge_equal_rows(signals: Signals, rewards: Sequence[Point]) -> Finding | None:
    """A few rows in all of which every group has equal rewards: nothing was learned in them."""
    spreads = next((points for name in SPREADS if (points := signals.run.finite(name))), ())
    if not rewards or not spreads or any(abs(point.value) > SPREAD_GONE for point in spreads):
        return None
    return Finding(
        id="rl_collapse",
        severity="note",
        confidence="possible",
        summary=f"In all {len(spreads)} row(s) that the log shows, the answers of a group get equal rewards: there is "
        "nothing to learn from in them.",
        values={"num_rows": len(spreads), "last_reward": rewards[-1].value},
        evidence=quote([spreads[0], spreads[-1]]),
    )


def _judge_kl(signals: Signals, rewards: Sequence[Point]) -> Finding | None:
    for name, limit in KL_LIMITS.items():
        points = signals.run.finite(name)
        if len(points) < MIN_ROWS:
            continue
        values = [point.value for point in points]
        early, late = median(values[: len(values) // 3]), _late(values)
        if late > limit and late > KL_GROWTH * max(early, 0.0):
            return Finding(
                id="rl_collapse",
                severity="error",
                confidence="certain" if late > KL_GROWTH * limit else "likely",
                summary=f"{name} grows from {format_number(early)} to {format_number(late)} at {where(points[-1])}: "
                f"the model leaves its reference behind. The reward goes {_tell_reward(rewards)}.",
                values={"early_kl": early, "late_kl": late, **_reward_values(rewards)},
                evidence=quote([points[0], points[-1], rewards[-1]]),
                settles={"learning_rate": Settled("lower")},
            )
    return None


def _judge_lost_reward(rewards: Sequence[Point]) -> Finding | None:
    """A reward that had risen and ends below its start."""
    values = [point.value for point in rewards]
    if len(values) < MIN_ROWS_TO_FALL:
        return None
    curve = measure_curve(values)
    error = 1.25 * curve.noise / math.sqrt(max(3, len(values) // 10))
    start = curve.head
    is_lost = curve.end < min(start, curve.highest) - REWARD_LOST_SIGMAS * error and curve.end < curve.highest
    if not is_lost or curve.highest - curve.end < 3 * curve.noise:
        return None
    top = rewards[curve.highest_index]
    return Finding(
        id="rl_collapse",
        severity="error",
        confidence="likely",
        summary=f"The reward stands at {format_number(curve.highest)} round {where(top)} and falls to "
        f"{format_number(curve.end)} by the end, below the {format_number(start)} it had begun with.",
        values={"highest_reward": curve.highest, "highest_step": top.step, **_reward_values(rewards)},
        evidence=quote([rewards[0], top, rewards[-1]]),
        settles={"learning_rate": Settled("lower")},
    )


def _judge_spread(signals: Signals, rewards: Sequence[Point]) -> Finding | None:
    """Groups whose answers all get the same reward: the gradient is 0, solved or collapsed."""
    gone = _spread_gone(signals)
    if gone is None:
        return None
    is_rising = _is_rising(rewards)
    return Finding(
        id="rl_collapse",
        severity="note" if is_rising else "error",
        confidence="possible" if is_rising else "likely",
        summary=f"The answers of a group get the same reward at {where(gone)} and after: the "
        f"spread of the rewards is practically 0, so nothing pushes the model. The reward goes {_tell_reward(rewards)}."
        + (" It had risen before: the task may be solved." if is_rising else ""),
        values=_reward_values(rewards),
        evidence=quote([gone, rewards[0], rewards[-1]]),
    )


def _spread_gone(signals: Signals) -> Point | None:
    """The first row of the last fifth, where the spread within groups is gone there."""
    shares = signals.run.finite("frac_reward_zero_std")
    if len(shares) >= MIN_ROWS and _late([point.value for point in shares]) >= NO_SPREAD_SHARE:
        return _late_row(shares)
    spreads = next((points for name in SPREADS if len(points := signals.run.finite(name)) >= MIN_ROWS), None)
    if spreads is None:
        return None
    values = [point.value for point in spreads]
    level = max(SPREAD_GONE, SPREAD_SHARE * median(values[: max(3, len(values) // 5)]))
    return _late_row(spreads) if _late(values) <= level else None


def _judge_clipping(signals: Signals, rewards: Sequence[Point]) -> Finding | None:
    clipped = signals.run.finite("completions/clipped_ratio") or signals.run.finite("response_length/clip_ratio")
    values = [point.value for point in clipped]
    if len(values) < MIN_ROWS or _late(values) < CLIPPED_SHARE:
        return None
    early = median(values[: max(3, len(values) // 5)])
    has_grown = early < CLIPPED_SHARE / 2
    return Finding(
        id="rl_collapse",
        severity="warning" if has_grown else "note",
        confidence="likely" if has_grown and not _is_rising(rewards) else "possible",
        summary=f"{100 * _late(values):.0f}% of the answers are cut at the longest allowed length, {100 * early:.0f}% "
        f"at the beginning: they do not end any more. The reward goes {_tell_reward(rewards)}.",
        values={"early_clipped": early, "late_clipped": _late(values), **_reward_values(rewards)},
        evidence=quote([clipped[0], clipped[-1]]),
    )


def _is_rising(rewards: Sequence[Point]) -> bool:
    values = [point.value for point in rewards]
    error = 1.25 * measure_noise(values) * math.sqrt(2 / max(2, len(values) // 5))
    return _late(values) - median(values[: max(2, len(values) // 5)]) > 2 * error + 1e-9


def _tell_reward(rewards: Sequence[Point]) -> str:
    values = _reward_values(rewards)
    return f"from {format_number(values['early_reward'])} to {format_number(values['late_reward'])}"


def _reward_values(rewards: Sequence[Point]) -> dict[str, float]:
    values = [point.value for point in rewards]
    return {"early_reward": median(values[: max(2, len(values) // 5)]), "late_reward": _late(values)}


def _late(values: Sequence[float]) -> float:
    return median(values[-max(3, len(values) // 5) :])


def _late_row(points: Sequence[Point]) -> Point:
    return points[-max(3, len(points) // 5)]
