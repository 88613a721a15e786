"""Reinforcement learning and preference tuning: judged by their own metrics, not by the loss."""

import pytest
from run_factory import STYLES, Row, Style, add_noise, find, found_ids, judge, make_rows, render, serious_ids

every_style = pytest.mark.parametrize("style", STYLES)
NUM_ROWS = 60
RISING = add_noise([0.2 + 0.008 * index for index in range(NUM_ROWS)], 0.03, 1)
LEVEL = add_noise([0.35] * NUM_ROWS, 0.05, 2)


def grpo(reward: list[float], metrics: dict[str, list[float]] | None = None) -> list[Row]:
    columns = {"reward": reward, "reward_std": [0.2] * NUM_ROWS, "kl": [0.01] * NUM_ROWS, **(metrics or {})}
    rows = make_rows([0.0] * len(reward))
    return [{**row, **{name: values[index] for name, values in columns.items()}} for index, row in enumerate(rows)]


def preferences(chosen: list[float], margins: list[float], accuracy: float) -> list[Row]:
    num_rows = len(chosen)
    rows = make_rows([0.69 - 0.5 * index / num_rows for index in range(num_rows)], learning_rate=5e-6)
    columns = {"rewards/chosen": chosen, "rewards/margins": margins, "rewards/accuracies": [accuracy] * num_rows}
    return [{**row, **{name: values[index] for name, values in columns.items()}} for index, row in enumerate(rows)]


@every_style
@pytest.mark.parametrize("reward", [RISING, LEVEL], ids=["rising", "level"])
def test_a_reward_that_rises_or_stays_is_no_fault(reward: list[float], style: Style) -> None:
    assert serious_ids(judge(render(grpo(reward), style))) == []


@every_style
def test_a_kl_that_explodes_is_a_collapse(style: Style) -> None:
    kl = [0.01 * 1.15**index for index in range(NUM_ROWS)]
    finding = find(judge(render(grpo(LEVEL, {"kl": kl}), style)), "rl_collapse")
    assert finding.severity == "error"
    assert "the model leaves its reference behind" in finding.summary


def test_single_rows_of_huge_kl_are_no_collapse() -> None:
    kl = [0.01] * NUM_ROWS
    kl[20] = kl[45] = 500.0
    assert serious_ids(judge(render(grpo(RISING, {"kl": kl})))) == []


@every_style
def test_a_reward_that_was_lost_is_a_collapse(style: Style) -> None:
    reward = [*RISING[:40], *add_noise([0.02] * 20, 0.02, 3)]
    finding = find(judge(render(grpo(reward), style)), "rl_collapse")
    assert (finding.severity, finding.settles["learning_rate"].direction) == ("error", "lower")


@pytest.mark.parametrize(
    "metrics",
    [{"reward_std": [0.2] * 20 + [0.0] * 40}, {"frac_reward_zero_std": [0.1] * 20 + [1.0] * 40}],
    ids=["reward_std", "frac_reward_zero_std"],
)
def test_groups_of_equal_rewards_are_a_collapse(metrics: dict[str, list[float]]) -> None:
    assert find(judge(render(grpo(LEVEL, metrics))), "rl_collapse").severity == "error"


def test_groups_of_equal_rewards_after_a_rise_may_be_a_solved_task() -> None:
    reward = add_noise([min(1.0, 0.2 + 0.02 * index) for index in range(NUM_ROWS)], 0.01, 4)
    finding = find(judge(render(grpo(reward, {"reward_std": [0.2] * 40 + [0.0] * 20}))), "rl_collapse")
    assert (finding.severity, finding.confidence) == ("note", "possible")


def test_answers_that_no_longer_end_are_a_collapse() -> None:
    clipped = {"completions/clipped_ratio": [min(1.0, 0.05 + 0.03 * index) for index in range(NUM_ROWS)]}
    assert find(judge(render(grpo(LEVEL, clipped))), "rl_collapse").severity == "warning"


@pytest.mark.parametrize(
    "name", ["critic/score/mean", "objective/scores", "env/reward_mean", "reward", "critic/rewards/mean"]
)
def test_reinforcement_learning_is_known_by_its_keys(name: str) -> None:
    diagnosis = judge(render([{**row, name: 0.35} for row in make_rows([0.0] * NUM_ROWS)]))
    assert "reinforcement-learning" in diagnosis.skipped["loss_zero"].reason
    assert serious_ids(diagnosis) == []


@pytest.mark.parametrize("num_rows", [1, 3])
def test_a_few_rows_of_equal_rewards_are_a_note(num_rows: int) -> None:
    rows = grpo(LEVEL[:num_rows], {"reward_std": [0.0] * NUM_ROWS})
    assert find(judge(render(rows)), "rl_collapse").severity == "note"


def test_few_rewards_cannot_tell_a_collapse() -> None:
    assert judge(render(grpo(LEVEL[:6]))).skipped["rl_collapse"].reason == "6 rewards in the log; 10 are needed"


def test_a_run_without_rewards_is_no_reinforcement_learning() -> None:
    assert "no reinforcement-learning run" in judge(render(make_rows(RISING))).skipped["rl_collapse"].reason


@every_style
def test_chosen_answers_that_become_unlikely_are_reward_hacking(style: Style) -> None:
    rows = preferences([-0.3 * index for index in range(40)], [0.5 * index for index in range(40)], 0.99)
    finding = find(judge(render(rows, style)), "preference_reward_hacking")
    assert (finding.severity, finding.settles["preference_beta"].direction) == ("warning", "raise")
    assert "rewards/chosen falls from" in finding.summary


@pytest.mark.parametrize(
    ("slope", "accuracy"), [(-0.03, 0.99), (-0.3, 0.75), (0.05, 0.99)], ids=["a little", "not saturated", "rising"]
)
def test_rewards_of_healthy_preferences_are_no_hacking(slope: float, accuracy: float) -> None:
    rows = preferences([slope * index for index in range(40)], [0.5 * index for index in range(40)], accuracy)
    assert serious_ids(judge(render(rows))) == []


def test_log_probabilities_tell_it_where_no_rewards_are_printed() -> None:
    rows = [
        {**row, "logps/chosen": -120.0 - 3.0 * index, "log_odds_ratio": 0.1}
        for index, row in enumerate(make_rows([0.6] * 40))
    ]
    assert "preference_reward_hacking" in found_ids(judge(render(rows)))
