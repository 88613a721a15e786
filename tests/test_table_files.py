"""Tables of values: the dialects in which trainers, trackers and people write them."""

import base64
import math

import pytest
from file_reading import read_file
from hypothesis import given, settings
from hypothesis import strategies as st
from run_factory import SlowReader, add_noise

from tools.errors import BadInput
from tools.log_formats.encoded_table import ENCODED_TABLE
from tools.log_formats.line_blocks import LineBlocks
from tools.log_formats.table_files import TABLE
from tools.run import Line

PLAIN = "step,loss,eval_loss\n10,2.5,\n20,2.25,1.75\n30,2.125,\n"
WANTED = [(10, 2.5), (20, 2.25), (30, 2.125)]
DIALECTS = {
    "commas": PLAIN,
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "windows": PLAIN.replace("\n", "\r\n"),
    "byte order mark": "\ufeff" + PLAIN,
    "excel": "sep=;\n" + PLAIN.replace(",", ";"),
    "comments": "# run 7\n# lr 2e-4, loss and step\n\n" + PLAIN,
    "quoted": '"step","loss","eval_loss"\n"10","2.5",""\n"20","2.25","1.75"\n"30","2.125",""\n',
    "spaces": "step, loss, eval_loss\n10, 2.5, \n20, 2.25, 1.75\n30, 2.125, \n",
    "index": ",step,loss,eval_loss\n0,10,2.5,\n1,20,2.25,1.75\n2,30,2.125,\n",
    "None": "step,loss,eval_loss\n10,2.5,None\n20,2.25,1.75\n30,2.125,None\n",
    "thousands": 'tokens,step,loss,eval_loss\n"1,234",10,2.5,\n"12,345",20,2.25,1.75\n"1,234,567",30,2.125,\n',
    "words": "run,step,loss,eval_loss\nfirst,10,2.5,\nfirst,20,2.25,1.75\nfirst,30,2.125,\n",
    "times": "time,step,loss,eval_loss\n2024-05-01 10:00,10,2.5,\n2024-05-01 10:01,20,2.25,1.75\n10:02,30,2.125,\n",
    "text with commas": 'note,step,loss,eval_loss\n"a, b",10,2.5,\n"c",20,2.25,1.75\n"d, ""e""",30,2.125,\n',
    "text with line feeds": 'note,step,loss,eval_loss\n"a\nb",10,2.5,\nc,20,2.25,1.75\n"d\n\ne",30,2.125,\n',
    "no line feed at the end": PLAIN.rstrip(),
    "blank lines": PLAIN.replace("\n", "\n\n"),
    "header as a comment": "# step,loss,eval_loss\n" + PLAIN.partition("\n")[2],
}


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS.keys())
def test_a_dialect_is_read(text: str) -> None:
    assert TABLE.detect(text.encode())
    reading = read_file(TABLE, text)
    assert reading.pairs() == WANTED
    assert reading.pairs("eval_loss") == [(20, 1.75)]
    assert reading.run.num_records == 3


@pytest.mark.parametrize("text", DIALECTS.values(), ids=DIALECTS.keys())
def test_a_value_knows_its_line(text: str) -> None:
    lines = text.split("\n")
    for point in read_file(TABLE, text).points():
        assert point.line.text == lines[point.line.number - 1].rstrip("\r")


HEADERS = {
    "epoch,step,train_loss_step,train_loss_epoch,val_loss": ["loss", "train_loss_epoch", "eval_loss"],
    "epoch,train_loss_epoch,val_loss_epoch": ["loss", "eval_loss"],
    "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy": [
        "loss",
        "train_accuracy",
        "eval_loss",
        "eval_mean_token_accuracy",
    ],
    "step,train_loss,valid_loss,full_valid_loss": ["loss", "eval_loss", "full_valid_loss"],
    "epoch,accuracy,loss,val_accuracy,val_loss": ["accuracy", "loss", "eval_accuracy", "eval_loss"],
    "epoch,train_loss,valid_loss,accuracy,time": ["loss", "eval_loss", "eval_accuracy", "time"],
    "loss,grad_norm,learning_rate,epoch,step,eval_loss,train_loss": [
        "loss",
        "grad_norm",
        "learning_rate",
        "eval_loss",
        "train_loss",
    ],
    "_step,train/global_step,train/loss,train/train_loss,eval/loss": ["_step", "loss", "train_loss", "eval_loss"],
    "step,mlm_loss,dev_mlm_loss": ["loss", "eval_loss"],
    "step,loss_scale,loss": ["loss_scale", "loss"],
    "step,train/reward,train/kl": ["reward", "kl"],
}


@pytest.mark.parametrize(("header", "names"), HEADERS.items())
def test_columns_get_the_names_that_the_rules_know(header: str, names: list[str]) -> None:
    row = ",".join(str(float(place + 1)) for place in range(header.count(",") + 1))
    run = read_file(TABLE, f"{header}\n{row}\n").run
    assert sorted({*run.series, *run.summary} - {"step", "epoch"}) == sorted(names)


def test_training_and_validation_rows_may_alternate() -> None:
    text = "epoch,step,train_loss,val_loss\n0,49,2.5,\n0,99,2.25,\n0,99,,1.75\n1,149,2.125,\n1,199,,1.5\n"
    reading = read_file(TABLE, text)
    assert reading.pairs() == [(49, 2.5), (99, 2.25), (149, 2.125)]
    assert reading.pairs("eval_loss") == [(99, 1.75), (199, 1.5)]
    assert [point.epoch for point in reading.points("eval_loss")] == [0.0, 1.0]


def test_a_step_that_the_table_does_not_tell_is_unknown() -> None:
    points = read_file(TABLE, "epoch,loss\n0,2.5\n1,2.25\n").points()
    assert [(point.step, point.epoch) for point in points] == [(None, 0.0), (None, 1.0)]


def test_a_batch_number_that_starts_anew_in_every_epoch_is_no_step() -> None:
    rows = [f"{epoch},{batch},{2 - epoch / 4 - batch / 100}" for epoch in range(3) for batch in (10, 20, 30)]
    reading = read_file(TABLE, "epoch,batch,loss\n" + "\n".join(rows) + "\n")
    assert [point.step for point in reading.points()] == [None] * 9
    assert [point.epoch for point in reading.points()] == [0.0] * 3 + [1.0] * 3 + [2.0] * 3
    assert any("anew in every epoch" in note for note in reading.run.notes)


def test_an_iteration_that_goes_on_over_the_epochs_is_the_step() -> None:
    rows = [f"{epoch},{10 * (3 * epoch + place)},2.0" for epoch in range(3) for place in range(3)]
    reading = read_file(TABLE, "epoch,iteration,loss\n" + "\n".join(rows) + "\n")
    assert [point.step for point in reading.points()] == list(range(0, 90, 10))


def test_broken_losses_are_values() -> None:
    points = read_file(TABLE, "step,loss\n1,nan\n2,inf\n3,-inf\n4,NaN\n5,1.5\n").points()
    assert [str(point.value) for point in points] == ["nan", "inf", "-inf", "nan", "1.5"]


def test_empty_validation_columns_mean_that_the_run_was_not_evaluated() -> None:
    reading = read_file(TABLE, "step,train_loss,valid_loss\n1,2.5,\n2,2.25,\n")
    assert reading.settings == {"has_empty_validation_columns": True}
    assert "column valid_loss is empty: the run was not evaluated" in reading.run.notes
    assert reading.run.settings["has_empty_validation_columns"].line == Line(1, "step,train_loss,valid_loss")


@pytest.mark.parametrize("text", [PLAIN, "step,loss\n1,2.5\n", "step,train_loss,valid_loss\n"])
def test_other_tables_do_not_say_that_there_was_no_evaluation(text: str) -> None:
    assert read_file(TABLE, text).settings == {}


def test_the_first_of_several_tracked_runs_is_read() -> None:
    header = '"Step","a - b - train/loss","a - b - train/loss__MIN","c - train/loss"'
    text = f'{header}\n"10","2.5","2.5","9"\n"20","2.25","2","8"\n'
    reading = read_file(TABLE, text)
    assert reading.pairs() == [(10, 2.5), (20, 2.25)]
    assert any("1 more run" in note for note in reading.run.notes)


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("run-a-tag-train_loss.csv", "loss"),
        ("runs/run_1-tag-eval_loss.csv", "eval_loss"),
        ("val_loss.csv", "eval_loss"),
        ("run-x-tag-train_learning_rate.csv", "learning_rate"),
        ("export.csv", "loss"),
        ("stdin", "loss"),
    ],
)
def test_the_file_name_tells_what_tensorboard_exported(name: str, metric: str) -> None:
    run = read_file(TABLE, "Wall time,Step,Value\n1700000000.5,10,0.5\n1700000009.5,20,0.25\n", name).run
    assert [(point.step, point.value) for point in run.points(metric)] == [(10, 0.5), (20, 0.25)]


@pytest.mark.parametrize("header", ["step,value", "timestamp,step,value", "Step,Value,Wall time"])
def test_other_exports_of_one_metric_are_read(header: str) -> None:
    row = ",".join({"step": "10", "value": "0.5"}.get(cell.lower(), "1700000000") for cell in header.split(","))
    assert read_file(TABLE, f"{header}\n{row}\n", "val_loss.csv").pairs("eval_loss") == [(10, 0.5)]


def test_a_header_in_the_middle_begins_another_run() -> None:
    reading = read_file(TABLE, "step,loss\n10,2.5\n20,2.25\n30,2.2\nstep,loss,lr\n10,2.4,0.1\n20,2.3,0.1\n")
    assert reading.pairs() == [(10, 2.4), (20, 2.3)]
    assert any("repeated 1 time(s), first in line 5" in note for note in reading.run.notes)
    assert reading.texts == []


def test_a_last_line_that_is_cut_off_is_left_out_and_named() -> None:
    reading = read_file(TABLE, "step,loss,lr\n10,2.5,0.1\n20,2.")
    assert reading.pairs() == [(10, 2.5)]
    assert "line 3, the last one, is cut off and was left out" in reading.run.notes


def test_lines_that_are_no_rows_go_through_the_console_reader() -> None:
    text = "step,loss\n10,2.5\nTraceback (most recent call last):\nOSError: disk\n20,2.25\n"
    reading = read_file(TABLE, text)
    assert reading.texts == [(3, b"Traceback (most recent call last):"), (4, b"OSError: disk")]
    assert reading.pairs() == [(10, 2.5), (20, 2.25)]
    assert "2 line(s) are no rows of the table, first line 3" in reading.run.notes


@pytest.mark.parametrize("row", ["10;2,5;1", "10;x;1", "ten;2.5;1"])
def test_a_number_that_cannot_be_read_is_no_other_number(row: str) -> None:
    reading = read_file(TABLE, f"step;loss;lr\n5;3.5;1\n{row}\n")
    assert reading.pairs() == [(5, 3.5)]
    assert [number for number, _ in reading.texts] == [3]


@pytest.mark.parametrize("num_rows", [1, 500, 60_000])
def test_counts_ends_and_extremes_are_exact_however_long_the_table_is(num_rows: int) -> None:
    losses = [round(value, 4) for value in add_noise([2.5] * num_rows, noise=0.25, seed=7)]
    rows = [f"{step},{loss}{',' if step % 50 else ',1.5'}" for step, loss in enumerate(losses)]
    run = read_file(TABLE, "step,loss,val_loss\n" + "\n".join(rows) + "\n").run
    total = run.totals["loss"]
    assert (total.num_points, total.first, total.last) == (num_rows, losses[0], losses[-1])
    assert (total.lowest, total.highest) == (min(losses), max(losses))
    assert run.totals["eval_loss"].num_points == math.ceil(num_rows / 50)
    assert run.num_records == num_rows
    for point in run.points("loss"):
        assert point.step is not None
        assert point.value == losses[point.step]
        assert point.line.text == rows[point.step]


CELLS = st.sampled_from(["", "1.5", '"2.5"', "None", "nan", "1e-5", "-3"])
WORDS = st.sampled_from(["", "a", '"b, c"', "7"])
SHORT_ROWS = st.lists(st.tuples(CELLS, WORDS, CELLS, CELLS), min_size=1, max_size=6)


@given(rows=SHORT_ROWS, repeats=st.sampled_from([1, 2, 300]))
@settings(derandomize=True, database=None, deadline=None, max_examples=60)
def test_every_filled_cell_is_read_whatever_rows_alternate(rows: list[tuple[str, ...]], repeats: int) -> None:
    table = [(str(step), *row) for step, row in enumerate([("1", "word", "1", "1"), *(rows * repeats)])]
    text = "step,loss,note,lr,val_loss\n" + "\n".join(map(",".join, table)) + "\n"
    reading = read_file(TABLE, text)
    for place, name in ((1, "loss"), (3, "learning_rate"), (4, "eval_loss")):
        plain = [(int(row[0]), row[place].strip('"')) for row in table]
        wanted = [(step, float(cell)) for step, cell in plain if cell not in ("", "None")]
        assert repr(reading.pairs(name)) == repr(wanted)


def test_a_table_in_base64_is_read() -> None:
    data = base64.b64encode(PLAIN.encode())
    reading = read_file(ENCODED_TABLE, data)
    assert reading.pairs() == WANTED
    assert reading.run.num_bytes == len(data)
    assert reading.points()[1].line == Line(3, "20,2.25,1.75")
    assert any("base64" in note for note in reading.run.notes)


@pytest.mark.parametrize("piece_bytes", [1, 2, 5, 64])
def test_base64_in_short_lines_and_pieces_is_read(piece_bytes: int) -> None:
    data = base64.encodebytes(PLAIN.encode() * 20)
    assert ENCODED_TABLE.detect(data)
    assert len(read_file(ENCODED_TABLE, data, piece_bytes=piece_bytes).points()) == 3


def test_damaged_base64_is_refused_in_words() -> None:
    with pytest.raises(BadInput, match="base64 text is damaged"):
        read_file(ENCODED_TABLE, base64.b64encode(PLAIN.encode()) + b"=A==")


def test_a_line_without_end_is_cut() -> None:
    blocks = LineBlocks(SlowReader(b"a\n" + b"x" * (3 << 20) + b"\nb\n", 1 << 18))
    found = [line for _, lines in blocks for line in lines]
    assert (found[0], found[-1], len(found)) == (b"a", b"b", 3)
    assert len(found[1]) <= 1 << 20
    assert (blocks.num_cut, blocks.num_lines) == (1, 3)
