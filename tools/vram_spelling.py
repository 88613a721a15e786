"""Training settings from flags, in the many spellings that trainers, tables and people use."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from tools.errors import BadInput
from tools.model_shape import ModelShape
from tools.vram_frameworks import Framework, find_framework
from tools.vram_optimizers import find_optimizer
from tools.vram_settings import (
    Adapter,
    Attention,
    Checkpointing,
    Compute,
    FusedLayers,
    Loss,
    Objective,
    Precision,
    Quantization,
    Sharding,
    TrainingSettings,
)
from tools.vram_words import (
    ADAPTERS,
    ATTENTIONS,
    CHECKPOINTING,
    COMPUTE,
    LOSSES,
    METHODS,
    SHARDINGS,
    WEIGHTS,
    Words,
)

_LARGEST = 1 << 24

_YES = ("yes", "true", "on", "1", "full")
_NO = ("no", "false", "off", "0", "none", "")


def read_settings(flags: Mapping[str, Any], shape: ModelShape) -> TrainingSettings:
    """Read how a model is trained; what is not given takes the framework's default.

    Args:
        flags: by the long names of ``ftchat vram``, with underscores; values may be text.
        shape: the model, whose name or config may say that it is stored quantised.

    Raises:
        BadInput: a value is not one of those allowed.
    """
    framework = find_framework(_text(flags, "framework") or "trl")
    method = _text(flags, "method").lower() or "lora"
    settings = _read_method(flags, method, shape, framework)
    seq_len = _count(flags, "seq_len", 0)
    capacity = flags.get("capacity_bytes")
    return replace(
        settings,
        micro_batch=_count(flags, "micro_batch", 1),
        seq_len=seq_len or framework.seq_len,
        is_length_assumed=not seq_len,
        is_packed=_read_switch(flags, "packing", default=framework.is_packed),
        accumulation=_count(flags, "accumulation", 1),
        checkpointing=_read_checkpointing(flags, framework),
        attention=_read_attention(_text(flags, "attention"), framework),
        rank=_count(flags, "rank", 16),
        dropout=_fraction(flags, "dropout", framework.dropout),
        targets=_text(flags, "targets") or framework.targets,
        modules_to_save=_text(flags, "modules_to_save") or ("embed_tokens" if "embed" in method else ""),
        offloads_optimizer=_offloads(flags, "optimizer"),
        offloads_parameters=_offloads(flags, "param"),
        objective=_read_objective(flags, method),
        evaluation_batch=_count(flags, "evaluation_batch", 0, least=0),
        capacity_bytes=int(capacity) if isinstance(capacity, int) else 0,
    )


def _read_method(flags: Mapping[str, Any], method: str, shape: ModelShape, framework: Framework) -> TrainingSettings:
    """What is trained, in which types, by which optimiser and loss, on how many GPUs."""
    notes = f"{_text(flags, 'framework')} {_text(flags, 'notes')}".lower()
    adapter = _read_adapter(method)
    quantization = _read_quantization(flags, method, shape, adapter)
    sharding = _read_sharding(_text(flags, "sharding"), notes)
    num_gpus = _count(flags, "num_gpus", 1)
    loss = _read_loss(flags, notes, framework)
    upcasts = framework.upcasts_rest and quantization in ("nf4", "int8")
    return TrainingSettings(
        adapter=adapter,
        quantization=quantization,
        is_double_quantized=_read_switch(flags, "double_quant", default=True),
        keeps_experts="experts stay" in _text(flags, "weights").lower(),
        weights=_read_weights(_text(flags, "weights")),
        compute=_read_compute(flags, sharding, framework, adapter, quantization),
        upcasts_rest=upcasts or ("baseline-peft" in notes and num_gpus == 1),
        optimizer=find_optimizer(_text(flags, "optimizer") or framework.optimizer).name,
        steps_in_backward=_steps_in_backward(flags, framework, adapter),
        loss=loss,
        fused_layers=_read_fused_layers(flags, notes, framework, loss),
        num_gpus=num_gpus,
        sharding=sharding if num_gpus > 1 or sharding.startswith("zero") else "none",
        has_reference=_read_switch(flags, "reference_model", default=adapter == "none" and "dpo" in method),
        framework=framework.name,
    )


def _text(flags: Mapping[str, Any], key: str) -> str:
    value = flags.get(key)
    if isinstance(value, list | tuple):
        return ",".join(str(item) for item in value)
    return "" if value is None else str(value).strip()


def _count(flags: Mapping[str, Any], key: str, default: int, *, least: int = 1) -> int:
    """A whole number; a table's ``<=768`` counts as 768."""
    text = _text(flags, key).lstrip("<=≤~ ").replace(",", "").replace("_", "")
    if not text:
        return default
    if not re.fullmatch(r"[+-]?\d{1,12}(\.0{1,6})?", text) or not least <= int(float(text)) <= _LARGEST:
        name = key.replace("_", "-")
        raise BadInput(f"{name} must be a whole number from {least} to {_LARGEST}, got {_text(flags, key)!r:.60}")
    return int(float(text))


def _fraction(flags: Mapping[str, Any], key: str, default: float) -> float:
    text = _text(flags, key)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1:
        raise BadInput(f"{key} must be a number from 0 up to 1, got {text!r:.60}")
    return value


def _read_switch(flags: Mapping[str, Any], key: str, *, default: bool) -> bool:
    text = _text(flags, key).lower()
    if key not in flags or flags[key] is None or text == "":
        return default
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise BadInput(f"{key.replace('_', '-')} must be yes or no, got {text!r:.60}")


def _choose(text: str, words: Words, what: str, allowed: str) -> str:
    for word, choice in words:
        if word in text:
            return choice
    raise BadInput(f"{what} {text!r:.60} is not known; allowed are {allowed}")


def _read_adapter(method: str) -> Adapter:
    return cast(Adapter, _choose(method, ADAPTERS, "method", METHODS))


def _read_quantization(flags: Mapping[str, Any], method: str, shape: ModelShape, adapter: Adapter) -> Quantization:
    said = " ".join(_text(flags, key) for key in ("quantization", "quant")).lower()
    weights = _text(flags, "weights").lower()
    stored = f"{shape.quantization} {shape.name}".lower()
    if adapter == "none":
        return "none"
    if said.strip() not in _NO and not re.search("gptq|awq|8|4|nf|fp16|bf16|no", said):
        raise BadInput(f"quantization {said.strip()!r:.60} is not known; allowed are none, nf4, int8, gptq, awq")
    for text in (said, f"{method} {weights}"):
        if "gptq" in text:
            return "gptq"
        if "awq" in text:
            return "awq"
        if "8bit" in text.replace("-", "").replace(" ", "") or "int8" in text:
            return "int8"
        if "nf4" in text or (said and "4bit" in said.replace("-", "")):
            return "nf4"
    if "qlora" in method or "4bit" in weights.replace("-", "") or "int4" in weights:
        return "gptq" if "gptq" in stored or "int4" in stored else "awq" if "awq" in stored else "nf4"
    if not weights and not said and "lora" not in method:
        return "none"
    return "gptq" if shape.quantization == "gptq" else "awq" if shape.quantization == "awq" else "none"


def _read_weights(text: str) -> Precision:
    allowed = "bf16, fp16, fp32, 8bit, 4bit"
    return cast(
        Precision, _choose(text.lower().replace("bfloat", "bf"), WEIGHTS, "weights", allowed) if text else "bf16"
    )


def _read_compute(
    flags: Mapping[str, Any], sharding: Sharding, framework: Framework, adapter: Adapter, quantization: Quantization
) -> Compute:
    text = _text(flags, "compute").lower()
    read = _choose(text, COMPUTE, "compute", "bf16, fp16, fp32, pure, autocast, master") if text else ""
    if sharding.startswith("zero") and adapter == "none":
        return "master"
    if framework.name == "remote_2023" and text == "fp16":
        return "pure"
    if read:
        return cast(Compute, read)
    return "autocast" if quantization != "none" and framework.name == "fms" else framework.compute


def _read_sharding(text: str, notes: str) -> Sharding:
    text = text.lower() or ("deepspeed" if "deepspeed" in notes.partition("/")[0] else "none")
    return cast(Sharding, _choose(text, SHARDINGS, "sharding", "none, ddp, zero1, zero2, zero3, fsdp, fsdp2"))


def _read_checkpointing(flags: Mapping[str, Any], framework: Framework) -> Checkpointing:
    text = _text(flags, "checkpointing").lower()
    if not text:
        return framework.checkpointing
    for word, choice in CHECKPOINTING:
        if word in text:
            return cast(Checkpointing, choice)
    if text in _YES or text in _NO:
        return "full" if text in _YES else "none"
    raise BadInput(f"checkpointing {text!r:.60} is not known; allowed are none, selective, full, offloaded")


def _read_attention(text: str, framework: Framework) -> Attention:
    if not text:
        return framework.attention
    return cast(Attention, _choose(text.lower(), ATTENTIONS, "attention", "eager, sdpa, flash"))


def _read_loss(flags: Mapping[str, Any], notes: str, framework: Framework) -> Loss:
    text = _text(flags, "fused_loss").lower()
    if text and text in _NO:
        return "plain"
    if re.search(r"without (liger|cut|fused|cce)", notes) and not text:
        return "plain"
    for source in (text, notes):
        for pattern, loss in LOSSES:
            if re.search(pattern, source):
                return cast(Loss, loss)
    if text and text not in _YES:
        raise BadInput(f"fused-loss {text!r:.60} is not known; allowed are yes, no, liger, cce, fused_ce, chunked")
    return framework.fused_loss if text else framework.loss


def _read_fused_layers(flags: Mapping[str, Any], notes: str, framework: Framework, loss: Loss) -> FusedLayers:
    """Kernels that come with a fused loss: fms fuses the norms, Liger the norms and the MLP."""
    if framework.name == "fms" and loss != "plain":
        return "norm"
    if "liger" in f"{_text(flags, 'fused_loss').lower()} {notes}" or (
        loss == "fused_linear" and not framework.fused_layers
    ):
        return "all" if framework.loss != "fused_linear" else "none"
    return framework.fused_layers or "none"


def _steps_in_backward(flags: Mapping[str, Any], framework: Framework, adapter: Adapter) -> bool:
    """Said so, or torchtune's recipe for a single device, which pairs it with a paged optimiser."""
    text = _text(flags, "optimizer").lower()
    if re.search(r"in[_ -](bwd|backward)|lomo", text):
        return True
    is_alone = adapter == "none" and _count(flags, "num_gpus", 1) == 1
    return framework.name == "torchtune" and is_alone and "paged" in text


def _offloads(flags: Mapping[str, Any], what: str) -> bool:
    text = (
        f"{_text(flags, 'offload')} {_text(flags, 'sharding') if 'offload' in _text(flags, 'sharding') else ''}".lower()
    )
    return what in text or "cpu" in text or "all" in text or text.strip() in _YES


def _read_objective(flags: Mapping[str, Any], method: str) -> Objective:
    text = f"{_text(flags, 'objective').lower()} {method}"
    return cast(Objective, next((name for name in ("grpo", "orpo", "dpo") if name in text), "sft"))
