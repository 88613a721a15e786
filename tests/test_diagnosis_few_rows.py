"""Few rows: what is decisive is judged all the same and told to be few; the rest says what it needs."""

import pytest
from run_factory import STYLES, Style, descend, find, judge, make_rows, render, serious_ids

every_style = pytest.mark.parametrize("style", STYLES)


@every_style
def test_a_few_rows_that_climb_plainly_are_divergence(style: Style) -> None:
    finding = find(judge(render(make_rows([2.0, 1.6, 3.1, 4.4, 7.9]), style)), "loss_divergence")
    assert (finding.severity, finding.confidence) == ("error", "likely")
    assert "only 5 rows" in finding.summary


def test_a_dozen_rows_that_rise_half_way_back_are_divergence() -> None:
    losses = [15.5, 13.0, 3.8, 2.4, 1.4, 5.8, 7.1, 10.0]
    assert serious_ids(judge(render(make_rows(losses)))) == ["loss_divergence"]


@pytest.mark.parametrize("losses", [[2.0, 1.6, 2.0, 1.9, 2.1], [2.0, 1.2, 3.0, 1.5, 1.4], [9.0, 1.6, 3.0, 3.1, 3.2]])
def test_a_few_rows_that_go_up_and_down_are_no_divergence(losses: list[float]) -> None:
    assert serious_ids(judge(render(make_rows(losses)))) == []


def test_a_few_rows_over_many_steps_that_do_not_move_are_flat() -> None:
    finding = find(judge(render(make_rows([2.301, 2.3, 2.304, 2.299, 2.302], every=50))), "loss_not_decreasing")
    assert "only 5 rows" in finding.summary


def test_the_first_steps_of_a_run_are_not_called_flat() -> None:
    assert serious_ids(judge(render(make_rows([2.301, 2.3, 2.304, 2.299, 2.302], every=1)))) == []


@pytest.mark.parametrize("num_rows", [1, 3, 7])
def test_a_few_rows_are_not_judged_and_it_is_told_what_to_attach(num_rows: int) -> None:
    skipped = judge(render(make_rows(descend(num_rows)))).skipped
    for rule in ("loss_divergence", "loss_not_decreasing"):
        assert skipped[rule].reason.startswith(f"only {num_rows} values of the training loss; 8 are needed")
        assert "logging_steps" in skipped[rule].attach
