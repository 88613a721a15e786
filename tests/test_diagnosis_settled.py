"""Losses that look as if they had fallen and only left a wild start, or settled at what the class shares give."""

import math

import pytest
from run_factory import STYLES, Style, add_noise, descend, judge, make_rows, render, serious_ids

every_style = pytest.mark.parametrize("style", STYLES)


@every_style
@pytest.mark.parametrize("wild", [25.0, 1e6])
def test_a_loss_that_is_flat_after_a_wild_first_row_is_not_decreasing(wild: float, style: Style) -> None:
    rows = make_rows([wild, *add_noise([2.3] * 40, 0.03, 1)])
    assert serious_ids(judge(render(rows, style))) == ["loss_not_decreasing"]


def test_a_loss_that_falls_on_after_a_wild_first_row_is_learning() -> None:
    assert serious_ids(judge(render(make_rows([25.0, *add_noise(descend(40), 0.03, 1)])))) == []


def test_a_loss_that_settles_at_the_shares_of_ten_classes_is_not_decreasing() -> None:
    losses = add_noise([2.44, 2.38, 2.35, 2.33, 2.32, *[math.log(10)] * 25], 0.004, 2)
    assert serious_ids(judge(render(make_rows(losses)))) == ["loss_not_decreasing"]
