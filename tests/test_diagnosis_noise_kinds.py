"""Healthy runs of other kinds, with noise: preferences, rewards, and classes with a small validation set."""

import math
from collections.abc import Callable
from statistics import NormalDist

import pytest
from run_factory import Row, judge, render_state, serious_ids

NUM_RUNS = 60
MAX_ALARM_SHARE = 0.02
NORMAL = NormalDist()


def rows_of(seed: int) -> int:
    """From 5 to about 400 rows."""
    return round(5 * math.exp(4.4 * NORMAL.cdf(NORMAL.samples(1, seed=seed)[0])))


def preference_rows(seed: int) -> list[Row]:
    num_rows = rows_of(seed)
    shifts, others = NORMAL.samples(num_rows, seed=seed), NORMAL.samples(num_rows, seed=seed + 1000)
    rows = []
    for index in range(num_rows):
        place = (index + 0.5) / num_rows
        margin = 1.2 * place**0.7
        chosen, rejected = 0.3 * margin - 0.3 * place, -0.7 * margin - 0.3 * place
        rows.append(
            {
                "loss": (0.693 - 0.3 * (1 - math.exp(-3 * place))) * math.exp(0.08 * shifts[index]),
                "rewards/chosen": chosen + 0.05 * others[index],
                "rewards/rejected": rejected + 0.05 * shifts[index],
                "rewards/margins": margin + 0.05 * (others[index] - shifts[index]),
                "rewards/accuracies": min(1.0, 0.55 + 0.3 * place + 0.05 * abs(others[index])),
                "logps/chosen": -250 - 10 * place + 15 * others[index],
                "logps/rejected": -240 - 40 * place + 15 * shifts[index],
                "learning_rate": 5e-6 * (1 - place),
                "epoch": place,
                "step": 10.0 * (index + 1),
            }
        )
    return rows


def reward_rows(seed: int) -> list[Row]:
    num_rows = rows_of(seed)
    shifts, others = NORMAL.samples(num_rows, seed=seed), NORMAL.samples(num_rows, seed=seed + 1000)
    rows = []
    for index in range(num_rows):
        place = (index + 0.5) / num_rows
        rows.append(
            {
                "loss": 0.02 * shifts[index],
                "reward": 0.3 + 0.5 * (1 - math.exp(-3 * place)) + 0.1 * others[index],
                "reward_std": max(0.02, 0.35 - 0.15 * place + 0.05 * shifts[index]),
                "kl": max(0.0, 0.05 * math.sqrt(place) + 0.01 * others[index]),
                "completions/clipped_ratio": abs(0.06 + 0.04 * shifts[index]),
                "learning_rate": 1e-6 * (1 - place),
                "epoch": place,
                "step": index + 1.0,
            }
        )
    return rows


def class_rows(seed: int) -> list[Row]:
    num_rows = max(8, rows_of(seed))
    shifts, others = NORMAL.samples(num_rows, seed=seed), NORMAL.samples(num_rows, seed=seed + 1000)
    start = math.log(2 + seed % 9)
    rows: list[Row] = []
    for index in range(num_rows):
        place = (index + 0.5) / num_rows
        level = start * (0.3 + 0.7 * math.exp(-6 * place))
        loss, where = level * math.exp(0.12 * shifts[index]), {"epoch": 4 * place, "step": 50.0 * (index + 1)}
        rows.append({"loss": loss, "learning_rate": 2e-5 * (1 - place), **where})
        if (index + 1) % max(1, num_rows // 8) == 0:
            rows.append({"eval_loss": 1.15 * level * math.exp(0.04 * others[index]), "eval_accuracy": 0.8, **where})
    return rows


@pytest.mark.parametrize("make", [preference_rows, reward_rows, class_rows])
def test_healthy_runs_of_every_kind_are_hardly_ever_called_ill(make: Callable[[int], list[Row]]) -> None:
    ill = [(seed, found) for seed in range(1, NUM_RUNS + 1) if (found := serious_ids(judge(render_state(make(seed)))))]
    assert len(ill) <= MAX_ALARM_SHARE * NUM_RUNS, ill
