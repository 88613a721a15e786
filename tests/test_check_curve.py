"""The one-line curve of a series."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.curve import BLOCKS, NOT_FINITE, draw_curve, tell_curve
from tools.run import Line, Point, Series


def make_series(name: str, values: list[float], first_step: int | None = 10) -> Series:
    points = tuple(
        Point(value, None if first_step is None else first_step * (index + 1), (index + 1) / 10, Line(index + 1, ""))
        for index, value in enumerate(values)
    )
    return Series(name, points, len(points))


def test_a_curve_falls_from_the_highest_block_to_the_lowest() -> None:
    curve = draw_curve([float(value) for value in range(8, 0, -1)], 60)
    assert curve == BLOCKS[::-1]


def test_a_value_that_is_not_finite_is_marked_in_its_place() -> None:
    assert draw_curve([2.0, 1.0, math.nan, math.inf], 60) == f"█▁{NOT_FINITE}{NOT_FINITE}"


def test_one_value_that_is_not_finite_is_not_lost_among_many() -> None:
    values = [1.0 + index % 3 for index in range(1000)]
    values[500] = math.nan
    assert draw_curve(values, 60).count(NOT_FINITE) == 1


def test_a_spike_of_one_step_is_seen_among_many() -> None:
    values = [1.0] * 1000
    values[400] = 9.0
    assert draw_curve(values, 60).count("█") == 1


def test_a_flat_curve_is_flat_in_the_middle() -> None:
    assert set(draw_curve([0.693] * 5, 60)) == {BLOCKS[3]}


def test_a_curve_of_orders_of_magnitude_is_logarithmic_and_says_so() -> None:
    told = tell_curve("grad_norm", make_series("grad_norm", [1.0] * 20 + [10.0, 100.0, 1e4]), 100)
    assert told.endswith("(log)")
    assert len(set(told.split()[1])) > 2


@given(st.lists(st.floats(), max_size=200), st.integers(1, 60))
def test_a_curve_is_never_wider_than_its_columns(values: list[float], columns: int) -> None:
    curve = draw_curve(values, columns)
    assert len(curve) == min(columns, len(values))
    assert set(curve) <= set(BLOCKS + NOT_FINITE)


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_line_fits_the_width_and_tells_first_last_and_lowest(width: int) -> None:
    values = [2.4 - 0.01 * index for index in range(100)] + [1.45] * 20
    told = tell_curve("loss", make_series("loss", values), width)
    assert len(told) <= width
    assert told.endswith("2.4 → 1.45, min 1.41 at step 1000")
    assert len(told.split()[1]) <= 60


def test_where_no_step_is_known_the_epoch_places_the_lowest() -> None:
    told = tell_curve("eval_loss", make_series("eval_loss", [2.0, 1.5, 1.8], None), 100)
    assert "min 1.5 in epoch 0.20" in told


def test_of_a_learning_rate_the_highest_is_told() -> None:
    assert "max 0.0002 at step 20" in tell_curve("learning_rate", make_series("learning_rate", [1e-5, 2e-4, 1e-4]), 100)


def test_a_series_without_a_finite_value_is_told() -> None:
    assert tell_curve("loss", make_series("loss", [math.nan, math.inf]), 80).split() == [
        "loss",
        "××",
        "nan",
        "→",
        "inf",
    ]
