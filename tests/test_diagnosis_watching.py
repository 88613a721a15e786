"""What was watched and how fast it went: evaluations, rare rows, loss scales, loading times, single ranks."""

import math
from pathlib import Path

import pytest
from run_factory import (
    add_noise,
    descend,
    draw_bar,
    find,
    found_ids,
    judge,
    make_rows,
    render,
    render_state,
    serious_ids,
)

from tools.diagnosis import diagnose
from tools.log_parser import parse_path

GOOD = add_noise(descend(60), 0.03, 1)


def test_a_training_loss_near_0_that_nothing_checks_is_a_warning() -> None:
    finding = find(judge(render(make_rows(descend(60, 0.9, 0.004, 6.0), per_epoch=100))), "no_evaluation")
    assert finding.severity == "warning"
    assert "reciting" in finding.summary


def test_a_column_for_a_validation_loss_that_is_empty_is_a_warning(tmp_path: Path) -> None:
    rows = "".join(f"{step},{loss:.4f},\n" for step, loss in enumerate(descend(40), 1))
    path = tmp_path / "metrics.csv"
    path.write_text("step,train_loss,valid_loss\n" + rows, encoding="utf-8")
    assert find(diagnose(parse_path(path)), "no_evaluation").severity == "warning"


def test_two_rows_of_a_long_run_are_too_few_to_have_been_watched() -> None:
    rows = make_rows([2.0, 1.5], every=500, per_epoch=500)
    finding = find(judge(render(rows)), "unmonitored_training")
    assert (finding.severity, finding.values["num_steps"]) == ("note", 1000)


@pytest.mark.parametrize(("num_rows", "every"), [(2, 10), (40, 500)])
def test_a_short_run_and_a_run_of_many_rows_were_watched(num_rows: int, every: int) -> None:
    rows = make_rows(descend(num_rows), every=every, per_epoch=500)
    assert "unmonitored_training" not in found_ids(judge(render(rows)))


def test_a_loss_scale_that_falls_to_its_floor_is_a_warning() -> None:
    scales = [65536.0 / 2 ** min(16, index) for index in range(60)]
    assert "dtype_precision" in serious_ids(judge(render(make_rows(GOOD, loss_scale=scales))))


@pytest.mark.parametrize("scales", [[65536.0] * 60, [65536.0] * 4 + [8192.0] * 56, [1.0] * 60])
def test_a_loss_scale_that_finds_its_level_is_no_fault(scales: list[float]) -> None:
    assert serious_ids(judge(render(make_rows(GOOD, loss_scale=scales)))) == []


@pytest.mark.parametrize(("loading", "severity"), [(1.4, "warning"), (0.7, "note")])
def test_a_step_that_waits_for_its_data_is_told_by_its_share(loading: float, severity: str) -> None:
    rows = make_rows(GOOD, data_time=loading, time=2.0)
    assert find(judge(render_state(rows)), "dataloader_bottleneck").severity == severity


def test_a_loader_that_keeps_up_is_no_finding_and_no_times_cannot_tell() -> None:
    assert "dataloader_bottleneck" not in found_ids(judge(render_state(make_rows(GOOD, data_time=0.02, time=2.0))))
    assert "loading data" in judge(render(make_rows(GOOD))).skipped["dataloader_bottleneck"].reason


def test_step_times_in_the_rows_tell_steps_that_grow_longer() -> None:
    times = [1.0] * 40 + [5.0] * 20
    assert "slow_training" in serious_ids(judge(render_state(make_rows(GOOD, step_seconds=times))))


def test_one_bad_rank_among_good_ones_is_found() -> None:
    lines = []
    for step, loss in enumerate(descend(20), 1):
        for rank in range(3):
            value = math.nan if rank == 2 and step > 8 else loss
            lines.append(f"[rank{rank}]: {{'loss': {value}, 'learning_rate': 1e-4, 'epoch': {step / 20}}}")
    finding = find(judge("\n".join(lines) + "\n"), "loss_nan")
    assert "rank 2" in finding.summary


@pytest.mark.parametrize(("slope", "severity"), [(0.004, "warning"), (0.015, "note")])
def test_underfitting_is_a_straight_fall_of_both_losses_to_a_high_level(slope: float, severity: str) -> None:
    rows = make_rows(add_noise([4.0 - slope * index for index in range(80)], 0.02, 2), per_epoch=800)
    rows += [
        {"eval_loss": 4.0 - slope * index, "epoch": index / 80, "step": 10.0 * index} for index in (20, 40, 60, 79)
    ]
    assert find(judge(render_state(sorted(rows, key=lambda row: row["step"]))), "underfitting").severity == severity


def test_a_bar_with_long_steps_tells_the_utilisation_that_the_trainer_reports() -> None:
    text = (
        f"{draw_bar(60, 3000, 17.0 * 60)}\r{{'loss': 2.0, 'mfu': 0.41, 'epoch': 0.1}}\n{draw_bar(60, 3000, 1020.0)}\n"
    )
    assert "utilisation (MFU) of 41%" in find(judge(text), "slow_training").summary
