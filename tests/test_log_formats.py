"""Every format reads its own samples, and nobody else's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.log_formats import FILE_FORMATS, FORMATS, LINE_FORMATS
from tools.log_formats.record import LogFormat, classify

SAMPLES = [(log_format, text, values) for log_format in LINE_FORMATS for text, values in log_format.samples]
NAMES = [f"{log_format.name}-{index}" for index, (log_format, _, _) in enumerate(SAMPLES)]
LINE_NAMES = [log_format.name for log_format in LINE_FORMATS]
METRIC_NAMES = st.sampled_from(["loss", "eval_loss", "eval_f1", "train_loss", "train_runtime", "reward", "epoch"])


@pytest.mark.parametrize(("log_format", "text", "values"), SAMPLES, ids=NAMES)
def test_a_sample_reads_as_its_stated_values(log_format: LogFormat, text: str, values: dict[str, float]) -> None:
    read = log_format.new_reader() if log_format.new_reader else log_format.read
    rows = [found for line in text.split("\n") if (found := read(line))]
    assert repr(rows[-1]) == repr(values) or rows[-1] == values


@pytest.mark.parametrize(("log_format", "text", "values"), SAMPLES, ids=NAMES)
def test_a_sample_holds_a_marker_of_its_format(log_format: LogFormat, text: str, values: dict[str, float]) -> None:
    assert any(marker in text.encode() for marker in log_format.markers)


def test_every_format_stands_once_in_the_table() -> None:
    names = [*LINE_NAMES, *(file_format.name for file_format in FILE_FORMATS)]
    assert names == [one.name for one in FORMATS]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("log_format", LINE_FORMATS, ids=LINE_NAMES)
def test_every_line_format_has_a_training_sample_and_a_source(log_format: LogFormat) -> None:
    assert "train" in {classify(values) for _, values in log_format.samples}
    assert log_format.source


@pytest.mark.parametrize("log_format", LINE_FORMATS, ids=LINE_NAMES)
@pytest.mark.parametrize("text", ["", "no metric here", "loss", "{}", "{'", '{"', "'loss'", '"loss": ', "{'loss': }"])
def test_a_line_without_values_reads_as_none(log_format: LogFormat, text: str) -> None:
    assert log_format.read(text) is None


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("loss", "epoch"), "train"),
        (("loss", "reward", "kl"), "train"),
        (("eval_loss", "epoch"), "eval"),
        (("eval_accuracy",), "eval"),
        (("train_runtime", "train_loss", "epoch"), "summary"),
        (("train_loss",), "summary"),
        (("step", "learning_rate"), "train"),
        (("learning_rate",), None),
        (("train_runtime", "eval_loss", "train_loss"), "summary"),
        (("epoch", "step"), None),
        (("reward",), "train"),
        ((), None),
    ],
)
def test_the_names_of_the_metrics_tell_the_kind_of_row(names: tuple[str, ...], kind: str | None) -> None:
    assert classify(dict.fromkeys(names, 1.0)) == kind


@given(st.dictionaries(METRIC_NAMES, st.floats(allow_nan=False), max_size=4))
@settings(derandomize=True, database=None, deadline=None)
def test_the_values_do_not_change_the_kind_of_row(values: dict[str, float]) -> None:
    assert classify(values) == classify(dict.fromkeys(values, 0.0))
