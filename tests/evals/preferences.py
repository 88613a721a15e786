"""Made-up runs of preference and reinforcement learning: the faults, and what only looks like one."""

import math
from collections.abc import Sequence

from run_factory import Row, add_noise, make_rows

from evals.story import Story, grow, learn, level, line, tell, with_metrics

LN_2 = math.log(2)
IDLE = frozenset({"loss_not_decreasing", "learning_rate_too_low", "underfitting"})
HACKED = frozenset({"preference_reward_hacking", "overfitting", "learning_rate_too_high"})
COLLAPSED = frozenset({"rl_collapse", "preference_reward_hacking", "learning_rate_too_high"})


def group_rows(
    reward: Sequence[float], reward_std: Sequence[float], divergence: Sequence[float], **more: Sequence[float]
) -> list[Row]:
    """GRPO rows: the loss is 0 by construction."""
    num_rows = len(reward)
    lengths = add_noise([180.0] * num_rows, 9.0, 3)
    beside = {"completions/mean_length": lengths, "completions/clipped_ratio": [0.02] * num_rows, **more}
    beside |= {"frac_reward_zero_std": [float(value == 0) for value in reward_std]}
    losses = [0.04 * value for value in divergence]
    return with_metrics(
        losses, {"reward": reward, "reward_std": reward_std, "kl": divergence, "learning_rate": 1e-6, **beside}
    )


def pair_rows(losses: Sequence[float], chosen: Sequence[float], rejected: Sequence[float], beta: float) -> list[Row]:
    """DPO rows: rewards are beta x (log-probability - that of the reference), which is -120 and -150 here."""
    margins = [a - b for a, b in zip(chosen, rejected, strict=True)]
    beside = {
        "rewards/chosen": chosen,
        "rewards/rejected": rejected,
        "rewards/margins": margins,
        "rewards/accuracies": [min(1.0, max(0.0, 0.5 + margin / 2)) for margin in margins],
        "logps/chosen": [-120 + value / beta for value in chosen],
        "logps/rejected": [-150 + value / beta for value in rejected],
    }
    return with_metrics(losses, {"learning_rate": 5e-7, **beside})


def softplus(margins: Sequence[float]) -> list[float]:
    """DPO's loss of a margin of rewards."""
    return [math.log1p(math.exp(-margin)) for margin in margins]


LIVELY = [0.2 + 0.05 * (index % 3) for index in range(80)]
CALM = line(80, 0.0, 0.05, 0.002, 2)
CLIMB = line(80, 0.3, 0.9, 0.05, 3)
FAULTS: tuple[Story, ...] = (
    tell("GRPO, all rewards of a group equal", group_rows([0.0] * 80, [0.0] * 80, level(80, 3e-4, 1e-5, 1)),
         "rl_collapse", fair=COLLAPSED),
    tell("GRPO, spread of rewards dies out", group_rows([*line(40, 0.3, 0.5, 0.03), *[0.5] * 40],
         [*LIVELY[:40], *[0.0] * 40], CALM), "rl_collapse", fair=COLLAPSED),
    tell("GRPO, divergence explodes", group_rows([*CLIMB[:50], *line(30, 0.6, 0.02)], LIVELY,
         [*CALM[:50], *grow(30, 0.05, 900.0)]), "rl_collapse", fair=COLLAPSED),
    tell("GRPO, completions run into the limit", group_rows([*CLIMB[:40], *line(40, 0.6, 0.05, 0.02)], LIVELY, CALM,
         **{"completions/clipped_ratio": line(80, 0.05, 0.99), "completions/mean_length": line(80, 150, 511)}),
         "rl_collapse", either=["never_stops"], fair=COLLAPSED),
    tell("PPO, divergence explodes", with_metrics(line(60, 0.2, 0.1, 0.02), {"learning_rate": 3e-6,
        "objective/kl": [*line(30, 0.5, 4.0, 0.3), *grow(30, 4.0, 700.0)],
        "objective/rlhf_reward": line(60, 0.4, -40.0, 0.4), "objective/scores": line(60, 0.4, 2.0, 0.1),
        "objective/entropy": line(60, 40.0, 1.0), "policy/approxkl_avg": line(60, 0.01, 3.0)}), "rl_collapse",
        fair=COLLAPSED),
    tell("DPO, both log-probabilities fall", pair_rows(softplus(line(80, 0.0, 9.0)), line(80, 0.0, -21.0, 0.2),
         line(80, 0.0, -30.0, 0.2), 0.1), "preference_reward_hacking", fair=HACKED),
    tell("DPO, stays at ln 2", pair_rows(level(80, LN_2, 5e-4, 2), level(80, 0.0, 1e-3, 3), level(80, 0.0, 1e-3, 4),
         0.1), "loss_not_decreasing", either=IDLE, fair=IDLE),
    tell("DPO, loss is nan", pair_rows([*softplus(line(30, 0.0, 1.0)), *[math.nan] * 20], line(50, 0.0, 0.4, 0.02),
         line(50, 0.0, -0.6, 0.02), 0.1), "loss_nan", fair=["dtype_precision"]),
    tell("reward model stays at ln 2", make_rows(level(60, LN_2, 0.01, 5), learning_rate=1e-5, accuracy=level(60, 0.5,
         0.03, 2), margin=level(60, 0.0, 0.01, 3)), "loss_not_decreasing", either=IDLE, fair=IDLE),
)  # fmt: skip
FINE: tuple[Story, ...] = (
    tell("GRPO, loss of 0 and a reward that climbs", group_rows(CLIMB, LIVELY, [0.0] * 80)),
    tell("GRPO, negative loss", [{**row, "loss": -0.01 + 0.02 * (index % 2)} for index, row in
         enumerate(group_rows(CLIMB, LIVELY, CALM))]),
    tell("DPO that learns", pair_rows(add_noise(softplus(line(80, 0.0, 1.6)), 0.03, 4), line(80, 0.0, 0.6, 0.05),
         line(80, 0.0, -1.0, 0.05), 0.1)),
    tell("KTO that learns from 0.5", with_metrics(learn(60, 0.5, 0.38, noise=0.01), {"learning_rate": 5e-7,
        "rewards/chosen": line(60, 0.0, 0.8, 0.05), "rewards/rejected": line(60, 0.0, -0.5, 0.05),
        "kl": line(60, 0.0, 3.0, 0.4)})),
)  # fmt: skip
