"""The learning-rate schedule: spent early, restarted, without a warm-up or with an endless one."""

import pytest
from run_factory import STYLES, Style, add_noise, descend, find, found_ids, judge, make_rows, render, serious_ids

every_style = pytest.mark.parametrize("style", STYLES)
GOOD = add_noise(descend(60), 0.02, 1)


def decay(num_rows: int, until: int, rate: float = 2e-4) -> list[float]:
    """A linear decay that ends before the rows do."""
    return [rate * max(0.0, 1 - index / until) for index in range(num_rows)]


@every_style
def test_a_rate_that_is_spent_in_the_middle_is_a_warning(style: Style) -> None:
    finding = find(judge(render(make_rows(GOOD, learning_rate=decay(60, 30)), style)), "lr_schedule")
    assert (finding.severity, finding.confidence) == ("warning", "certain")
    assert finding.values["spent_step"] == 310
    assert finding.values["spent_share"] == pytest.approx(0.5)


def test_a_rate_that_is_spent_shortly_before_the_end_is_a_note() -> None:
    assert find(judge(render(make_rows(GOOD, learning_rate=decay(60, 52)))), "lr_schedule").severity == "note"


@pytest.mark.parametrize("until", [60, 58, 200])
def test_a_rate_that_lasts_is_no_finding(until: int) -> None:
    assert found_ids(judge(render(make_rows(GOOD, learning_rate=decay(60, until))))) == ["no_evaluation"]


def test_a_constant_rate_that_is_switched_off_is_a_warning() -> None:
    assert serious_ids(judge(render(make_rows(GOOD, learning_rate=[2e-4] * 30 + [0.0] * 30)))) == ["lr_schedule"]


def test_a_rate_that_the_print_rounds_to_0_is_no_finding() -> None:
    rates = [round(value, 8) for value in decay(60, 60, rate=1.4e-8)]
    assert rates.count(0.0) > 20
    assert "lr_schedule" not in found_ids(judge(render(make_rows(GOOD, learning_rate=rates))))


def test_a_constant_rate_is_no_finding() -> None:
    assert found_ids(judge(render(make_rows(GOOD, learning_rate=1e-4)))) == ["no_evaluation"]


def test_a_jolt_at_the_full_rate_is_a_missing_warm_up() -> None:
    losses = add_noise([1.6, 4.2, 4.8, 4.4, 4.0, 3.6, 3.2, *descend(73, 2.8, 1.1)], 0.03, 2)
    finding = find(judge(render(make_rows(losses, learning_rate=decay(80, 80)))), "lr_schedule")
    assert finding.severity == "warning"
    assert finding.settles["warmup"].direction == "raise"


def test_a_jolt_under_a_warm_up_is_not_blamed_on_it() -> None:
    losses = add_noise([1.6, 4.2, 4.8, 4.4, 4.0, 3.6, 3.2, *descend(73, 2.8, 1.1)], 0.03, 2)
    rates = [2e-4 * min(1.0, (index + 1) / 8) for index in range(80)]
    assert "lr_schedule" not in found_ids(judge(render(make_rows(losses, learning_rate=rates))))


def test_a_restart_that_hurts_is_a_warning() -> None:
    losses = add_noise([*descend(40, 2.4, 1.0), *descend(40, 1.8, 0.9)], 0.02, 3)
    rates = decay(40, 41) * 2
    finding = find(judge(render(make_rows(losses, learning_rate=rates))), "lr_schedule")
    assert (finding.severity, finding.values["restart_step"]) == ("warning", 410)


def test_a_restart_that_does_no_harm_is_no_finding() -> None:
    losses = add_noise(descend(80, 2.4, 1.0), 0.02, 3)
    assert found_ids(judge(render(make_rows(losses, learning_rate=decay(40, 41) * 2)))) == ["no_evaluation"]


def test_a_warm_up_that_never_ends_is_a_warning_where_the_rate_is_still_tiny() -> None:
    losses = add_noise([2.5 - 0.0005 * index for index in range(60)], 0.02, 4)
    rates = [1e-8 * (index + 1) for index in range(60)]
    assert serious_ids(judge(render(make_rows(losses, learning_rate=rates)))) == ["lr_schedule"]


def test_the_beginning_of_a_warm_up_is_no_finding() -> None:
    rates = [1e-8 * (index + 1) for index in range(12)]
    assert "lr_schedule" not in found_ids(judge(render(make_rows(GOOD[:12], learning_rate=rates))))


def test_without_rates_the_schedule_cannot_be_judged() -> None:
    rows = [{name: value for name, value in row.items() if name != "learning_rate"} for row in make_rows(GOOD)]
    assert judge(render(rows)).skipped["lr_schedule"].reason == "the log holds no learning rates"
