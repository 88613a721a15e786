"""Line formats: every trainer's lines read as they are stated, by their own reader, whatever stands round them."""

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
from line_reading import ask_in_order, read_all, same

from tools.facts import collect_facts
from tools.log_formats import LINE_FORMATS
from tools.log_formats.line_formats import TRAINER_FORMATS
from tools.log_formats.record import LogFormat
from tools.log_formats.rl_trainers import STEP_DICTIONARY
from tools.log_parser import parse_path

FORMATS = (STEP_DICTIONARY, *TRAINER_FORMATS)
LAST_RESORT = "generic_pairs"
SAMPLES = [(log_format, text, values) for log_format in FORMATS for text, values in log_format.samples]
NAMES = [f"{log_format.name}-{index}" for log_format in FORMATS for index in range(len(log_format.samples))]
PREFIXES = {
    "bare": "",
    "torchrun": "[rank0]: ",
    "torchrun twice": "[rank0]:[rank0]: ",
    "logger": "2025-01-02 03:04:05,678 - INFO - ",
    "hf logger": "[INFO|trainer.py:2057] 2024-04-25 17:21:02,619 >> ",
    "loguru": "2025-06-28 11:48:28.123 | INFO | __main__:log:28 - ",
    "srun": "3: ",
    "mpirun": "[1,0]<stdout>:",
    "Ray": "(TaskRunner pid=123, ip=10.0.0.1) ",
    "pasted": "[1743] ",
    "quoted": "> ",
}
GLUED = "[rank1]:W0102 03:04:05.678 ProcessGroup.cpp:33] hello"
MAX_SECONDS_256_KIB = 3.0

SHARED = Path(__file__).parents[2] / "shared" / "logs" / "dev"
FACTS = {
    "num_points": "n_points",
    "first_loss": "first_loss",
    "last_loss": "last_loss",
    "num_eval_points": "n_eval",
    "first_eval_loss": "first_eval_loss",
    "last_eval_loss": "last_eval_loss",
    "min_eval_loss": "min_eval_loss",
    "min_eval_step": "min_eval_step",
}
MEGATRON_EVALS = ("megatron_02.out", "gptneox_01.out")
"""Their one evaluation line is not among the known facts, which count training rows alone."""
FRAMEWORKS = (
    "verl", "rwkv",
    "nanogpt", "nanochat", "modded", "megatron", "gpt_neox", "custom_gpt", "deepspeed", "nemo", "minimind",
)  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES.values(), ids=PREFIXES)
@pytest.mark.parametrize(("log_format", "text", "values"), SAMPLES, ids=NAMES)
def test_a_line_reads_the_same_behind_any_prefix(
    log_format: LogFormat, text: str, values: dict[str, float], prefix: str
) -> None:
    assert same(log_format.read("\n".join(prefix + line for line in text.split("\n"))), values)


@pytest.mark.parametrize(("log_format", "text", "values"), SAMPLES, ids=NAMES)
def test_text_that_another_writer_glued_on_changes_nothing(
    log_format: LogFormat, text: str, values: dict[str, float]
) -> None:
    assert same(log_format.read(text + GLUED), values)


@pytest.mark.parametrize(("log_format", "text", "values"), SAMPLES, ids=NAMES)
def test_a_line_is_read_by_its_own_format_first(log_format: LogFormat, text: str, values: dict[str, float]) -> None:
    found = ask_in_order(text.split("\n"))
    assert found is not None
    assert found[0] == log_format.name
    assert same(found[1], values)


@pytest.mark.parametrize(("log_format", "text", "values"), SAMPLES, ids=NAMES)
def test_a_line_is_read_by_no_other_format(log_format: LogFormat, text: str, values: dict[str, float]) -> None:
    line = text.rsplit("\n", maxsplit=1)[-1]
    others = [one for one in LINE_FORMATS if one.name not in (log_format.name, LAST_RESORT)]
    assert [one.name for one in others if one.read(line) is not None] == []


@pytest.mark.parametrize("log_format", FORMATS, ids=lambda log_format: log_format.name)
def test_every_format_states_two_samples_or_more(log_format: LogFormat) -> None:
    assert len(log_format.samples) >= 2


@pytest.mark.parametrize("log_format", FORMATS, ids=lambda log_format: log_format.name)
@pytest.mark.parametrize("filler", [" ", "a ", "loss: 1 ", "1/2 [", "| a", "50%|#", "━ ", "-", "\t"])
def test_a_long_line_is_read_in_linear_time(log_format: LogFormat, filler: str) -> None:
    line = log_format.samples[0][0].split("\n")[-1] + filler * (2**18 // len(filler))
    start = time.process_time()
    log_format.read(line)
    assert time.process_time() - start < MAX_SECONDS_256_KIB


def test_metrics_of_a_block_get_the_step_of_its_head() -> None:
    rows = read_all(
        "[batch=1/50]:\n\t Train time/batch: 0\n\t Train loss/train/total: 11.5000\n\t Train lr-Adam/group0: 0.0001\n"
        "[batch=2/50]:\n\t Train loss/train/total: 11.2500\n\t Train l2_norm/grad/global: 1.5000\n"
    )
    assert rows == [
        {"step": 1, "total_steps": 50, "loss": 11.5},
        {"step": 1, "total_steps": 50, "learning_rate": 0.0001},
        {"step": 2, "total_steps": 50, "loss": 11.25},
        {"step": 2, "total_steps": 50, "grad_norm": 1.5},
    ]


def test_steps_go_on_from_epoch_to_epoch() -> None:
    rows = read_all(
        "Epoch:[1/2](100/200), loss: 2.5, lr: 0.1\nEpoch:[1/2](200/200), loss: 2.25, lr: 0.1\n"
        "Epoch:[2/2](100/200), loss: 2.125, lr: 0.1\n"
    )
    assert [row["step"] for row in rows] == [100, 200, 300]


def test_epochs_that_count_from_zero_are_known_once_one_is_seen() -> None:
    rows = read_all("Epoch [0/2] Step [5/50] Loss: 2.5\nEpoch [1/2] Step [5/50] Loss: 2.25\n")
    assert [row["step"] for row in rows] == [5, 55]


def test_a_step_that_begins_anew_without_a_total_is_left_out() -> None:
    rows = read_all("[1,  2000] loss: 2.25\n[1,  4000] loss: 2.0\n[2,  2000] loss: 1.75\n")
    assert [row.get("step") for row in rows] == [2000, 4000, None]


def test_a_bar_that_begins_again_goes_on_with_the_run() -> None:
    rows = read_all(
        "Training:  50%|#####     | 1/2 [00:01<00:01,  1.00s/it, loss=2.5]\n"
        "Training: 100%|##########| 2/2 [00:02<00:00,  1.00s/it, loss=2.25]\n"
        "Training:  50%|#####     | 1/2 [00:01<00:01,  1.00s/it, loss=2]\n"
    )
    assert [row["step"] for row in rows] == [1, 2, 3]


def test_an_evaluation_gets_the_step_of_the_training_line_before() -> None:
    rows = read_all(
        "step  250 | loss: 4.5 | lr 1.0e-04 | norm: 0.5 | dt: 10.00ms | tok/sec: 1000.0\nvalidation loss: 4.7500\n"
    )
    assert rows[-1] == {"step": 250, "eval_loss": 4.75}


def test_the_raw_loss_of_a_bar_is_taken_before_the_smoothed_one() -> None:
    rows = read_all("Epoch 0:   1%|          | 5/500 [00:05<08:15,  1.00it/s, loss=5.7, reduced_train_loss=6.250]\n")
    assert rows[0]["loss"] == 6.25


def test_the_broken_loss_that_lightning_pads_is_read() -> None:
    rows = read_all("Epoch 0:   1%|          | 5/500 [00:05<08:15,  1.00it/s, v_num=0, train_loss=nan.0]\n")
    assert math.isnan(rows[0]["loss"])


def test_an_evaluation_bar_counts_once_it_is_full() -> None:
    rows = read_all(
        "Validating:  50%|#####     | 1/2 [00:01<00:01,  1.00s/it, loss=2.5]\n"
        "Validating: 100%|##########| 2/2 [00:02<00:00,  1.00s/it, loss=2.25]\n"
    )
    assert rows == [{"eval_loss": 2.25}]


def test_a_loss_scaler_that_skips_is_at_the_step_after_the_last() -> None:
    rows = read_all(
        "[x] [INFO] [Rank 0] step=30, skipped=1, lr=[1e-06], mom=[(0.9, 0.99)]\n"
        "[x] [INFO] [deepspeed] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: 4, reducing to 2\n"
    )
    assert rows[-1] == {"step": 31, "loss_scale": 2}


def test_a_tensor_is_read_as_its_number() -> None:
    rows = read_all("Epoch: 1, Step: 2, Rank: 3, loss = tensor(0.75, device='cuda:3', grad_fn=<NllLossBackward0>)\n")
    assert rows == [{"epoch": 1, "step": 2, "rank": 3, "loss": 0.75}]


def read_index() -> list[dict[str, Any]]:
    """What is known of the real logs of these trainers, nothing where there are none."""
    index = SHARED / "index.jsonl"
    lines = index.read_text(encoding="utf-8").splitlines() if index.is_file() else []
    entries = [json.loads(line) for line in lines]
    return [entry for entry in entries if entry["framework"].startswith(FRAMEWORKS) and "jsonl" not in entry["format"]]


@pytest.mark.parametrize("entry", read_index(), ids=lambda entry: entry["file"])
def test_a_real_log_is_read_to_its_known_facts(entry: dict[str, Any]) -> None:
    facts = collect_facts(parse_path(SHARED / entry["file"]))
    known = {name: entry["facts"][key] for name, key in FACTS.items() if key in entry["facts"]}
    if entry["file"] in MEGATRON_EVALS:
        known.pop("num_eval_points", None)
    wanted = {name: pytest.approx(float(value), rel=0.005, nan_ok=True) for name, value in known.items()}
    assert {name: facts[name] for name in known} == wanted
