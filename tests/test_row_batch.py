"""Rows by the thousand: exact totals, and a choice that keeps what tells something."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.row_batch import Totals, choose_telling
from tools.run import Total

VALUES = st.lists(st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, 0.0])), min_size=1, max_size=80)


@given(VALUES, st.integers(1, 30))
def test_extremes_ends_and_broken_values_are_kept(values: list[float], block: int) -> None:
    kept = choose_telling(["loss"], [(value,) for value in values], block)
    finite = [value for value in values if math.isfinite(value)]
    shown = [values[index] for index in kept]
    assert {0, len(values) - 1} <= kept <= set(range(len(values)))
    assert not finite or {min(finite), max(finite)} <= set(shown)
    assert all(map(math.isfinite, shown)) == all(map(math.isfinite, values))


@given(VALUES, st.integers(1, 79))
def test_totals_are_the_same_in_one_piece_and_in_two(values: list[float], cut: int) -> None:
    rows = [(value,) for value in values]
    whole, pieces = Totals(), Totals()
    whole.add(["loss"], rows, (0, len(rows) - 1))
    for begin, part in ((cut, rows[cut:]), (0, rows[:cut])):
        if part:
            pieces.add(["loss"], part, (begin, begin + len(part) - 1))
    assert repr(pieces.all()) == repr(whole.all())


def test_a_total_is_counted_by_hand() -> None:
    totals = Totals()
    totals.add(["loss", "epoch"], [(2.0, 0.1), (math.nan, 0.2), (1.5, 0.3)], (0, 2))
    assert totals.all() == {"loss": Total(3, 2.0, 1.5, 1.5, 2.0), "epoch": Total(3, 0.1, 0.3, None, None)}


@pytest.mark.parametrize("num_rows", [1, 5, 1000])
def test_no_more_than_six_rows_of_a_block_are_kept(num_rows: int) -> None:
    rows = [(math.sin(index), math.cos(index), 1.0) for index in range(num_rows)]
    kept = choose_telling(["loss", "grad_norm", "learning_rate"], rows, 24)
    assert len(kept) <= 6 * math.ceil(num_rows / 24) + 2
