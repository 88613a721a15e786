"""JSON in which metrics are keys: lists of values, results, and the events of fine-tuning jobs."""

import json
import math

import pytest
from file_reading import read_file

from tools.errors import BadInput
from tools.log_formats import keyed_json
from tools.log_formats.finetune_events import FINETUNE_EVENTS
from tools.log_formats.keyed_json import COLUMNS_JSON, RESULT_JSON

STEPS, LOSSES, EVALS = [10, 20, 30], [2.5, 2.25, 2.125], [1.75, 1.5, 1.625]
SHAPES = {
    "flat": {"step": STEPS, "loss": LOSSES, "eval_loss": EVALS},
    "wrapped": {"history": {"step": STEPS, "loss": LOSSES, "eval_loss": EVALS}},
    "beside other keys": {"model": "m", "config": {"a": [1, 2]}, "step": STEPS, "loss": LOSSES, "eval_loss": EVALS},
    "plural": {"steps": STEPS, "train_losses": LOSSES, "val_losses": EVALS},
    "nested": {"train": {"step": STEPS, "loss": LOSSES}, "val": {"step": STEPS, "loss": EVALS}},
    "pairs": {"loss": list(zip(STEPS, LOSSES, strict=True)), "val_loss": list(zip(STEPS, EVALS, strict=True))},
    "triples": {
        "train/loss": [[1.7e9, *pair] for pair in zip(STEPS, LOSSES, strict=True)],
        "eval/loss": [[1.7e9, *pair] for pair in zip(STEPS, EVALS, strict=True)],
    },
    "pandas": {
        name: {str(index): value for index, value in enumerate(values)}
        for name, values in (("step", STEPS), ("loss", LOSSES), ("eval_loss", EVALS))
    },
    "text": {"step": STEPS, "loss": list(map(str, LOSSES)), "eval_loss": list(map(str, EVALS))},
}


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_lists_are_read(shape: dict[str, object], indent: int | None) -> None:
    data = json.dumps(shape, indent=indent)
    assert COLUMNS_JSON.detect(data.encode())
    reading = read_file(COLUMNS_JSON, data)
    assert reading.pairs() == list(zip(STEPS, LOSSES, strict=True))
    assert reading.pairs("eval_loss") == list(zip(STEPS, EVALS, strict=True))


def test_keras_logs_once_an_epoch() -> None:
    data = json.dumps({"loss": LOSSES, "accuracy": [0.5, 0.6, 0.7], "val_loss": EVALS, "val_accuracy": [0.5, 0.6, 0.7]})
    points = read_file(COLUMNS_JSON, data).points("eval_loss")
    assert [(point.step, point.epoch) for point in points] == [(None, 1.0), (None, 2.0), (None, 3.0)]


@pytest.mark.parametrize("shape", [{"loss": LOSSES}, {"loss": LOSSES, "val_loss": EVALS[:2]}])
def test_a_place_that_the_file_does_not_tell_is_unknown(shape: dict[str, object]) -> None:
    points = read_file(COLUMNS_JSON, json.dumps(shape)).points()
    assert [(point.step, point.epoch, point.value) for point in points] == [(None, None, loss) for loss in LOSSES]


def test_lists_of_another_length_have_their_own_steps() -> None:
    data = json.dumps({"step": STEPS, "loss": LOSSES, "eval_step": [15, 30], "eval_loss": [1.75, 1.5]})
    reading = read_file(COLUMNS_JSON, data)
    assert reading.pairs() == list(zip(STEPS, LOSSES, strict=True))
    assert reading.pairs("eval_loss") == [(15, 1.75), (30, 1.5)]


def test_broken_losses_are_values_and_null_is_none() -> None:
    points = read_file(COLUMNS_JSON, '{"step": [1, 2, 3, 4], "loss": [NaN, null, -Infinity, 1.5]}').points()
    assert [(point.step, str(point.value)) for point in points] == [(1, "nan"), (3, "-inf"), (4, "1.5")]


def test_a_value_knows_its_line() -> None:
    data = json.dumps({"step": STEPS, "loss": LOSSES}, indent=1)
    for point, loss in zip(read_file(COLUMNS_JSON, data).points(), LOSSES, strict=True):
        assert point.line.text.strip(" ,") == str(loss)
        assert point.line.text == data.split("\n")[point.line.number - 1]


def test_lists_that_break_off_are_read_up_to_there() -> None:
    reading = read_file(COLUMNS_JSON, '{"step": [10, 20, 30], "loss": [2.5, 2.25, 2.125], "val_loss": [1.5')
    assert reading.pairs() == list(zip(STEPS, LOSSES, strict=True))
    assert any("breaks off" in note for note in reading.run.notes)


def test_a_file_that_is_too_large_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed_json, "MAX_BYTES", 1 << 20)
    with pytest.raises(BadInput, match="larger than 1 MiB"):
        read_file(COLUMNS_JSON, b'{"loss": [' + b"1.5, " * (1 << 19) + b"1]}")


@pytest.mark.parametrize(
    "data",
    [
        '{"log_history": [{"loss": 1.5, "step": 10}]}',
        '{"step": 10, "loss": 1.5}',
        '{"step": 1, "loss": [1, 2]}\n{"step": 2, "loss": [1, 2]}\n',
        '{"loss": "cross_entropy", "layers": [1, 2]}',
        '[{"loss": [1]}]',
        '{"model_type": "x", "loss_weights": [1, 2], "loss_layers": [3, 4]}',
    ],
)
def test_other_json_is_no_table_of_lists(data: str) -> None:
    assert not COLUMNS_JSON.detect(data.encode())


def test_results_are_a_summary_and_an_evaluation() -> None:
    results = {
        "epoch": 3.0,
        "eval_loss": 1.25,
        "eval_runtime": 9.5,
        "perplexity": 3.5,
        "train_loss": 1.5,
        "train_runtime": 600,
    }
    data = json.dumps(results, indent=4)
    assert RESULT_JSON.detect(data.encode())
    reading = read_file(RESULT_JSON, data)
    (point,) = reading.points("eval_loss")
    assert (point.value, point.epoch, point.line.text) == (1.25, 3.0, '    "eval_loss": 1.25,')
    assert {"train_loss": 1.5, "train_runtime": 600.0}.items() <= {
        name: summed.value for name, summed in reading.run.summary.items()
    }.items()
    assert reading.points() == ()


def test_the_summary_of_a_tracker_is_no_series() -> None:
    tracked = {
        "_step": 500,
        "_timestamp": 1.7e9,
        "_wandb": {"runtime": 60},
        "train/loss": 1.5,
        "eval/loss": 1.25,
        "best": "x",
    }
    run = read_file(RESULT_JSON, json.dumps(tracked)).run
    assert dict(run.series) == {}
    assert (run.summary["loss"].value, run.summary["eval_loss"].value) == (1.5, 1.25)


@pytest.mark.parametrize(
    "results",
    [{"eval_loss": 1.5, "step": 10, "eval_runtime": 2}, {"loss": 1.5}, {"train_runtime": 1, "log_history": []}, [1]],
)
def test_other_objects_are_no_results(results: object) -> None:
    assert not RESULT_JSON.detect(json.dumps(results).encode())


def make_event(at: int, loss: float, **data: float) -> dict[str, object]:
    message = f"Step {at}/30: training loss={loss:.2f}"
    return {"object": "fine_tuning.job.event", "level": "info", "message": message, "data": data}


EVENTS = [make_event(step, loss) for step, loss in zip(STEPS, LOSSES, strict=True)]
LISTS = {
    "list": json.dumps({"object": "list", "data": EVENTS}),
    "newest first": json.dumps({"object": "list", "data": EVENTS[::-1]}, indent=2),
    "bare list": json.dumps(EVENTS),
    "lines": "".join(json.dumps(event) + "\n" for event in EVENTS),
}


@pytest.mark.parametrize("data", LISTS.values(), ids=LISTS.keys())
def test_the_events_of_a_job_are_read_from_the_oldest_on(data: str) -> None:
    assert FINETUNE_EVENTS.detect(data.encode())
    reading = read_file(FINETUNE_EVENTS, data)
    assert [step for step, _ in reading.pairs()] == STEPS
    assert [loss for _, loss in reading.pairs()] == [round(loss, 2) for loss in LOSSES]
    assert reading.settings == {"total_steps": 30.0}


def test_the_data_of_an_event_is_more_exact_than_its_message() -> None:
    data = json.dumps([make_event(10, 2.5, step=10, train_loss=2.5123, valid_loss=1.75, total_steps=30)])
    reading = read_file(FINETUNE_EVENTS, data)
    assert (reading.pairs(), reading.pairs("eval_loss")) == ([(10, 2.5123)], [(10, 1.75)])


def test_complaints_of_a_provider_go_through_the_console_reader() -> None:
    failed = {"object": "fine_tuning.job.event", "level": "error", "message": "The job failed: invalid file"}
    texts = read_file(FINETUNE_EVENTS, json.dumps([*EVENTS, failed], indent=1)).texts
    assert [text for _, text in texts] == [b"The job failed: invalid file"]


@pytest.mark.parametrize("message", ["Step 5/30: training loss=nan", "Step 5: training loss=NaN, validation loss=1.5"])
def test_a_broken_loss_in_a_message_is_one(message: str) -> None:
    data = json.dumps({"object": "fine-tune-event", "message": message})
    (point,) = read_file(FINETUNE_EVENTS, data).points()
    assert (point.step, math.isnan(point.value)) == (5, True)
