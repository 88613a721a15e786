"""What a question's words tell, what a turn makes of it, and how one question follows another."""

import json
from pathlib import Path

import pytest

from assistant.conversation import Conversation, Exchange, conversation_from_json, conversation_to_json, remember
from assistant.planner import Given, Plan, plan, read_question

SHARED = Path(__file__).parents[2] / "shared" / "questions" / "dev.jsonl"
NUMBERS = {
    "lr": "learning_rate",
    "batch": "per_device_train_batch_size",
    "grad_accum": "gradient_accumulation_steps",
    "lora_r": "lora_r",
    "lora_alpha": "lora_alpha",
    "seq_len": "max_length",
    "epochs": "num_train_epochs",
    "n_examples": "num_examples",
}


def values(question: str) -> dict[str, float | str | bool]:
    return {name: setting.value for name, setting in read_question(question).settings.items()}


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("and with rank 64?", {"lora_r": 64}),
        ("r=16, alpha=32", {"lora_r": 16, "lora_alpha": 32}),
        ("what about 8k context?", {"max_length": 8192}),
        ("max_seq_length 4096", {"max_length": 4096}),
        ("batch 4 and grad accum 8", {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 8}),
        ("per_device_train_batch_size=1", {"per_device_train_batch_size": 1}),
        ("learning rate 0.0002", {"learning_rate": 2e-4}),
        ("lr 2e-4 for 3 epochs", {"learning_rate": 2e-4, "num_train_epochs": 3}),
        ("now with QLoRA", {"load_in_4bit": True, "adapter": "qlora"}),
        ("110k rows", {"num_examples": 110_000}),
        ("zero-3 on 8 gpus", {"zero_stage": 3, "num_gpus": 8}),
        ("packing on", {"packing": True}),
        ("optimiser adamw_8bit", {"optim": "adamw_8bit"}),
    ],
)
def test_settings_are_read_from_words(question: str, told: dict[str, object]) -> None:
    assert values(question) == told


@pytest.mark.parametrize(
    "question",
    [
        "my loss is 24 at step 4090",
        "transformers version 4.36 breaks",
        "rank 0 hangs in NCCL",
        "GPT-4 as a judge gives 3 of 5",
        "epoch 3 of 10 is where it turned",
        "we have RTX in /data/RTX/run7",
        "batch 2048 tokens",
        "why is validation getting worse?",
    ],
)
def test_what_only_looks_like_a_setting_is_left(question: str) -> None:
    asked = read_question(question)
    assert (values(question), asked.model, asked.gpu) == ({}, "", "")


@pytest.mark.parametrize(
    ("question", "model", "gpu"),
    [
        ("Will QLoRA of llama 3.1 8b fit on a 4090?", "meta-llama/Llama-3.1-8B", "RTX 4090"),
        ("LoRA on Qwen2.5-7B with 2x A100 80GB", "Qwen/Qwen2.5-7B", "A100 80GB"),
        ("full fine-tuning mistral 7b", "mistralai/Mistral-7B-v0.1", ""),
        ("what if I use a T4?", "", "T4"),
        ("is a 24 GB card enough?", "", "24GiB"),
    ],
)
def test_models_and_gpus_are_read_from_words(question: str, model: str, gpu: str) -> None:
    asked = read_question(question)
    assert (asked.model, asked.gpu) == (model, gpu)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("why?", "why"),
        ("why is that?", "why"),
        ("explain that", "why"),
        ("how do I fix it?", "how"),
        ("are you sure?", "sure"),
        ("which checkpoint should I keep?", "checkpoint"),
        ("what if I use a 4090?", "change"),
        ("and with rank 64?", "change"),
        ("Why does my validation loss rise after epoch 2?", ""),
    ],
)
def test_follow_ups_are_told_from_questions_of_their_own(question: str, kind: str) -> None:
    assert read_question(question).follow_up == kind


def follow(*questions: str) -> Plan:
    conversation, planned = Conversation(), Plan()
    for question in questions:
        planned = plan(Given(), read_question(question), conversation)
        conversation = remember(conversation, planned.scene, (), (), Exchange(question, "answered"))
        conversation = conversation_from_json(conversation_to_json(conversation))
    return planned


def test_a_model_in_words_is_counted_and_estimated_without_asking_a_model() -> None:
    planned = follow("Will QLoRA of llama 3.1 8b fit on a 4090?")
    assert set(planned.calls) >= {"count_parameters", "estimate_vram"}
    assert (planned.flags["method"], planned.flags["gpu"]) == ("qlora", "RTX 4090")


def test_a_follow_up_changes_one_thing_and_keeps_the_rest() -> None:
    planned = follow(
        "Does LoRA with rank 16 of llama 3.1 8b fit on a T4?", "what if I use a 4090?", "and with rank 64?"
    )
    assert (planned.flags["rank"], planned.flags["gpu"]) == (64, "RTX 4090")
    assert planned.flags_before is not None
    assert planned.flags_before["rank"] == 16
    assert any("16" in text and "64" in text for text in planned.changed)


def test_nothing_is_computed_where_no_model_is_known() -> None:
    assert follow("why is my loss flat?").calls == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"judged": 3}', '{"version": 999, "judged": []}', "null"])
def test_a_conversation_of_another_shape_is_an_empty_one(text: str) -> None:
    read = conversation_from_json(text)
    assert (read.judged, read.exchanges) == ((), ())


@pytest.mark.skipif(not SHARED.is_file(), reason="the questions are not part of the project")
def test_facts_of_real_questions_are_read() -> None:
    right = wrong = missed = 0
    for row in map(json.loads, SHARED.read_text(encoding="utf-8").splitlines()):
        read = values(row["question"])
        for fact, name in NUMBERS.items():
            told = row["facts"].get(fact)
            if isinstance(told, int | float):
                right += read.get(name) == told
                missed += name not in read
                wrong += name in read and read[name] != told
    assert right + wrong + missed >= 20
    assert right / (right + wrong) >= 0.9
    assert right / (right + wrong + missed) >= 0.8
