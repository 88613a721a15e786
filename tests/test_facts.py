"""The plain numbers of a run, from made-up logs and from real ones where they are at hand."""

import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from run_factory import STYLES, Style, add_evals, descend, draw_bar, make_rows, parse, render, serious_ids

from tools.diagnosis import diagnose
from tools.facts import collect_facts
from tools.log_parser import parse_path
from tools.run import Run

REAL_LOGS = Path(__file__).parents[2] / "shared" / "logs" / "dev"
TRAINERS = ("hf_trainer", "trl", "unsloth", "llava", "axolotl")
CONSOLES = ("console", "console_string_dict", "slurm_out", "stderr", "wandb_output_log")
EVALS = [1.9, 1.5, 1.25, 1.3]


def read_index() -> list[dict[str, Any]]:
    """The real logs of formats that are read, with what is known about them."""
    index = REAL_LOGS / "index.jsonl"
    lines = index.read_text(encoding="utf-8").splitlines() if index.is_file() else []
    entries = [json.loads(line) for line in lines]
    return [
        entry
        for entry in entries
        if entry["format"] == "trainer_state"
        or (entry["format"] in CONSOLES and entry["framework"].startswith(TRAINERS))
    ]


@cache
def read_real(file: str) -> Run:
    """A real log, read once for all tests of it."""
    return parse_path(REAL_LOGS / file)


ENTRIES = read_index()
FACTS = {
    "num_points": "n_points",
    "first_loss": "first_loss",
    "last_loss": "last_loss",
    "min_loss": "min_loss",
    "num_eval_points": "n_eval",
    "min_eval_loss": "min_eval_loss",
}
SIZES = {"oom_tried_bytes": "oom_tried_gib", "gpu_total_bytes": "gpu_total_gib", "gpu_free_bytes": "gpu_free_gib"}
SEVERAL_RUNS = ("hftrainer_43.log",)
"""What is known of this file is of both its runs; only the end is that of the run which is judged."""


@pytest.mark.parametrize("style", STYLES)
def test_the_facts_of_a_run_are_its_ends_and_its_extremes(style: Style) -> None:
    rows = add_evals(make_rows([2.0, 3.0, 1.5, 1.25, 0.5, 0.75, 1.0, 0.875], per_epoch=20), EVALS)
    facts = collect_facts(parse(render(rows, style)))
    assert {
        "num_records": 12,
        "num_points": 8,
        "num_eval_points": 4,
        "first_loss": 2.0,
        "last_loss": 0.875,
        "min_loss": 0.5,
        "max_loss": 3.0,
        "first_eval_loss": 1.9,
        "last_eval_loss": 1.3,
        "min_eval_loss": 1.25,
        "min_eval_step": 60,
        "min_eval_epoch": 3.0,
        "last_step": 80,
    }.items() <= facts.items()


def test_the_size_of_the_input_is_a_fact() -> None:
    data = render(make_rows(descend(8)))
    facts = collect_facts(parse(data))
    assert (facts["num_bytes"], facts["num_lines"]) == (len(data), data.count(b"\n"))


def test_what_the_log_does_not_tell_is_none() -> None:
    facts = collect_facts(parse("nothing but words\n"))
    counts = {"num_lines": 1, "num_bytes": 18, "num_records": 0, "num_points": 0, "num_eval_points": 0}
    assert {name: value for name, value in facts.items() if value is not None} == counts


def test_a_broken_loss_counts_as_a_point_but_is_no_extreme() -> None:
    facts = collect_facts(parse(render(make_rows([2.0, math.inf, 1.0, math.nan]))))
    assert (facts["num_points"], facts["min_loss"], facts["max_loss"]) == (4, 1.0, 2.0)
    assert str(facts["last_loss"]) == "nan"


def test_a_run_of_broken_losses_has_no_extremes() -> None:
    facts = collect_facts(parse(render(make_rows([math.nan] * 3))))
    assert (facts["min_loss"], facts["max_loss"], str(facts["first_loss"])) == (None, None, "nan")


def test_the_pace_and_the_total_come_from_the_bar() -> None:
    text = f"{draw_bar(30, 100, 75.0)}\r{{'loss': 2.0, 'epoch': 0.3}}\n{draw_bar(40, 100, 100.0)}\n"
    facts = collect_facts(parse(text))
    assert (facts["seconds_per_step"], facts["total_steps"]) == (2.5, 100)


def test_the_sizes_of_an_out_of_memory_message_are_facts_in_bytes() -> None:
    facts = collect_facts(
        parse(
            "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of "
            "24.00 GiB of which 512.00 MiB is free. Of the allocated memory 20.00 GiB is allocated by PyTorch, and "
            "1.00 GiB is reserved by PyTorch but unallocated.\n"
        )
    )
    assert {
        "oom_tried_bytes": 2 * 2**30,
        "gpu_total_bytes": 24 * 2**30,
        "gpu_free_bytes": 2**29,
        "allocated_bytes": 20 * 2**30,
        "reserved_unallocated_bytes": 2**30,
    }.items() <= facts.items()


def assert_close(found: object, wanted: object) -> None:
    if isinstance(wanted, float) and math.isfinite(wanted):
        assert found == pytest.approx(wanted, rel=0.005)
    else:
        assert str(found) == str(wanted)


@pytest.mark.parametrize("name", FACTS)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_the_facts_of_a_real_log_are_those_of_its_text(entry: dict[str, Any], name: str) -> None:
    if entry["file"] in SEVERAL_RUNS:
        name = "last_loss"
    missing = 0 if name.startswith("num") else None
    assert_close(collect_facts(read_real(entry["file"]))[name], entry["facts"].get(FACTS[name], missing))


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["file"])
def test_the_sizes_of_a_real_message_are_those_of_its_text(entry: dict[str, Any], name: str) -> None:
    known = entry["facts"].get(SIZES[name])
    found = collect_facts(read_real(entry["file"]))[name]
    assert found is None if known is None else found == pytest.approx(known * 2**30, rel=0.005)


@pytest.mark.parametrize(
    "entry", [entry for entry in ENTRIES if entry["labels"] == ["healthy"]], ids=lambda entry: entry["file"]
)
def test_a_real_run_that_is_healthy_gets_no_finding_that_matters(entry: dict[str, Any]) -> None:
    assert serious_ids(diagnose(read_real(entry["file"]))) == []
