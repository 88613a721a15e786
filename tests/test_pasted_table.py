"""Tables inside console text, line by line: which rows are read, and where a table ends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.log_formats.pasted_table import HEADER_MARKERS, PastedTable
from tools.log_formats.wandb_console import SUMMARY_MARKERS, WandbSummary

LAYOUTS = {
    "tabs": "Step\tTraining Loss\tValidation Loss\n10\t2.500000\tNo log\n20\tNo log\t1.750000",
    "gaps": "Step   Training Loss   Validation Loss\n10     2.500000        No log\n20     No log          1.750000",
    "single spaces": "Step Training Loss Validation Loss\n10 2.500000 No log\n20 No log 1.750000",
    "markdown": "| Step | Loss | Eval Loss |\n|:----:|-----:|----|\n| 10 | 2.5 | |\n| 20 | No log | **1.75** |",
    "markdown without ends": "Step | Loss | Eval Loss\n--- | --- | ---\n10 | 2.5 | -\n20 | - | 1.75",
    "box": "┏━━━━┳━━━━┓\n┃ Step ┃ Loss ┃ Val Loss ┃\n┡━━━━╇━━━━┩\n│ 10 │ 2.5 │ - │\n├────┼────┤\n"
    "│ 20 │ - │ 1.75 │\n└────┴────┘",
    "ascii box": "+----+----+\n| step | loss | eval_loss |\n+====+====+\n| 10 | 2.5 | |\n+----+----+\n"
    "| 20 | | 1.75 |\n+----+----+",
    "pandas": "    step  loss  eval_loss\n0     10   2.5        NaN\n1     20   NaN       1.75",
    "commas": "step,loss,eval_loss\n10,2.5,\n20,,1.75",
    "blank lines": "Step\tTraining Loss\tValidation Loss\n\n10\t2.5\tNo log\n\n20\tNo log\t1.75",
}


def read(text: str) -> list[dict[str, float]]:
    table = PastedTable()
    return [values for line in text.split("\n") if (values := table.read(line)) is not None]


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_layout_is_read(text: str) -> None:
    assert read(text) == [{"step": 10.0, "loss": 2.5}, {"step": 20.0, "eval_loss": 1.75}]


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_header_holds_a_marker(text: str) -> None:
    header = next(line for line in text.split("\n") if "tep" in line)
    assert any(marker in header.encode() for marker in HEADER_MARKERS)


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_table_ends_at_the_first_line_that_does_not_fit(text: str) -> None:
    table = PastedTable()
    lines = text.split("\n")
    header = next(place for place, line in enumerate(lines) if "tep" in line)
    for line in lines[: header + 1]:
        table.read(line)
    assert table.is_open
    assert table.read("Saving model checkpoint to out") is None
    assert not table.is_open
    assert [table.read(line) for line in lines[header + 1 :]] == [None] * len(lines[header + 1 :])


def test_fastai_tables_are_read() -> None:
    text = (
        "epoch     train_loss  valid_loss  accuracy  time    \n0         2.5         1.75        0.5       00:12   \n"
    )
    text += "1         2.25        #na#        0.5       01:02:03\n"
    assert read(text) == [
        {"epoch": 0.0, "loss": 2.5, "eval_loss": 1.75, "eval_accuracy": 0.5},
        {"epoch": 1.0, "loss": 2.25, "eval_accuracy": 0.5},
    ]


def test_the_table_of_a_model_card_is_read() -> None:
    text = "| Training Loss | Epoch | Step | Validation Loss | F1 |\n|:---:|:---:|:---:|:---:|:---:|\n"
    text += "| No log | 1.0 | 100 | 1.75 | 0.5 |\n| 2.5 | 2.0 | 200 | 1.5 | 0.75 |"
    assert read(text) == [
        {"epoch": 1.0, "step": 100.0, "eval_loss": 1.75, "eval_f1": 0.5},
        {"loss": 2.5, "epoch": 2.0, "step": 200.0, "eval_loss": 1.5, "eval_f1": 0.75},
    ]


def test_tables_of_ludwig_have_the_data_for_columns_and_their_step_above() -> None:
    text = "Running evaluation for step: 50, epoch: 2\n╒═══╤═══╕\n│   │ train │ validation │ test │\n╞═══╪═══╡\n"
    text += "│ loss │ 2.5 │ 1.75 │ 1.8 │\n├───┼───┤\n│ combined_loss │ 2.5 │ 1.75 │ 1.8 │\n╘═══╧═══╛\nbye"
    assert read(text) == [{"step": 50.0, "epoch": 2.0, "loss": 2.5, "eval_loss": 1.75}]


@pytest.mark.parametrize(
    "text",
    [
        "Step by step the training loss goes down\n1 2 3 4 5 6 7 8",
        "step loss\nten two",
        "step, loss and the learning rate follow\n10, 2.5",
        "step, loss and the learning rate follow\n10, x",
        "{'step': 1, 'loss': 2}\n10, 2.5",
        "| Name | Loss |\n|---|---|\n| 10 | 2.5 |",
        "iter 10: loss 2.5, time 100ms\n20 2.25",
        "step 10/100 | loss: 2.5 | lr: 0.1\n20 | 2.25 | 0.1",
        "Step\tPrice\n10\t2.5",
        "Epoch | Loss\n10 | 2.5 | 3 | 4",
    ],
)
def test_other_text_is_no_table(text: str) -> None:
    assert read(text) == []


@given(st.text(max_size=80), st.text(max_size=80))
@settings(derandomize=True, database=None, deadline=None)
def test_any_text_does_no_harm(header: str, row: str) -> None:
    table = PastedTable()
    for line in (header, row, "Step\tLoss", row):
        values = table.read(line)
        assert values is None or {"step", "epoch"} & values.keys()


def test_the_summary_that_wandb_prints_is_read_up_to_its_end() -> None:
    text = (
        "wandb: Run history:\nwandb: train/loss █▆▃▂\nwandb: \nwandb: Run summary:\nwandb:      train/global_step 500\n"
    )
    text += "wandb: train/loss 1.25\nwandb: train/train_loss 1.5\nwandb: eval/loss nan\nwandb: note done\nwandb: \n"
    text += "wandb: train/loss 9.0\n"
    summary = WandbSummary()
    found = [values for line in text.split("\n") if (values := summary.read(line)) is not None]
    assert [f"{name}={value}" for values in found for name, value in values.items()] == [
        "step=500.0",
        "loss=1.25",
        "train_loss=1.5",
        "eval_loss=nan",
    ]
    assert SUMMARY_MARKERS[0] in text.encode()


def test_a_summary_ends_where_other_text_begins() -> None:
    summary = WandbSummary()
    assert [summary.read(line) for line in ("wandb: Run summary:", "hello", "wandb: train/loss 1.5")] == [None] * 3
    assert not summary.is_open
