"""What the words of a question give, what a turn computes from it, and what follow-ups change."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.conversation import Conversation, Exchange, Scene, remember
from assistant.measures import measure_plan
from assistant.planner import Given, Plan, plan, read_question
from tools.run import Line, Setting

CASES = [json.loads(line) for line in Path(__file__).with_name("planner_questions.jsonl").read_text().splitlines()]
NAMED = ("model", "gpu", "unknown_model", "unknown_gpu", "follow_up")
LLAMA = "meta-llama/Llama-3.1-8B"


def read(question: str) -> dict[str, Any]:
    asked = read_question(question)
    found: dict[str, Any] = {name: setting.value for name, setting in asked.settings.items()}
    found |= {name: value for name in NAMED if (value := getattr(asked, name))}
    return {name: True if name.startswith("unknown") else value for name, value in found.items()}


def expected(case: dict[str, Any]) -> dict[str, Any]:
    return dict(case["settings"]) | {name: case[name] for name in NAMED if name in case}


def count_hits(pairs: Iterator[tuple[dict[str, Any], dict[str, Any]]]) -> tuple[float, float]:
    """Precision and recall of what was read against what the words tell."""
    right = read_values = told = 0
    for found, wanted in pairs:
        right += sum(found.get(name) == value for name, value in wanted.items())
        read_values, told = read_values + len(found), told + len(wanted)
    return right / read_values, right / told


def test_our_own_questions_are_read_with_hardly_a_miss() -> None:
    assert len(CASES) >= 120
    precision, recall = count_hits((read(case["question"]), expected(case)) for case in CASES)
    assert precision >= 0.98
    assert recall >= 0.98


@pytest.mark.parametrize(
    "question",
    [
        "it fails at step 4090 with loss 24 in version 4.36",
        "rank 0 waits for rank 3",
        "GPT-4 as a judge says so",
        "see /runs/RTX/4090/llama-7b/log.txt",
        "a batch of 2048 tokens",
    ],
)
def test_what_only_looks_like_a_setting_is_none(question: str) -> None:
    assert read(question) == {}


def test_a_value_keeps_its_words_and_their_place() -> None:
    asked = read_question("why is it flat with a rank of 64?")
    start, end = asked.spans["lora_r"]
    assert asked.question[start:end] == "rank of 64"
    assert asked.settings["lora_r"].line == Line(0, "rank of 64", "you")


@pytest.mark.parametrize("piece", ["llama ", "rank ", "4090 ", "1e-4,", "a" * 50, "batch 4 x ", "= : ", "24 GB ", "-_"])
def test_a_megabyte_on_one_line_is_read_at_once(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.perf_counter()
    read_question(text)
    assert time.perf_counter() - started < 5


def setting(name: str, value: float | str | bool, source: str = "you") -> Setting:
    return Setting(name, value, Line(0 if source == "you" else 3, "", source))


def talk(**settings: float | str | bool) -> Conversation:
    told = {name: setting(name, value) for name, value in settings.items()}
    return remember(Conversation(), Scene(LLAMA, "RTX 4090", told), (), ("overfitting",), Exchange("why?", "so"))


def follow(question: str, conversation: Conversation, given: Given | None = None) -> Plan:
    return plan(given or Given(), read_question(question), conversation)


def test_words_go_before_the_conversation_and_that_before_the_config() -> None:
    config = {name: setting(name, 8.0, "sft.yaml") for name in ("lora_r", "max_length", "num_gpus")}
    planned = follow("and with rank 64?", talk(max_length=512.0), Given(settings=config))
    assert {name: planned.settings[name].value for name in config} == {"lora_r": 64, "max_length": 512, "num_gpus": 8}


def test_a_flag_goes_before_the_words_of_a_new_question() -> None:
    planned = follow("does gpt2 fit on a T4?", Conversation(), Given(model=LLAMA, gpu="RTX 3090"))
    assert (planned.model, planned.gpu) == (LLAMA, "RTX 3090")


@pytest.mark.parametrize(
    ("question", "changed"),
    [
        ("and with rank 64?", ("rank 16 -> 64",)),
        ("what if I use a T4?", ("gpu RTX 4090 -> T4",)),
        ("same but batch 1", ("micro-batch 4 -> 1",)),
        ("now with QLoRA", ("method lora -> qlora",)),
        ("and on two of them?", ("GPUs 1 -> 2",)),
        ("what about seq 8192", ("sequence length 2048 -> 8192",)),
        ("and for gpt2?", (f"model {LLAMA} -> openai-community/gpt2",)),
    ],
)
def test_a_change_is_told_and_the_tools_run_again(question: str, changed: tuple[str, ...]) -> None:
    before = talk(lora_r=16.0, per_device_train_batch_size=4.0, max_length=2048.0)
    planned = follow(question, before)
    assert planned.changed == changed
    assert planned.calls == ("count_parameters", "estimate_vram", "compare_settings")


def test_a_bare_number_changes_what_was_changed_last_and_undo_takes_it_back() -> None:
    first = follow("and with rank 64?", talk(lora_r=16.0))
    then = remember(talk(lora_r=16.0), first.scene, (), (), Exchange("and with rank 64?", ""))
    assert follow("and 128?", then).changed == ("rank 64 -> 128",)
    assert follow("go back", then).changed == ("rank 64 -> 16",)


def test_the_difference_is_computed_from_both_sides() -> None:
    planned = follow("and with rank 64?", talk(lora_r=16.0))
    compared = [call() for call in measure_plan(planned)][-1]
    # PEFT's targets for Llama are q_proj and v_proj: 32 layers x r x ((4096 + 4096) + (4096 + 1024)).
    assert compared.result["trainable"] == [32 * rank * (4096 + 4096 + 4096 + 1024) for rank in (16, 64)]
    assert compared.texts[0][0].startswith("rank 16 -> 64: trained parameters 6,815,744 -> 27,262,976, GPU memory ")
    smaller, larger = compared.result["smi_bytes"]
    assert smaller < larger


def test_a_change_that_costs_no_memory_calls_no_tool() -> None:
    planned = follow("and with 10 epochs?", talk(num_train_epochs=3.0))
    assert (planned.changed, planned.calls) == (("epochs 3 -> 10",), ())


@pytest.mark.parametrize(
    ("question", "calls"),
    [
        ("will llama 3.1 8b fit on a 4090?", ("count_parameters", "estimate_vram")),
        ("how many parameters does gpt2 have?", ("count_parameters", "estimate_vram")),
        ("does it fit on a 4090?", ()),
        ("why is my loss flat?", ()),
    ],
)
def test_the_tools_are_called_where_their_input_is_known(question: str, calls: tuple[str, ...]) -> None:
    assert follow(question, Conversation()).calls == calls


def test_a_model_that_is_only_mentioned_gets_few_words() -> None:
    planned = follow("why does my llama 3.1 8b overfit?", Conversation())
    texts = [text for call in measure_plan(planned) for text, _ in call().texts]
    assert planned.is_brief
    assert len(texts) == 2


def test_which_gpu_names_the_smallest_that_holds_it() -> None:
    planned = follow("which gpu do I need for gpt2 with batch 1 and 512 context?", Conversation())
    texts = [text for call in measure_plan(planned) for text, _ in call().texts]
    assert "the smallest that holds it is T4" in texts[-1]


def test_with_a_new_log_earlier_settings_are_left_and_the_gpu_is_kept() -> None:
    planned = follow("and this one?", talk(lora_r=16.0), Given(has_logs=True))
    assert planned.follow_up == ""
    assert planned.gpu == "RTX 4090"
    assert "lora_r" not in planned.settings


def test_a_path_in_a_config_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    config = {"model_name_or_path": setting("model_name_or_path", str(tmp_path), "sft.yaml")}
    assert follow("how much memory?", Conversation(), Given(settings=config)).model == ""
