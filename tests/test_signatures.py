"""The tables of crashes: every signature knows its own texts and leaves those of the others alone."""

import json
import time
from pathlib import Path

import pytest

from tools.diagnosis.signatures import SIGNATURES, explain_error

SAMPLE_FILE = Path(__file__).with_name("crash_samples.jsonl")
SAMPLES = [json.loads(line) for line in SAMPLE_FILE.read_text("utf-8").splitlines()]
"""Texts written for these tests; the name is "" for errors that no signature is to know."""
KNOWN = [(sample["name"], sample["message"], sample.get("stack", "")) for sample in SAMPLES if sample["name"]]
UNKNOWN = [sample["message"] for sample in SAMPLES if not sample["name"]]
IDS = [f"{name} {index}" for index, (name, _, _) in enumerate(KNOWN)]
PITFALLS = {
    "adapter_not_applied",
    "chat_template",
    "checkpoint_resume",
    "dataset_format",
    "dependency_version",
    "device_side_assert",
    "disk_full",
    "distributed_hang",
    "dtype_precision",
    "export_conversion",
    "gated_access",
    "hardware_limits",
    "label_masking",
    "lora_misconfiguration",
    "loss_nan",
    "no_evaluation",
    "no_grad_path",
    "out_of_memory_cpu",
    "out_of_memory_gpu",
    "quantization_setup",
    "rl_collapse",
    "tokenizer_vocab_mismatch",
    "truncated_sequences",
}


@pytest.mark.parametrize(("name", "message", "stack"), KNOWN, ids=IDS)
def test_a_text_is_explained_by_its_own_signature(name: str, message: str, stack: str) -> None:
    found = explain_error(message, stack)
    assert found is not None
    assert found.signature.name == name


@pytest.mark.parametrize(("name", "message", "stack"), KNOWN, ids=IDS)
def test_a_cause_is_a_sentence_with_all_its_places_filled(name: str, message: str, stack: str) -> None:
    found = explain_error(message, stack)
    assert found is not None
    assert found.cause.endswith(".")
    assert "{" not in found.cause.replace("{'", "")


def test_a_place_that_the_text_does_not_fill_is_left_out() -> None:
    found = explain_error("RuntimeError: mat1 and mat2 must have the same dtype")
    assert found is not None
    assert found.cause == "A matrix product got two number types."


def test_every_signature_has_a_sample() -> None:
    assert {signature.name for signature in SIGNATURES} == {name for name, _, _ in KNOWN}


def test_signatures_with_an_id_are_many_and_their_ids_are_pitfalls() -> None:
    ids = [signature.id for signature in SIGNATURES if signature.id]
    assert len(ids) >= 60
    assert set(ids) == PITFALLS


@pytest.mark.parametrize("message", UNKNOWN)
def test_an_error_that_is_not_known_is_not_explained(message: str) -> None:
    assert explain_error(message) is None


@pytest.mark.parametrize(
    ("message", "values"),
    [
        ("RuntimeError: expected scalar type Half but found Float", {"expected": "Half", "found": "Float"}),
        ("IndexError: Target 32001 is out of bounds.", {"index": 32001}),
        ("ModuleNotFoundError: No module named 'liger_kernel'", {"module": "liger_kernel"}),
        ("KeyError: 'messages'", {"column": "messages"}),
        (
            "size mismatch for m.embed_tokens.weight: copying a param with shape torch.Size([9, 4]) from checkpoint, "
            "the shape in current model is torch.Size([8, 4]).",
            {"weight": "m.embed_tokens.weight", "checkpoint_rows": 9, "model_rows": 8},
        ),
        (
            "triton.runtime.errors.OutOfResources: out of resource: shared memory, Required: 99, Hardware limit: 64.",
            {"needed": 99, "limit": 64},
        ),
    ],
)
def test_what_a_text_tells_is_read(message: str, values: dict[str, object]) -> None:
    found = explain_error(message)
    assert found is not None
    assert dict(found.values) == values


@pytest.mark.parametrize(
    "piece", ["a ", "KeyError: ", "CUDA error (", "x.y.", "'", "requires 1.", "size mismatch for "]
)
def test_a_long_message_of_any_content_is_searched_quickly(piece: str) -> None:
    message = (piece * 2000)[:2000]
    started = time.perf_counter()
    explain_error(message)
    assert time.perf_counter() - started < 2.0
