"""Every format reads its own samples, and nobody else's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.log_formats import BLOCK_FORMATS, FORMATS, LINE_FORMATS
from tools.log_formats.record import LogFormat, classify

SAMPLES = [(log_format, text, values) for log_format in FORMATS for text, values in log_format.samples]
NAMES = [f"{log_format.name}-{index}" for index, (log_format, _, _) in enumerate(SAMPLES)]
OTHERS = [
    (reader, text) for log_format, text, _ in SAMPLES for reader in LINE_FORMATS if reader.name != log_format.name
]
METRIC_NAMES = st.sampled_from(["loss", "eval_loss", "eval_f1", "train_loss", "train_runtime", "reward", "epoch"])


@pytest.mark.parametrize(("log_format", "text", "values"), SAMPLES, ids=NAMES)
def test_a_sample_reads_as_its_stated_values(log_format: LogFormat, text: str, values: dict[str, float]) -> None:
    assert log_format.read(text) == values


@pytest.mark.parametrize(("log_format", "text", "values"), SAMPLES, ids=NAMES)
def test_a_sample_holds_a_marker_of_its_format(log_format: LogFormat, text: str, values: dict[str, float]) -> None:
    assert any(marker in text.encode() for marker in log_format.markers)


@pytest.mark.parametrize(("reader", "text"), OTHERS)
def test_no_line_format_reads_the_sample_of_another(reader: LogFormat, text: str) -> None:
    assert reader.read(text) is None


def test_every_format_stands_once_in_the_table() -> None:
    names = [log_format.name for log_format in FORMATS]
    assert names == [log_format.name for log_format in (*LINE_FORMATS, *BLOCK_FORMATS)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("log_format", FORMATS, ids=lambda log_format: log_format.name)
def test_every_format_has_a_training_sample_and_a_source(log_format: LogFormat) -> None:
    assert "train" in {classify(values) for _, values in log_format.samples}
    assert log_format.source


@pytest.mark.parametrize("log_format", FORMATS, ids=lambda log_format: log_format.name)
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
        (("train_runtime", "eval_loss", "train_loss"), "summary"),
        (("epoch", "step"), None),
        (("reward",), None),
        ((), None),
    ],
)
def test_the_names_of_the_metrics_tell_the_kind_of_row(names: tuple[str, ...], kind: str | None) -> None:
    assert classify(dict.fromkeys(names, 1.0)) == kind


@given(st.dictionaries(METRIC_NAMES, st.floats(allow_nan=False), max_size=4))
@settings(derandomize=True, database=None, deadline=None)
def test_the_values_do_not_change_the_kind_of_row(values: dict[str, float]) -> None:
    assert classify(values) == classify(dict.fromkeys(values, 0.0))
