"""Tables with one value a row, in the order of metrics or of steps, and MLflow's files."""

import pytest
from file_reading import read_file

from tools.log_formats import long_table
from tools.log_formats.long_table import LONG_TABLE, MLFLOW_METRIC
from tools.log_formats.table_files import TABLE
from tools.run import Line

BY_METRIC = [
    ("train/loss", 10, 2.5),
    ("train/loss", 20, 2.25),
    ("lr", 10, 0.5),
    ("lr", 20, 0.25),
    ("eval/loss", 20, 1.75),
]


def render(rows: list[tuple[str, int, float]], delimiter: str = ",") -> str:
    lines = [("tag", "step", "value"), *rows]
    return "".join(delimiter.join(map(str, line)) + "\n" for line in lines)


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
@pytest.mark.parametrize("rows", [BY_METRIC, sorted(BY_METRIC, key=lambda row: row[1])], ids=["by metric", "by step"])
def test_the_values_of_a_step_are_put_together(rows: list[tuple[str, int, float]], delimiter: str) -> None:
    data = render(rows, delimiter)
    assert LONG_TABLE.detect(data.encode())
    assert not TABLE.detect(data.encode())
    reading = read_file(LONG_TABLE, data)
    assert (reading.pairs(), reading.pairs("learning_rate")) == ([(10, 2.5), (20, 2.25)], [(10, 0.5), (20, 0.25)])
    assert reading.pairs("eval_loss") == [(20, 1.75)]
    assert reading.run.num_records == 3


def test_a_value_knows_its_line() -> None:
    reading = read_file(LONG_TABLE, render(BY_METRIC))
    assert reading.points("learning_rate")[1].line == Line(5, "lr,20,0.25")


def test_an_epoch_is_no_step() -> None:
    (point,) = read_file(LONG_TABLE, "metric,epoch,value\nloss,2,1.5\n").points()
    assert (point.step, point.epoch) == (None, 2.0)


def test_only_the_first_run_is_read() -> None:
    reading = read_file(LONG_TABLE, "run,tag,step,value\na,loss,10,2.5\nb,loss,10,9\na,loss,20,2.25\n")
    assert reading.pairs() == [(10, 2.5), (20, 2.25)]
    assert any("1 row(s) of theirs" in note for note in reading.run.notes)


def test_lines_that_are_no_rows_are_counted() -> None:
    reading = read_file(LONG_TABLE, render(BY_METRIC) + "oops\nloss,x,1\n")
    assert any("2 line(s) are no rows" in note for note in reading.run.notes)


def test_no_more_values_are_held_than_memory_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_table, "MAX_VALUES", 2)
    reading = read_file(LONG_TABLE, render(BY_METRIC))
    assert reading.pairs() == [(10, 2.5), (20, 2.25)]
    assert any("3 were left out" in note for note in reading.run.notes)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("mlruns/0/abc/metrics/train_loss", "loss"),
        ("mlruns/0/abc/metrics/eval/loss", "eval_loss"),
        ("metrics/grad_norm", "grad_norm"),
        ("val_loss", "eval_loss"),
        ("stdin", "loss"),
    ],
)
def test_a_metric_of_mlflow_is_named_by_its_file(name: str, metric: str) -> None:
    data = b"1700000000000 2.5 10\n1700000001000 nan 20\n"
    points = read_file(MLFLOW_METRIC, data, name).points(metric)
    assert [(point.step, str(point.value)) for point in points] == [(10, "2.5"), (20, "nan")]


@pytest.mark.parametrize("data", [b"", b"10 2.5\n", b"1700000000000 2.5 10\nhello\n", b"1 2 3\n"])
def test_other_numbers_are_no_metric_of_mlflow(data: bytes) -> None:
    assert not MLFLOW_METRIC.detect(data)
