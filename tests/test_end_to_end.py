"""The main job on real parts: the shipped logs, the real index, the real embedded model, no network."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "examples"

# Log, question, finding that must come first, and moves that must be there in this direction.
CASES = [
    (
        "overfit.log",
        "my model got worse after epoch 3, why?",
        "overfitting",
        {"epochs": "lower", "early_stopping": "add", "dropout": "raise", "lora_rank": "lower"},
    ),
    ("rate_too_high.log", "why does my loss explode?", "learning_rate_too_high", {"learning_rate": "lower"}),
    ("rate_too_low.log", "why is my loss flat?", "learning_rate_too_low", {"learning_rate": "raise"}),
    (
        "out_of_memory.log",
        "it crashed, what can I do?",
        "out_of_memory_gpu",
        {
            "micro_batch": "set",
            "quantization": "enable",
            "sequence_length": "lower",
        },
    ),
]


def ask(cache: Path, log: str, question: str, *flags: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FTCHAT_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    with (EXAMPLES / log).open("rb") as stream:
        return subprocess.run(
            [sys.executable, "-m", "assistant.cli", question, *flags],
            stdin=stream,
            capture_output=True,
            text=True,
            env=environment,
            timeout=280,
            check=False,
        )


def load(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


@pytest.mark.parametrize(("log", "question", "finding", "moves"), CASES)
def test_an_example_gets_the_right_cause_and_moves(
    shared_cache: Path, log: str, question: str, finding: str, moves: dict[str, str]
) -> None:
    answer = load(ask(shared_cache, log, question, "--json"))
    planned = {move["knob"]: move["direction"] for move in answer["moves"]}
    assert answer["findings"][0]["id"] == finding
    assert moves.items() <= planned.items()
    assert answer["model"]
    raw = (EXAMPLES / log).read_bytes().decode().split("\n")
    for one in answer["findings"]:
        assert one["evidence"]
        assert all(line["text"] in raw[line["line"] - 1] for line in one["evidence"])


@pytest.mark.parametrize(("log", "question", "finding", "moves"), CASES)
def test_the_models_words_hold_and_change_nothing_else(
    shared_cache: Path, log: str, question: str, finding: str, moves: dict[str, str]
) -> None:
    talked, plain = (load(ask(shared_cache, log, question, "--json", *flags)) for flags in ((), ("--no-llm",)))
    assert talked["answer"].startswith(plain["answer"])
    assert talked["answer"] != plain["answer"]
    assert (talked["findings"], talked["moves"], talked["cards"]) == (plain["findings"], plain["moves"], plain["cards"])


def test_what_the_logs_own_settings_switch_on_is_not_advised_again(shared_cache: Path) -> None:
    answer = load(ask(shared_cache, "out_of_memory.log", "it crashed, what can I do?", "--json", "--no-llm"))
    assert "'gradient_checkpointing': true" in (EXAMPLES / "out_of_memory.log").read_text().lower().replace('"', "'")
    assert "gradient_checkpointing" not in [move["knob"] for move in answer["moves"]]


def test_a_healthy_run_gets_no_culprit(shared_cache: Path) -> None:
    answer = load(ask(shared_cache, "healthy.log", "is this run ok?", "--json", "--no-llm"))
    assert [one for one in answer["findings"] if one["severity"] != "note"] == []
    assert "No fault" in answer["answer"]


@pytest.mark.parametrize("name", ["overfit", "healthy", "rate_too_high", "rate_too_low"])
def test_the_console_and_the_state_file_of_a_run_agree(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "assistant.cli", "check", "--json", f"{name}.log", f"{name}.trainer_state.json"],
        cwd=EXAMPLES,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    console, state = (json.loads(line) for line in done.stdout.splitlines())
    assert [one["id"] for one in console["findings"]] == [one["id"] for one in state["findings"]]
    for fact in ("num_points", "num_eval_points", "min_eval_step", "last_step"):
        assert console["facts"][fact] == state["facts"][fact], fact
    for fact in ("first_loss", "last_loss", "min_eval_loss", "last_eval_loss"):
        assert console["facts"][fact] == pytest.approx(state["facts"][fact], rel=5e-3)


def test_a_damaged_model_file_is_one_line_and_the_answer_stands(shared_cache: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + b"\0" * 100)
    done = ask(shared_cache, "overfit.log", "why?", "--llm", str(broken))
    assert done.returncode == 0
    assert "[overfitting]" in done.stdout
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1
    assert "broken.gguf" in lines[0]


def test_stdout_is_the_answer_and_nothing_else(shared_cache: Path) -> None:
    done = ask(shared_cache, "overfit.log", "my model got worse after epoch 3, why?")
    assert done.stdout.startswith("WHAT IS WRONG\n")
    assert "IN ANSWER TO YOUR QUESTION" in done.stdout
    assert "\x1b" not in done.stdout
    assert len(done.stdout.splitlines()) <= 45


def test_a_question_alone_is_answered_from_its_card(shared_cache: Path) -> None:
    environment = {**os.environ, "FTCHAT_CACHE": str(shared_cache), "PYTHONPATH": str(ROOT)}
    command = [
        sys.executable,
        "-m",
        "assistant.cli",
        "ask",
        "the model writes garbled nonsense after training",
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280, check=False)
    answer = load(done)
    assert answer["cards"][0] == "gibberish_output"
    assert (answer["moves"][0]["knob"], answer["moves"][0]["direction"]) == ("learning_rate", "lower")


def ask_again(cache: Path, *arguments: str) -> dict[str, Any]:
    environment = {**os.environ, "FTCHAT_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "assistant.cli", "ask", *arguments, "--json"]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, timeout=280, check=False
    )
    return load(done)


def test_a_conversation_goes_on_in_another_process_and_reads_no_log_again(shared_cache: Path, tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_bytes((EXAMPLES / "out_of_memory.log").read_bytes())
    first = ask_again(shared_cache, "why does it crash?", "--log", str(log), "--gpu", "RTX 3090", "--no-llm")
    log.unlink()
    why = ask_again(shared_cache, "why?", "-c", "--no-llm")
    smaller = ask_again(shared_cache, "and with batch size 1?", "-c", "--no-llm")
    assert [one["id"] for one in why["findings"]] == [one["id"] for one in first["findings"]] == ["out_of_memory_gpu"]
    assert why["answer"].startswith("WHY [out_of_memory_gpu]")
    assert why["tools"] == []
    sizes = [one["result"]["smi_bytes"] for one in smaller["tools"] if one["name"] == "compare_settings"]
    assert sizes[0][0] > sizes[0][1]


def test_a_turn_is_dumped_with_what_the_model_read_and_said(shared_cache: Path, tmp_path: Path) -> None:
    place = tmp_path / "turns.jsonl"
    log = str(EXAMPLES / "overfit.log")
    answer = ask_again(shared_cache, "my model got worse, why?", "--log", log, "--dump-turn", str(place), "--no-save")
    (line,) = place.read_text().splitlines()
    turn = json.loads(line)
    assert [one["text"] for one in turn["sentences"] if one["fault"] is None]
    assert turn["messages"][-1]["role"] == "human"
    assert "validation loss" in turn["messages"][-1]["text"]
    assert turn["mode"] == answer["mode"] == "compose"
    assert turn["versions"]["weights"]
    assert turn["excerpts"][0]["file"] == log
    quoted = {one["line"]: one["text"] for one in turn["excerpts"][0]["lines"]}
    for finding in answer["findings"]:
        assert all(one["text"].strip("\x1b[A ")[:100] in quoted[one["line"]] for one in finding["evidence"])


def test_data_is_looked_through_beside_the_log(shared_cache: Path, tmp_path: Path) -> None:
    rows = [
        json.dumps({"prompt": f"What is {n} plus {n}?", "completion": "" if n < 30 else f"It is {2 * n}."})
        for n in range(200)
    ]
    (tmp_path / "sft.jsonl").write_text("\n".join(rows) + "\n")
    log = str(EXAMPLES / "overfit.log")
    answer = ask_again(
        shared_cache, "why?", "--log", log, "--data", str(tmp_path / "sft.jsonl"), "--no-llm", "--no-save"
    )
    found = [one["id"] for one in answer["findings"]]
    assert found[0] == "overfitting"
    assert "data_quality" in found
    assert "THE DATA" in answer["answer"]
    assert "Rows 1, 2, 3, 4, 5, 6 and more." in answer["answer"]
    cards = [move["card"] for move in answer["moves"]]
    assert cards[0] == "overfitting"
    assert "data_quality" in cards[:5]
