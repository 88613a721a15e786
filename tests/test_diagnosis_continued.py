"""A run continued with other data, one whose rows come too seldom, and one that learns slowly but surely."""

import pytest
from run_factory import Row, add_evals, add_noise, find, found_ids, judge, make_rows, render_state, serious_ids


def continued_rows(level_after: float) -> list[Row]:
    """Four rows of one data set, then forty of another that is ten times as large: the epoch starts again."""
    rows = make_rows(add_noise([1.8] * 4, 0.01, 1), every=100, per_epoch=500)
    more = make_rows(add_noise([level_after] * 40, 0.01, 2), every=100, per_epoch=5000)
    for index, row in enumerate(more):
        row["step"] = 500 + 100 * index
        row["epoch"] = row["step"] / 5000
    return rows + more


def test_a_loss_that_jumps_where_the_epochs_go_back_is_a_run_continued_with_other_data() -> None:
    finding = find(judge(render_state(continued_rows(2.3))), "checkpoint_resume")
    assert finding.values["resumed_step"] == 500
    assert "epochs go back" in finding.summary


def test_epochs_that_go_back_without_a_jump_say_nothing() -> None:
    assert "checkpoint_resume" not in found_ids(judge(render_state(continued_rows(1.8))))


def test_a_trainer_that_counts_within_each_epoch_is_not_continued_at_each() -> None:
    rows = make_rows(add_noise([1.5, 1.5, 1.5, 2.0, 1.9, 1.8] * 5, 0.01, 3), every=10)
    for index, row in enumerate(rows):
        row["epoch"] = (index % 6 + 1) / 6
    assert "checkpoint_resume" not in found_ids(judge(render_state(rows)))


@pytest.mark.parametrize("num_steps", [17, 400])
def test_an_interval_beyond_the_end_of_the_run_is_told_however_short_it_was(num_steps: int) -> None:
    data = b'{"epoch": 1.0, "eval_steps": 500, "log_history": [], "logging_steps": 500, "max_steps": %d}' % num_steps
    assert find(judge(data), "unmonitored_training").severity == "note"


def test_a_low_first_row_does_not_make_a_slow_fall_flat() -> None:
    losses = [2.13, 2.12, *add_noise([2.48 - 0.12 * index / 80 for index in range(80)], 0.012, 4)]
    assert "loss_not_decreasing" not in serious_ids(judge(render_state(make_rows(losses))))


def test_evaluations_that_fall_each_time_are_learning() -> None:
    losses = add_noise([2.4 - 0.03 * index / 60 for index in range(60)], 0.01, 5)
    rows = add_evals(make_rows(losses), [2.34, 2.32, 2.3, 2.28])
    assert "loss_not_decreasing" not in serious_ids(judge(render_state(rows)))
