"""The dictionaries on the Hugging Face console, under everything that lies over them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_factory import draw_bar, parse

from tools.log_formats.hf_console import read_console_line

FLOATS = "{'loss': 1.2345, 'grad_norm': 0.87, 'learning_rate': 1.9e-05, 'epoch': 0.13}"
STRINGS = "{'loss': '1.2345', 'grad_norm': '0.87', 'learning_rate': '1.9e-05', 'epoch': '0.13'}"
VALUES = {"loss": 1.2345, "grad_norm": 0.87, "learning_rate": 1.9e-05, "epoch": 0.13}

PREFIXES = {
    "rank": "[rank0]: ",
    "rank twice": "[rank0]:[rank0]: ",
    "torchrun": "[default0]:",
    "srun": "0: ",
    "mpirun": "[1,0]<stdout>:",
    "ray": "(RayTrainWorker pid=123, ip=10.0.0.4) ",
    "coloured ray": "\x1b[36m(WorkerDict pid=9)\x1b[0m ",
    "logging": "2024-05-07 11:16:50,123 - INFO - ",
    "transformers": "[INFO|trainer.py:2057] 2024-04-25 17:21:02,619 >> ",
    "axolotl": "[2024-01-19 08:21:54,779] [INFO] [axolotl.load_model:581] [PID:6548] [RANK:0] ",
    "loguru": "2025-06-28 11:48:28.123 | INFO | __main__:Logger:28 - ",
    "absl": "I0916 16:35:28.120 46920 file.py:74] ",
    "kubernetes": "2024-05-01T10:00:00.1Z stdout F ",
    "docker": '{"log":"',
    "pasted number": "[1743] ",
    "quote mark": "> ",
    "indent": "        ",
    "tab": "\t",
    "cursor up": "\x1b[A",
    "colour": "\x1b[32m",
    "bar": draw_bar(15, 500) + "   ",
    "two bars": f"{draw_bar(14, 500)}\r{draw_bar(15, 500)}\r   ",
}


@pytest.mark.parametrize("record", [FLOATS, STRINGS], ids=["floats", "strings"])
@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES.keys())
def test_a_row_is_read_behind_any_prefix(prefix: str, record: str) -> None:
    run = parse(f"start\n{prefix}{record}\n")
    read = {name: run.points(name)[0].value for name in ("loss", "grad_norm", "learning_rate")}
    assert read == {name: VALUES[name] for name in read}


@pytest.mark.parametrize(
    "suffix",
    ["\x1b[0m", '\\n","stream":"stderr"}', " <- here", "   ", "\r", f"\r{draw_bar(15, 500)}", draw_bar(15, 500)],
)
def test_a_row_is_read_before_any_suffix(suffix: str) -> None:
    assert parse(f"{FLOATS}{suffix}\n").points("loss")[0].value == 1.2345


def test_a_row_with_colours_inside_is_read() -> None:
    assert parse("{'loss': \x1b[33m1.5\x1b[0m, 'epoch': 0.1}\n").points("loss")[0].value == 1.5


@pytest.mark.parametrize("shape", ["{}", "'{}'", "tensor({})", "tensor({}, device='cuda:0')"])
@pytest.mark.parametrize(("text", "value"), [("inf", math.inf), ("-inf", -math.inf), ("-0.5", -0.5), ("2e-07", 2e-07)])
def test_values_are_read_in_every_shape(shape: str, text: str, value: float) -> None:
    assert read_console_line(f"{{'loss': {shape.format(text)}, 'epoch': 1.0}}") == {"loss": value, "epoch": 1.0}


@pytest.mark.parametrize("shape", ["nan", "'nan'", "tensor(nan)", "tensor(nan, device='cuda:1')"])
def test_nan_is_a_value_and_not_a_missing_one(shape: str) -> None:
    values = read_console_line(f"{{'loss': 0.0, 'grad_norm': {shape}, 'epoch': 1.0}}")
    assert values is not None
    assert math.isnan(values["grad_norm"])


def test_a_metric_name_may_hold_slashes_brackets_and_blanks() -> None:
    text = "{'loss': 0.1, 'rewards/chosen': -0.2, 'memory/max_active (GiB)': 3.5, 'completions / mean_length': 12}"
    assert read_console_line(text) == {
        "loss": 0.1,
        "rewards/chosen": -0.2,
        "memory/max_active (GiB)": 3.5,
        "completions / mean_length": 12.0,
    }


def test_a_value_that_is_no_number_is_left_out() -> None:
    assert read_console_line("{'loss': 0.5, 'stage': 'warm up', 'done': False}") == {"loss": 0.5}


def test_a_dictionary_without_metrics_is_passed_over_for_one_with() -> None:
    assert read_console_line("{'train': 900, 'test': 100} {'loss': 0.5}") == {"loss": 0.5}


@pytest.mark.parametrize(
    "text",
    [
        "{'learning_rate': 0.0002, 'per_device_train_batch_size': 4}",
        'logger.info({"loss": loss.item()})',
        "{'loss': loss.item()}",
        "metrics = {'loss': loss, 'epoch': epoch}",
        "{'loss_fn': 'cross_entropy'}",
    ],
)
def test_settings_and_code_are_no_rows(text: str) -> None:
    assert read_console_line(text) is None


def test_bars_and_rows_share_a_physical_line() -> None:
    frames = [draw_bar(9, 20), draw_bar(10, 20), "{'loss': 2.0, 'epoch': 0.5}", draw_bar(10, 20), draw_bar(20, 20)]
    run = parse("start\n" + "\r".join([*frames, "{'loss': 1.0, 'epoch': 1.0}", draw_bar(20, 20)]) + "\n")
    assert [(point.value, point.line.number) for point in run.points("loss")] == [(2.0, 2), (1.0, 2)]


def test_the_quoted_part_of_a_shared_line_is_the_row_alone() -> None:
    run = parse(f"{draw_bar(9, 20)}\r{FLOATS}\r{draw_bar(10, 20)}\n")
    assert run.points("loss")[0].line.text == FLOATS


@pytest.mark.parametrize("num_ranks", [2, 8])
def test_a_row_that_every_rank_prints_counts_once(num_ranks: int) -> None:
    rows = [f"{{'loss': {3 - step / 10}, 'epoch': {step / 10}}}" for step in range(1, 6)]
    text = "".join(f"[rank{rank}]: {row}\n" for row in rows for rank in range(num_ranks))
    assert parse(text).series["loss"].num_points == len(rows)


@given(st.dictionaries(st.sampled_from(["loss", "grad_norm", "epoch", "kl"]), st.floats(), min_size=1))
@settings(derandomize=True, database=None, deadline=None)
def test_what_python_prints_reads_back_exactly(row: dict[str, float]) -> None:
    values = {"loss": 1.0, **row}
    assert repr(read_console_line(str(values))) == repr(values)
