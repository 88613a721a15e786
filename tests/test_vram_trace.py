"""One step of the real code on sizes alone; needs torch, transformers and PEFT, no GPU."""

from collections.abc import Iterator
from typing import Any

import pytest
from vram_cases import estimate, make_model, settings_of

from tools.errors import BadInput
from tools.vram_model import Model
from tools.vram_trace import TracedStep, trace_step

pytest.importorskip("transformers", reason="transformers is an extra")

SMALL = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 512,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 2,
    "intermediate_size": 1536,
    "vocab_size": 8000,
    "tie_word_embeddings": False,
    "max_position_embeddings": 2048,
}


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    yield make_model(SMALL)


def _trace(model: Model, depths: tuple[int, ...] | None = None, **flags: Any) -> TracedStep:
    start: dict[str, Any] = {"framework": "fms", "micro_batch": 2, "seq_len": 256, "dropout": 0.0, "attention": "sdpa"}
    return trace_step(model, settings_of(model, **(start | flags)), lambda *_: None, depths=depths)


def test_full_fine_tuning_peaks_at_ten_bytes_a_parameter(model: Model) -> None:
    values = 2 * 8000 * 512 + 8 * (2 * 512 * (512 + 128) + 3 * 512 * 1536 + 2 * 512) + 512
    traced = _trace(model, method="full")
    assert traced.peak_at == "optimizer"
    assert traced.allocated_bytes == pytest.approx(10 * values, rel=0.001)
    assert sum(traced.parts.values()) == traced.allocated_bytes


@pytest.mark.parametrize(
    "flags",
    [
        {"method": "full", "checkpointing": "none", "micro_batch": 16},
        {"method": "full", "checkpointing": "full", "optimizer": "sgd"},
        {"method": "lora", "checkpointing": "full", "targets": "all-linear", "rank": 8},
    ],
)
def test_two_depths_agree_with_the_full_depth(model: Model, flags: dict[str, Any]) -> None:
    extended, whole = _trace(model, **flags), _trace(model, depths=(8,), **flags)
    assert extended.depths == (2, 4)
    assert extended.allocated_bytes == pytest.approx(whole.allocated_bytes, rel=0.01)
    assert extended.peak_at == whole.peak_at


@pytest.mark.parametrize(
    "flags",
    [
        {"method": "full", "checkpointing": "none", "micro_batch": 8},
        {"method": "full", "checkpointing": "full", "micro_batch": 8},
        {"method": "lora", "checkpointing": "none", "micro_batch": 8, "targets": "q_proj,v_proj"},
        {"method": "lora", "checkpointing": "full", "micro_batch": 8, "targets": "all-linear"},
        {"method": "lora", "checkpointing": "none", "micro_batch": 8, "targets": "all-linear", "compute": "autocast"},
    ],
)
def test_the_analytic_estimate_agrees_with_the_trace(model: Model, flags: dict[str, Any]) -> None:
    """The traced code is that of the installed transformers, so its bytes for a logit are taken."""
    flags = {"framework": "trl", "compute": "pure", "seq_len": 512, "fused_loss": "no", "attention": "sdpa"} | flags
    traced = trace_step(model, settings_of(model, **flags), lambda *_: None)
    assert estimate(model, **flags).allocated_bytes.value == pytest.approx(traced.allocated_bytes, rel=0.05)


def test_quantised_weights_are_counted(model: Model) -> None:
    traced, plain = _trace(model, method="qlora"), _trace(model, method="lora")
    assert traced.parts["weights"] < 0.7 * plain.parts["weights"]
    assert any("nf4" in note for note in traced.notes)


def test_the_command_gives_the_traced_sizes(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    from assistant import vram_command
    from assistant.vram_json import estimate_to_json
    from assistant.vram_view import render_report

    monkeypatch.setattr(vram_command, "load_model", lambda _: model)
    report = vram_command.make_report({"model": "m", "method": "full", "seq_len": 64, "trace": True, "gpu": "T4"})
    found = estimate_to_json(report)
    assert found["allocated_bytes"]["value"] == found["trace"]["allocated_bytes"]
    assert sum(found["parts"].values()) == found["smi_bytes"]["value"]
    assert "Traced: the real code" in render_report(report)


def test_progress_is_told(model: Model) -> None:
    told: list[tuple[float, str]] = []
    trace_step(model, settings_of(model, method="full", seq_len=16), lambda share, text: told.append((share, text)))
    assert [share for share, _ in told] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("flags", [{"num_gpus": 2, "sharding": "fsdp"}, {"checkpointing": "offloaded"}])
def test_what_cannot_be_traced_is_refused(model: Model, flags: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="trace runs"):
        _trace(model, **flags)
