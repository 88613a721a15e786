"""What the settings tell, blamed only where the curve shows harm: LoRA, batch, accumulation, data and its care."""

import pytest
from run_factory import add_evals, add_noise, descend, find, found_ids, judge, make_rows, render, serious_ids

GOOD = add_noise(descend(80), 0.03, 1)
FLAT = add_noise([2.3] * 80, 0.03, 1)
CLIMBING = add_noise([*descend(20, 2.4, 1.5), *[1.5 + 0.1 * index for index in range(60)]], 0.03, 1)
OVERFITTED = [1.9, 1.5, 1.3, 1.2, 1.35, 1.5, 1.65, 1.8]


def settings(**values: float) -> bytes:
    return "".join(f"{name}: {value:g}\n" for name, value in values.items()).encode()


@pytest.mark.parametrize(("alpha", "losses"), [(0.1, FLAT), (1.0, FLAT), (1024.0, CLIMBING)])
def test_a_scaling_far_off_is_the_root_of_a_bad_curve(alpha: float, losses: list[float]) -> None:
    diagnosis = judge(settings(lora_r=16, lora_alpha=alpha) + render(make_rows(losses)))
    assert serious_ids(diagnosis) == ["lora_misconfiguration"]
    assert diagnosis.findings[0].consequences


@pytest.mark.parametrize("alpha", [0.1, 1024.0])
def test_a_scaling_far_off_without_harm_is_a_note(alpha: float) -> None:
    diagnosis = judge(settings(lora_r=16, lora_alpha=alpha) + render(make_rows(GOOD)))
    assert find(diagnosis, "lora_misconfiguration").severity == "note"


@pytest.mark.parametrize("alpha", [8.0, 16.0, 32.0, 128.0])
def test_a_usual_scaling_is_not_blamed_for_a_flat_loss(alpha: float) -> None:
    diagnosis = judge(settings(lora_r=16, lora_alpha=alpha) + render(make_rows(FLAT)))
    assert serious_ids(diagnosis) == ["loss_not_decreasing"]


def test_far_too_few_trainable_parameters_are_the_root_of_a_flat_loss() -> None:
    banner = b"lora_r: 16\ntrainable params: 8,192 || all params: 6,742,609,920 || trainable%: 0.0001\n"
    assert serious_ids(judge(banner + render(make_rows(FLAT)))) == ["lora_misconfiguration"]


def test_the_usual_trainable_parameters_are_not_blamed() -> None:
    banner = b"lora_r: 8\ntrainable params: 4,194,304 || all params: 6,742,609,920 || trainable%: 0.0622\n"
    assert serious_ids(judge(banner + render(make_rows(FLAT)))) == ["loss_not_decreasing"]


def test_without_lora_settings_the_rule_asks_for_the_config() -> None:
    assert "training config" in judge(render(make_rows(FLAT))).skipped["lora_misconfiguration"].attach


def test_a_noisy_loss_under_a_batch_of_one_is_a_note() -> None:
    losses = [abs(loss) for loss in add_noise(descend(120, 2.0, 1.0), 0.4, 3)]
    banner = settings(per_device_train_batch_size=1, gradient_accumulation_steps=1)
    assert find(judge(banner + render(make_rows(losses))), "batch_size").severity == "note"


@pytest.mark.parametrize(("micro", "steps"), [(8, 1), (1, 16)])
def test_a_noisy_loss_under_a_usual_batch_is_not_blamed_on_it(micro: int, steps: int) -> None:
    losses = [abs(loss) for loss in add_noise(descend(120, 2.0, 1.0), 0.4, 3)]
    banner = settings(per_device_train_batch_size=micro, gradient_accumulation_steps=steps)
    assert "batch_size" not in found_ids(judge(banner + render(make_rows(losses))))


def test_a_training_loss_that_is_a_sum_over_accumulation_is_a_warning() -> None:
    rows = add_evals(make_rows([8 * loss for loss in descend(80, 2.4, 1.2)]), [1.7, 1.4, 1.3, 1.25])
    finding = find(judge(settings(gradient_accumulation_steps=8) + render(rows)), "grad_accumulation_scaling")
    assert (finding.severity, finding.values["gradient_accumulation_steps"]) == ("warning", 8.0)
    assert finding.values["ratio"] == pytest.approx(8.0, rel=0.1)


def test_a_sum_over_something_that_the_log_does_not_tell_is_a_note() -> None:
    rows = add_evals(make_rows([16 * loss for loss in descend(80, 2.4, 1.2)]), [1.7, 1.4, 1.3, 1.25])
    assert find(judge(render(rows)), "grad_accumulation_scaling").severity == "note"


@pytest.mark.parametrize("factor", [0.9, 1.0, 1.4])
def test_losses_on_one_scale_are_no_sum(factor: float) -> None:
    rows = add_evals(make_rows([factor * loss for loss in descend(80, 2.4, 1.2)]), [1.7, 1.4, 1.3, 1.25])
    banner = settings(gradient_accumulation_steps=8)
    assert "grad_accumulation_scaling" not in found_ids(judge(banner + render(rows)))


def test_a_tiny_set_that_overfits_is_a_warning_beside_the_overfitting() -> None:
    rows = add_evals(make_rows(descend(80, 2.4, 0.3), per_epoch=100), OVERFITTED)
    diagnosis = judge(settings(num_examples=60) + render(rows))
    assert serious_ids(diagnosis) == ["overfitting", "insufficient_data"]


def test_a_small_set_seen_many_times_is_a_note_where_no_harm_shows() -> None:
    diagnosis = judge(settings(num_examples=150) + render(make_rows(GOOD, per_epoch=100)))
    assert find(diagnosis, "insufficient_data").severity == "note"


@pytest.mark.parametrize(("examples", "per_epoch"), [(5000, 100), (150, 800)])
def test_a_large_set_and_a_single_epoch_are_enough(examples: int, per_epoch: int) -> None:
    diagnosis = judge(settings(num_examples=examples) + render(make_rows(GOOD, per_epoch=per_epoch)))
    assert "insufficient_data" not in found_ids(diagnosis)


def test_missing_regularisation_stands_under_the_overfitting_that_it_allows() -> None:
    rows = add_evals(make_rows(descend(80, 2.4, 0.3), per_epoch=100), OVERFITTED)
    diagnosis = judge(settings(lora_dropout=0, weight_decay=0) + render(rows))
    assert find(diagnosis, "overfitting").consequences == ("missing_regularization",)


def test_missing_regularisation_is_not_blamed_where_nothing_overfits() -> None:
    assert "missing_regularization" not in found_ids(judge(settings(weight_decay=0) + render(make_rows(GOOD))))


def test_a_loss_of_nearly_0_before_the_first_epoch_ends_is_a_note_on_repeated_rows() -> None:
    rows = make_rows(descend(60, 2.5, 0.01, 10.0), per_epoch=1000)
    assert find(judge(render(rows)), "duplicate_data").severity == "note"


def test_a_loss_of_nearly_0_after_several_epochs_is_not_blamed_on_repeated_rows() -> None:
    rows = make_rows(descend(60, 2.5, 0.01, 3.0), per_epoch=100)
    assert "duplicate_data" not in found_ids(judge(render(rows)))
