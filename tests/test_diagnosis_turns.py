"""What is a turn of the validation loss and what is its noise; what few noisy rows can tell of a flat loss."""

import math
from statistics import NormalDist

import pytest
from run_factory import add_evals, add_noise, descend, find, found_ids, judge, make_rows, render_state, serious_ids

from tools.diagnosis.curves import measure_wobble
from tools.diagnosis.finding import CannotJudge

NUM_RUNS = 120
MAX_ALARM_SHARE = 0.01


def settled_evals(num_evals: int, noise: float, seed: int) -> list[float]:
    """A validation loss that falls to its level and stays there, with noise."""
    shifts = NormalDist(0.0, noise).samples(num_evals, seed=seed)
    return [
        (1.1 + 0.7 * math.exp(-18 * (index + 1) / num_evals)) * math.exp(shifts[index]) for index in range(num_evals)
    ]


def ids_of(evals: list[float], train_end: float = 0.7, seed: int = 1) -> frozenset[str]:
    losses = add_noise(descend(90, 2.2, train_end, 3.0), 0.05, seed)
    return frozenset(serious_ids(judge(render_state(add_evals(make_rows(losses, per_epoch=30), evals)))))


@pytest.mark.parametrize("num_evals", [4, 6, 9, 14, 30])
def test_a_validation_loss_that_settles_with_noise_is_no_overfitting(num_evals: int) -> None:
    noises = [0.01, 0.02, 0.04]
    runs = [ids_of(settled_evals(num_evals, noises[seed % 3], seed), seed=seed) for seed in range(1, NUM_RUNS // 5 + 1)]
    assert sum("overfitting" in found for found in runs) <= MAX_ALARM_SHARE * NUM_RUNS


@pytest.mark.parametrize("num_evals", [3, 5, 8, 13])
def test_one_last_evaluation_that_is_somewhat_higher_is_no_turn(num_evals: int) -> None:
    evals = [1.6 - 0.4 * index / (num_evals - 2) for index in range(num_evals - 1)]
    assert "overfitting" not in ids_of([*evals, 1.2 * 1.16])


def test_one_last_evaluation_far_higher_is_a_turn_where_there_are_few() -> None:
    assert "overfitting" in ids_of([1.3, 1.2, 1.2 * 1.35])


def test_a_steady_rise_needs_no_such_height() -> None:
    assert "overfitting" in ids_of([1.6, 1.2, 1.24, 1.28, 1.31, 1.34, 1.37, 1.4])


def test_a_validation_loss_below_the_training_loss_has_no_gap_to_speak_of() -> None:
    evals = [1.6, 1.2, 1.26, 1.3, 1.32, 1.36]
    assert "overfitting" in ids_of(evals, train_end=0.7)
    assert "overfitting" not in ids_of(evals, train_end=1.6)


def test_a_wobble_is_what_neighbours_do_not_share() -> None:
    assert measure_wobble([5.0, 4.0, 3.0, 2.0]) == 0
    assert measure_wobble([1.0, 2.0]) == 0
    noisy = [2.0 + shift for shift in NormalDist(0.0, 0.1).samples(400, seed=3)]
    assert measure_wobble(noisy) == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_dozen_noisy_rows_cannot_be_called_flat(seed: int) -> None:
    losses = [1.5 * math.exp(shift) for shift in NormalDist(0.0, 0.2).samples(13, seed=seed)]
    diagnosis = judge(render_state(add_evals(make_rows(losses), [1.51, 1.5, 1.505])))
    assert "loss_not_decreasing" not in found_ids(diagnosis)


def test_a_dozen_quiet_rows_can() -> None:
    losses = add_noise([1.5] * 13, 0.005, 2)
    assert find(judge(render_state(make_rows(losses))), "loss_not_decreasing").severity == "error"


def test_that_few_noisy_rows_cannot_tell_is_said() -> None:
    losses = [1.5, 1.9, 1.2, 1.4, 1.8, 1.3, 1.6, 1.1, 1.7, 1.5, 1.4, 1.6]
    skipped = judge(render_state(make_rows(losses))).skipped["loss_not_decreasing"]
    assert isinstance(skipped, CannotJudge)
    assert "noise" in skipped.reason


@pytest.mark.parametrize(("evals", "is_line"), [([3.8, 3.5, 3.21, 2.9], True), ([3.8, 3.3, 3.05, 2.9], False)])
def test_a_table_of_four_epochs_that_fall_by_the_same_is_underfitting(evals: list[float], is_line: bool) -> None:
    rows = add_evals(make_rows([value - 0.08 for value in evals], every=150, per_epoch=150), evals)
    assert ("underfitting" in found_ids(judge(render_state(rows)))) == is_line
