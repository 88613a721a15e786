"""Sizes, durations and numbers, from the text of a log and back."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.units import format_bytes, format_duration, format_number, parse_clock, parse_number, parse_size

ODD_TEXT = st.text(alphabet="0123456789.,: -+eiKMGTBbytesnaf()'\"", max_size=40)


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [
        ("20.00 MiB", 20 * 2**20),
        ("79.21 GiB", round(79.21 * 2**30)),
        ("512 KiB", 512 * 2**10),
        ("1.50 TiB", 3 * 2**39),
        ("1,024.00 MiB", 2**30),
        ("12 GB", 12 * 2**30),
        ("1234 bytes", 1234),
        ("7 B", 7),
        ("Tried to allocate 2.00 GiB (GPU 0;", 2**31),
    ],
)
def test_sizes_are_read_as_bytes(text: str, num_bytes: int) -> None:
    assert parse_size(text) == num_bytes


@pytest.mark.parametrize("text", ["", "GiB", "about 3", "3 gizmos", "..., GiB"])
def test_text_without_a_size_gives_none(text: str) -> None:
    assert parse_size(text) is None


def test_a_terabyte_is_a_size_like_the_others() -> None:
    assert parse_size("1.00 TB") == 2**40


@given(ODD_TEXT)
@settings(derandomize=True, database=None, deadline=None)
def test_no_text_makes_a_reader_of_numbers_fail(text: str) -> None:
    for read in (parse_size, parse_number, parse_clock):
        assert read(text) is None or isinstance(read(text), int | float)


@pytest.mark.parametrize("text", ["3 iB", "9" * 400 + " GiB"])
def test_a_size_that_no_machine_has_does_not_stop_the_reading(text: str) -> None:
    assert parse_size(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1.25", 1.25),
        ("'1.25'", 1.25),
        ("'1.706e+05'", 170600.0),
        (" -0.5 ", -0.5),
        ("-inf", -math.inf),
        ("inf", math.inf),
        ("tensor(1.25)", 1.25),
        ("tensor(1.25, device='cuda:0')", 1.25),
        ("tensor(-inf, device='cuda:0')", -math.inf),
        ("none", None),
        ("[1.0]", None),
        ("", None),
    ],
)
def test_numbers_are_read_as_trainers_print_them(text: str, value: float | None) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize("text", ["nan", "'nan'", "tensor(nan)", "tensor(nan, device='cuda:0')"])
def test_nan_is_read_as_a_number(text: str) -> None:
    value = parse_number(text)
    assert value is not None
    assert math.isnan(value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("42", 42.0),
        ("00:42", 42.0),
        ("01:02", 62.0),
        ("1:02:03", 3723.0),
        ("1 day, 0:00:01", 86401.0),
        ("2 days, 1:02:03", 176523.0),
        ("?", None),
        ("", None),
        ("later, 0:01", None),
        (" ,0:01", None),
        ("1:" * 200 + "1", None),
    ],
)
def test_clocks_are_read_as_seconds(text: str, seconds: float | None) -> None:
    assert parse_clock(text) == seconds


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(0, "0 B"), (1023, "1023 B"), (2**10, "1.00 KiB"), (20971520, "20.00 MiB"), (3 * 2**29, "1.50 GiB")],
)
def test_sizes_are_written_with_the_largest_unit_that_fits(num_bytes: int, text: str) -> None:
    assert format_bytes(num_bytes) == text


@given(st.integers(min_value=0, max_value=2**44))
@settings(derandomize=True, database=None, deadline=None)
def test_a_written_size_reads_back_within_its_rounding(num_bytes: int) -> None:
    again = parse_size(format_bytes(num_bytes))
    assert again is not None
    assert abs(again - num_bytes) <= 0.005 * num_bytes + 1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2.89712, "2.897"),
        (1.9e-05, "1.9e-05"),
        (3.0, "3"),
        (-0.5, "-0.5"),
        (123456.0, "1.235e+05"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
    ],
)
def test_metrics_are_written_with_four_digits(value: float, text: str) -> None:
    assert format_number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (119, "119 s"),
        (120, "2 min"),
        (1800, "30 min"),
        (3600, "1 h 0 min"),
        (5400, "1 h 30 min"),
        (86400, "24 h 0 min"),
        (172800, "2 d 0 h"),
        (266400, "3 d 2 h"),
    ],
)
def test_durations_are_written_in_the_units_that_matter(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(("seconds", "text"), [(7199, "2 h 0 min"), (259199, "3 d 0 h"), (3599, "1 h 0 min")])
def test_a_duration_carries_into_the_next_unit(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
