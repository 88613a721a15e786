"""Jumps of the training loss: spikes that recover, blow-ups, runs that start over, stairs at the epochs."""

import pytest
from run_factory import (
    STYLES,
    Style,
    add_evals,
    add_noise,
    descend,
    find,
    found_ids,
    judge,
    make_rows,
    render,
    render_state,
    serious_ids,
)

every_style = pytest.mark.parametrize("style", STYLES)


def spiked(places: tuple[int, ...], height: float, num_rows: int = 120, noise: float = 0.03) -> list[float]:
    losses = add_noise(descend(num_rows), noise, 2)
    for place in places:
        losses[place] *= height
    return losses


@every_style
def test_three_tall_spikes_are_a_warning(style: Style) -> None:
    finding = find(judge(render(make_rows(spiked((30, 66, 95), 5.0)), style)), "loss_spikes")
    assert (finding.severity, finding.values["num_spikes"]) == ("warning", 3)
    assert finding.values["highest_step"] == 310


def test_one_spike_of_eight_times_the_level_is_a_warning() -> None:
    assert serious_ids(judge(render(make_rows(spiked((66,), 9.0))))) == ["loss_spikes"]


@pytest.mark.parametrize("places", [(30,), (30, 66)])
def test_one_or_two_small_spikes_are_a_note(places: tuple[int, ...]) -> None:
    finding = find(judge(render(make_rows(spiked(places, 3.0)))), "loss_spikes")
    assert finding.severity == "note"


@pytest.mark.parametrize("seed", range(6))
def test_the_noise_of_small_batches_is_no_spike(seed: int) -> None:
    losses = [abs(loss) for loss in add_noise([1.2] * 40 + [1.1] * 160, 0.35, seed)]
    assert "loss_spikes" not in serious_ids(judge(render(make_rows(losses, per_epoch=5000))))


def test_a_steep_fall_at_the_start_is_no_spike() -> None:
    losses = [11.0, 9.0, 7.5, 6.2, 5.2, 4.4, 3.8, *descend(113, 3.4, 2.4)]
    assert found_ids(judge(render(make_rows(losses)))) == ["no_evaluation"]


def test_a_jump_at_the_beginning_of_each_epoch_belongs_to_the_data() -> None:
    losses = add_noise(descend(120), 0.02, 3)
    for start in (20, 40, 60, 80, 100):
        losses[start] *= 3.0
    assert "loss_spikes" not in found_ids(judge(render_state(make_rows(losses))))


@every_style
def test_a_blow_up_from_which_the_loss_came_back_is_told_with_what_was_lost(style: Style) -> None:
    losses = [*descend(60, 3.5, 0.1, 8.0), *descend(60, 9.0, 0.6, 6.0)]
    finding = find(judge(render(make_rows(add_noise(losses, 0.02, 1)), style)), "loss_spikes")
    assert finding.severity == "warning"
    assert "still above what it had reached" in finding.summary
    assert "loss_divergence" not in found_ids(judge(render(make_rows(losses), style)))


def test_a_blow_up_that_ends_above_the_start_is_divergence() -> None:
    losses = [12.4, 12.0, 11.6, *descend(57, 48.0, 19.5, 5.0)]
    assert serious_ids(judge(render(make_rows(losses)))) == ["loss_divergence"]


def test_few_rows_cannot_tell_a_spike() -> None:
    assert "20 are needed" in judge(render(make_rows(descend(12)))).skipped["loss_spikes"].reason


def test_negative_losses_have_spikes_and_no_ratios() -> None:
    losses = [-loss for loss in descend(80, 20.0, 60.0)]
    assert serious_ids(judge(render(make_rows(losses)))) == []


@every_style
def test_a_loss_that_begins_again_from_its_start_was_resumed_without_its_weights(style: Style) -> None:
    losses = add_noise([*descend(40, 2.6, 1.2, 5.0), *descend(40, 2.6, 1.6, 3.0)], 0.02, 4)
    diagnosis = judge(render(make_rows(losses), style))
    assert serious_ids(diagnosis) == ["checkpoint_resume"]
    assert diagnosis.findings[0].values["resumed_step"] == 410


def test_steps_that_go_back_to_a_worse_loss_are_a_failed_resume() -> None:
    rows = make_rows(add_noise(descend(60), 0.02, 5))
    again = [{**row, "loss": row["loss"] + 0.9} for row in rows[30:]]
    finding = find(judge(render_state(rows[:40] + again)), "checkpoint_resume")
    assert (finding.severity, finding.values["resumed_step"]) == ("warning", 310)


def test_steps_that_go_back_to_the_same_loss_are_a_good_resume() -> None:
    rows = make_rows(add_noise(descend(60), 0.02, 5))
    assert serious_ids(judge(render_state(rows[:40] + rows[30:]))) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_jump_elsewhere_is_no_resume(seed: int) -> None:
    losses = add_noise([*descend(40, 1.9, 0.9), *[5.1] * 40], 0.05, seed)
    assert "checkpoint_resume" not in found_ids(judge(render(make_rows(losses))))


def stairs(heights: tuple[float, ...], per_epoch: int = 20) -> list[float]:
    return add_noise([height for height in heights for _ in range(per_epoch)], 0.01, 6)


def test_stairs_at_the_epochs_are_a_note() -> None:
    finding = find(judge(render(make_rows(stairs((1.8, 1.4, 1.0, 0.7))))), "overfitting")
    assert (finding.severity, finding.values["num_steps_down"]) == ("note", 3)


def test_stairs_are_seen_where_no_row_tells_its_epoch() -> None:
    rows = [{"loss": loss, "step": 10.0 * index} for index, loss in enumerate(stairs((1.8, 1.4, 1.0, 0.7)), 1)]
    lines = "\n".join(f'{{"step": {row["step"]:.0f}, "loss": {row["loss"]}}}' for row in rows)
    assert find(judge(lines), "overfitting").severity == "note"


def test_stairs_that_end_at_nothing_are_a_warning() -> None:
    assert "overfitting" in serious_ids(judge(render(make_rows(stairs((1.8, 0.9, 0.3, 0.1, 0.03))))))


def test_evaluations_decide_where_there_are_any() -> None:
    rows = add_evals(make_rows(stairs((1.8, 1.4, 1.0, 0.7))), [1.5, 1.4, 1.35, 1.33])
    assert found_ids(judge(render(rows))) == []


def test_an_order_of_the_data_that_comes_back_each_epoch_is_no_divergence() -> None:
    season = [0.8 + 0.02 * index for index in range(20)]
    losses = add_noise([*descend(20, 2.4, 1.2), *(season * 3)], 0.02, 7)
    assert serious_ids(judge(render(make_rows(losses)))) == []
