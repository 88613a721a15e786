"""The model that a question names is counted and estimated, with the settings that the log or the config tells."""

import json
from pathlib import Path
from typing import Any

import pytest

from assistant.cli import main
from assistant.measures import plan_flags
from tools.run import Line, Setting

CONFIG = """\
base_model: meta-llama/Llama-3.1-8B
adapter: qlora
load_in_4bit: true
lora_r: 8
lora_target_modules: [q_proj, v_proj]
micro_batch_size: 2
sequence_len: 512
learning_rate: 2e-4
gradient_checkpointing: true
"""
# 32 layers x 8 x (4096 + 4096) for q_proj and 32 x 8 x (4096 + 1024) for v_proj.
TRAINED = 32 * 8 * (4096 + 4096) + 32 * 8 * (4096 + 1024)


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    main(["ask", "will it fit?", "--no-llm", "--json", *arguments])
    loaded: dict[str, Any] = json.loads(capsys.readouterr().out)
    return loaded


@pytest.fixture
def answer(tmp_path: Path, capsys: pytest.CaptureFixture[str], shared_cache: Path) -> dict[str, Any]:
    config = tmp_path / "axolotl.yaml"
    config.write_text(CONFIG)
    model = ("--model", "llama 3.1 8b", "--gpu", "4090", "--config", str(config))
    return ask(capsys, *model, "--cache", str(shared_cache))


def test_both_tools_are_called_with_the_settings_of_the_config(answer: dict[str, Any]) -> None:
    tools = {str(tool["name"]): tool for tool in answer["tools"]}
    assert tools["count_parameters"]["result"]["trainable"] == TRAINED
    estimated = tools["estimate_vram"]["arguments"]
    assert (estimated["method"], estimated["micro_batch"], estimated["seq_len"]) == ("qlora", 2, 512)
    assert tools["estimate_vram"]["result"]["verdict"] == "fits"


def test_what_they_say_is_shown_and_can_be_cited(answer: dict[str, Any]) -> None:
    assert f"LoRA of rank 8 trains {TRAINED:,} of them." in str(answer["answer"])
    sources = {str(item["source"]) for item in answer["evidence"]}
    assert {"count_parameters", "estimate_vram"} <= sources


def test_an_unknown_model_is_told_and_the_rest_of_the_answer_stands(
    capsys: pytest.CaptureFixture[str], shared_cache: Path
) -> None:
    answer = ask(capsys, "--model", "no-such-model", "--log", "examples/overfit.log", "--cache", str(shared_cache))
    assert "the model was not measured: no-such-model: no such model" in str(answer["answer"])
    assert answer["findings"]


@pytest.mark.parametrize(
    ("settings", "method"),
    [
        ({"load_in_4bit": True, "lora_r": 8.0}, "qlora"),
        ({"load_in_8bit": True}, "8bit"),
        ({"lora_r": 8.0, "learning_rate": 1e-4}, "lora"),
        ({"adapter": "dora"}, "dora"),
        ({"learning_rate": 1e-5}, "full"),
        ({}, "lora"),
    ],
)
def test_the_settings_tell_the_method(settings: dict[str, float | str | bool], method: str) -> None:
    told = {name: Setting(name, value, Line(1, "")) for name, value in settings.items()}
    assert plan_flags("gpt2", "", told)["method"] == method
