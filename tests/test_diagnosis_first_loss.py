"""The first losses: worse than a uniform guess, exactly that, or near 0 before anything was learned."""

import math

import pytest
from run_factory import add_evals, add_noise, descend, find, found_ids, judge, make_rows, render, serious_ids

LORA = b"lora_r: 16\nlora_alpha: 32\n"
LLAMA = LORA + b"vocab_size: 32000\n"


def start_at(first: float, end: float = 7.6) -> bytes:
    return render(make_rows(add_noise(descend(60, first, end), 0.05, 1)))


def test_a_pretrained_model_that_starts_above_a_uniform_guess_has_wrong_labels() -> None:
    finding = find(judge(LLAMA + start_at(12.0)), "data_quality")
    assert (finding.severity, finding.confidence) == ("error", "likely")
    assert finding.values["uniform_loss"] == pytest.approx(math.log(32000))


def test_a_pretrained_model_that_starts_at_a_uniform_guess_was_not_loaded() -> None:
    assert "base_model_mismatch" in serious_ids(judge(LLAMA + start_at(math.log(32000), 7.0)))


def test_a_first_step_that_wrecks_the_model_says_nothing_about_its_labels() -> None:
    losses = [4.0, 12.9, 14.9, *add_noise(descend(57, 12.0, 5.8), 0.05, 1)]
    assert "data_quality" not in found_ids(judge(LLAMA + render(make_rows(losses, learning_rate=0.05))))


@pytest.mark.parametrize("settings", [b"", b"vocab_size: 32000\n"])
def test_training_from_scratch_starts_there_and_is_healthy(settings: bytes) -> None:
    assert serious_ids(judge(settings + start_at(math.log(32000) + 0.2, 4.5))) == []


def test_a_new_format_that_is_learned_at_once_is_no_fault_of_the_labels() -> None:
    assert serious_ids(judge(LLAMA + start_at(20.5, 0.2))) == []


def test_a_sum_is_told_from_a_mean_by_the_validation_loss() -> None:
    rows = add_evals(make_rows([16 * loss for loss in descend(60)]), [1.9, 1.5, 1.3, 1.2])
    assert serious_ids(judge(LLAMA + render(rows))) == []


def test_without_a_sign_of_a_pretrained_model_nothing_is_blamed_on_its_start() -> None:
    skipped = judge(start_at(10.2, 4.0)).skipped
    assert skipped["data_quality"].reason == "nothing tells that the model was trained before"


def test_a_loss_at_ln_2_of_preferences_is_told_as_chance() -> None:
    rows = [{**row, "rewards/margins": 0.0} for row in make_rows(add_noise([0.693] * 40, 0.002, 1))]
    assert "That is ln 2" in find(judge(render(rows)), "loss_not_decreasing").summary


def test_a_constant_loss_of_ln_of_the_vocabulary_is_told_as_such() -> None:
    losses = add_noise([math.log(32000)] * 40, 0.01, 1)
    finding = find(judge(b"vocab_size: 32000\n" + render(make_rows(losses))), "loss_not_decreasing")
    assert "ln(vocabulary)" in finding.summary


@pytest.mark.parametrize("evals", [[], [0.006, 0.005, 0.006]])
def test_losses_near_0_from_the_first_row_are_a_leak(evals: list[float]) -> None:
    rows = make_rows(add_noise([0.006] * 40, 0.0005, 2))
    diagnosis = judge(LORA + render(add_evals(rows, evals) if evals else rows))
    assert serious_ids(diagnosis) == ["data_leakage"]


def test_a_small_loss_of_an_unknown_kind_is_only_a_note() -> None:
    rows = make_rows([abs(loss) for loss in add_noise(descend(60, 0.015, 0.006), 0.0003, 2)])
    assert serious_ids(judge(render(rows))) == []


def test_a_validation_loss_far_below_the_training_loss_is_a_leak() -> None:
    rows = add_evals(make_rows(add_noise(descend(80, 1.9, 0.95), 0.03, 3)), [0.09, 0.05, 0.03, 0.02])
    assert serious_ids(judge(render(rows))) == ["data_leakage"]


def test_validation_losses_a_little_below_the_training_losses_are_no_leak() -> None:
    rows = add_evals(make_rows(add_noise(descend(80, 2.4, 0.5), 0.03, 3)), [1.2, 0.7, 0.5, 0.42])
    assert found_ids(judge(render(rows))) == []


def test_losses_practically_0_in_both_sets_are_too_good_to_be_true() -> None:
    rows = add_evals(make_rows(descend(40, 6.0, 0.0003, 20.0)), [0.0012, 0.0005, 0.0004])
    finding = find(judge(render(rows)), "loss_zero")
    assert (finding.severity, finding.confidence) == ("warning", "likely")
