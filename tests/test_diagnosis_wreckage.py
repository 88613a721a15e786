"""A model that its first steps wrecked: absurd losses at chance accuracy, and gradients that are nan throughout."""

import math

import pytest
from run_factory import find, found_ids, judge, make_rows, render_state, serious_ids

ABSURD = [3.1e15, 6.4e5, 5.2e5, 5.5e5, 4.9e5, 5.1e5, 5.3e5]


def test_an_absurd_loss_beside_an_accuracy_of_chance_is_divergence() -> None:
    finding = find(judge(render_state(make_rows(ABSURD, accuracy=0.11))), "loss_divergence")
    assert finding.severity == "error"
    assert finding.values["lowest_loss"] == pytest.approx(4.9e5)


@pytest.mark.parametrize("accuracy", [0.93, None])
def test_a_large_loss_that_is_learned_from_or_without_an_accuracy_may_be_a_sum_or_a_price(
    accuracy: float | None,
) -> None:
    falling = [9.1e6, 4.2e6, 2.5e6, 1.6e6, 1.1e6, 8.0e5, 7.0e5]
    rows = make_rows(falling) if accuracy is None else make_rows(falling, accuracy=accuracy)
    assert "loss_divergence" not in found_ids(judge(render_state(rows)))


def test_gradients_that_are_nan_in_every_row_are_told_though_the_loss_is_a_number() -> None:
    finding = find(judge(render_state(make_rows([0.71, 0.98, 0.66], grad_norm=math.nan))), "loss_nan")
    assert (finding.severity, finding.confidence) == ("error", "likely")
    assert finding.values["num_non_finite"] == 3


@pytest.mark.parametrize("norms", [[math.inf] * 4, [math.nan, math.nan, 0.8, 0.7], [math.nan, math.nan]])
def test_the_loss_scaler_at_work_is_no_broken_gradient(norms: list[float]) -> None:
    rows = make_rows([1.2, 1.1, 1.0, 0.9][: len(norms)], grad_norm=norms)
    assert "loss_nan" not in serious_ids(judge(render_state(rows)))


def test_a_gated_repository_that_a_program_reports_in_its_own_words_is_found() -> None:
    text = b"2025-05-02 10:11:12,345 - ERROR - could not load: You are trying to access a gated repo.\n"
    assert find(judge(text), "gated_access").severity == "error"
