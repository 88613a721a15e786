"""Every line reaches the format that it would reach if all were asked."""

import pytest

from tools.log_formats import LINE_FORMATS
from tools.log_formats.dispatch import LineDispatch, row_marker
from tools.log_formats.record import LogFormat, classify

SAMPLES = [(log_format, text) for log_format in LINE_FORMATS for text, values in log_format.samples if classify(values)]


def counting(name: str, marker: bytes, calls: list[str], needs: str) -> LogFormat:
    """A format that reads the number behind a word, and notes that it was asked."""

    def read(text: str) -> dict[str, float] | None:
        calls.append(name)
        return {"loss": float(text.rsplit(maxsplit=1)[-1])} if needs in text else None

    return LogFormat(name, name, "a test", (), (marker,), read)


@pytest.mark.parametrize(("log_format", "text"), SAMPLES)
def test_a_sample_reaches_its_format_the_first_time_and_the_second(log_format: LogFormat, text: str) -> None:
    dispatch = LineDispatch(LINE_FORMATS)
    found = [dispatch.read(line.encode()) for _ in range(2) for line in text.split("\n")]
    rows = [one[0].name for one in found if one]
    assert rows[-1] == log_format.name


@pytest.mark.parametrize("log_format", LINE_FORMATS, ids=lambda log_format: log_format.name)
def test_every_marker_of_every_format_is_found(log_format: LogFormat) -> None:
    pattern = row_marker(LINE_FORMATS)
    assert [marker for marker in log_format.markers if not pattern.search(marker)] == []


def test_a_line_like_an_earlier_one_is_asked_of_its_reader_alone() -> None:
    calls: list[str] = []
    dispatch = LineDispatch([counting("a", b"x", calls, "never"), counting("b", b"x", calls, "x")])
    found = [dispatch.read(line) for line in (b"x 1", b"x 2.5")]
    assert [one[1] for one in found if one] == [{"loss": 1.0}, {"loss": 2.5}]
    assert calls == ["a", "b", "b"]


def test_a_line_that_was_no_row_is_asked_of_all_again() -> None:
    calls: list[str] = []
    dispatch = LineDispatch([counting("a", b"x", calls, "never"), counting("b", b"x", calls, "never")])
    assert [dispatch.read(line) for line in (b"x 1", b"x 2")] == [None, None]
    assert calls == ["a", "b", "a", "b"]


def test_a_format_whose_markers_a_line_lacks_is_not_asked() -> None:
    calls: list[str] = []
    dispatch = LineDispatch([counting("a", b"y", calls, "x"), counting("b", b"x", calls, "x")])
    found = dispatch.read(b"x 3")
    assert found is not None
    assert (found[0].name, found[2], calls) == ("b", "x 3", ["b"])
