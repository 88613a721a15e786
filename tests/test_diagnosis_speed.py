"""Slow training: long steps, steps that grow longer, and what the log itself calls slow."""

from collections.abc import Callable

import pytest
from run_factory import descend, draw_bar, find, found_ids, judge, make_rows, render, render_state, serious_ids

ROWS = "{'loss': 2.0, 'epoch': 0.1}\n"


def bars(num_steps: int, total: int, elapsed: Callable[[int], float]) -> str:
    """A bar that was drawn at every step, and one row at its end."""
    frames = "\r".join(draw_bar(step, total, elapsed(step)) for step in range(1, num_steps + 1))
    return f"{frames}\r{ROWS}{draw_bar(num_steps, total, elapsed(num_steps))}\n"


def test_long_steps_of_a_long_run_are_a_possible_fault() -> None:
    finding = find(judge(bars(60, 3000, lambda step: 17.0 * step)), "slow_training")
    assert (finding.severity, finding.confidence) == ("warning", "possible")
    assert (finding.values["seconds_per_step"], finding.values["expected_seconds"]) == (17.0, 51000.0)
    assert "A step takes 17 s on average; all 3000 steps come to 14 h 10 min" in finding.summary


def test_the_evidence_of_long_steps_is_the_last_frame_of_the_bar() -> None:
    (line,) = find(judge(bars(60, 3000, lambda step: 17.0 * step)), "slow_training").evidence
    assert (line.number, line.text) == (1, draw_bar(60, 3000, 17.0 * 60))


@pytest.mark.parametrize(("total", "seconds"), [(100, 17.0), (3000, 2.0), (9000, 4.9)])
def test_long_steps_of_a_short_run_and_short_steps_are_no_finding(total: int, seconds: float) -> None:
    assert "slow_training" not in found_ids(judge(bars(60, total, lambda step: seconds * step)))


def test_steps_that_grow_longer_are_a_warning() -> None:
    finding = find(judge(bars(80, 80, lambda step: 2.0 * step + max(0, step - 50) * 8.0)), "slow_training")
    assert (finding.severity, finding.confidence) == ("warning", "likely")
    assert finding.values["slowing_factor"] == pytest.approx(5.0)
    assert "5.0 times as long" in finding.summary


def test_the_evidence_of_growing_steps_is_an_early_and_the_last_frame() -> None:
    finding = find(judge(bars(80, 80, lambda step: 2.0 * step + max(0, step - 50) * 8.0)), "slow_training")
    assert ["11/80 [" in finding.evidence[0].text, "80/80 [" in finding.evidence[1].text] == [True, True]


def test_a_slow_beginning_is_no_finding() -> None:
    assert serious_ids(judge(bars(80, 80, lambda step: 90.0 + 2.0 * step))) == []


@pytest.mark.parametrize("pause_at", [20, 30, 60, 70, 79])
def test_a_single_pause_is_no_finding(pause_at: int) -> None:
    assert serious_ids(judge(bars(80, 80, lambda step: 2.0 * step + 600.0 * (step >= pause_at)))) == []


def test_steps_that_vary_with_the_length_of_the_sequences_are_no_finding() -> None:
    assert serious_ids(judge(bars(80, 80, lambda step: 2.0 * step + 1.0 * (step % 3)))) == []


def test_steps_that_take_twice_as_long_at_the_end_are_no_finding() -> None:
    assert serious_ids(judge(bars(80, 80, lambda step: 2.0 * step + max(0, step - 50) * 2.0))) == []


def test_steps_that_grow_longer_are_found_in_a_log_of_many_frames() -> None:
    diagnosis = judge(bars(8000, 8000, lambda step: 2.0 * step + max(0, step - 5000) * 8.0))
    assert find(diagnosis, "slow_training").values["slowing_factor"] == pytest.approx(5.0, rel=0.1)


def test_a_bar_that_starts_again_is_not_taken_for_growing_steps() -> None:
    once = bars(60, 60, lambda step: 2.0 * step)
    assert serious_ids(judge(once + once)) == []


@pytest.mark.parametrize(
    "text",
    [
        "The fast path is not available because one of the kernels is missing.",
        "Flash attention is not installed, falling back to eager attention",
        "Falling back to the naive implementation",
        "No GPU kernel found: training will be very slow",
    ],
)
def test_what_the_log_calls_slow_is_a_warning_in_its_own_words(text: str) -> None:
    finding = find(judge(f"start\n{text}\n{ROWS}"), "slow_training")
    assert finding.severity == "warning"
    assert text in finding.summary
    assert [(line.number, line.text) for line in finding.evidence] == [(2, text)]


@pytest.mark.parametrize(
    "text", ["Using a slow tokenizer", "falling back to cpu offload is off", "slowly", "loss falls"]
)
def test_other_words_about_slowness_are_no_finding(text: str) -> None:
    assert "slow_training" not in found_ids(judge(f"start\n{text}\n{ROWS}"))


def test_without_bar_and_runtime_the_speed_cannot_be_judged() -> None:
    skipped = judge(render(make_rows(descend(20)), has_bars=False)).skipped["slow_training"]
    assert skipped.reason == "the log shows no progress bar and no run time"


def test_a_file_of_metrics_cannot_tell_the_speed() -> None:
    assert "slow_training" in judge(render_state(make_rows(descend(20)))).skipped


def test_a_bar_that_shows_no_time_yet_is_no_finding() -> None:
    text = f"{draw_bar(0, 3000, 0.0)}\r{ROWS}{draw_bar(0, 3000, 0.0)}\n"
    assert "slow_training" not in found_ids(judge(text))


@pytest.mark.parametrize("clock", ["inf", "nan", "1e400"])
def test_a_clock_that_is_no_time_does_not_stop_the_judging(clock: str) -> None:
    frame = f"  1%|x         | 5/500 [{clock}<00:00,  1.00it/s]"
    assert "loss_nan" in judge(f"{frame}\r{ROWS}{frame}\n").checked
