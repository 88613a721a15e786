"""Count the parameters of a model and of what is trained of it, exactly."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tools.adaptation import Adaptation
from tools.adapters import Addition, list_additions
from tools.architectures import has_closed_form, list_modules
from tools.architectures.vision import has_vision_form, list_vision_modules
from tools.config_sizes import shape_from_config
from tools.config_values import read_config_values, text_part
from tools.errors import BadInput
from tools.model_shape import ModelShape
from tools.modules import Module

How = Literal["closed_form", "meta_device"]
FULL = Adaptation()
_KEPT = 64
_CACHE: dict[int, tuple[Mapping[str, Any], tuple[Sequence[Module], How]]] = {}


@dataclass(frozen=True, slots=True)
class ParameterCount:
    """Numbers of parameters; values, not bytes, and a shared matrix once.

    Attributes:
        total: all parameters, those of the adapter included, as PEFT prints "all params".
        base_total: those of the model without adapter.
        trainable: those that are trained.
        embedding: token, position and type embeddings; a tied output head is the token embedding.
        active: parameters that one token passes; in a mixture of experts less than total.
        packed_total: what a count of stored values gives once the linear layers are held in 4 bits, two in a byte.
        how: by closed form, or from the model built on the meta device.
        parts: base_total by kind: embedding, attention, mlp, experts, norm, head, other.
        additions: what is trained, by place; empty for full training.
    """

    total: int
    base_total: int
    trainable: int
    embedding: int
    active: int
    packed_total: int
    how: How
    parts: Mapping[str, int]
    additions: tuple[Addition, ...] = ()


def count_parameters(shape: ModelShape, adaptation: Adaptation = FULL) -> ParameterCount:
    """Count a model's parameters: total, trainable, embedding and active, exactly as transformers and PEFT do.

    Args:
        shape: the model, from ``load_model_shape``.
        adaptation: what is trained; everything unless said otherwise.

    Raises:
        BadInput: the architecture is unknown, or the targets match nothing that can be adapted.

    Source:
        Hu et al. 2021, arXiv:2106.09685 (LoRA); Liu et al. 2024, arXiv:2402.09353 (DoRA); Liu et al. 2022,
        arXiv:2205.05638 (IA3); PEFT's get_nb_trainable_parameters.

    Example:
        >>> from tools.model_config import load_model_shape
        >>> lora = Adaptation("lora", rank=16, targets=("q_proj", "v_proj"))
        >>> count = count_parameters(load_model_shape("llama 3.1 8b"), lora)
        >>> count.base_total, count.trainable, count.how
        (8030261248, 6815744, 'closed_form')
    """
    modules, how = model_modules(shape)
    additions = [] if adaptation.method == "full" else list_additions(shape, modules, adaptation)
    base = sum(module.count * module.num_values for module in modules)
    added = sum(addition.total for addition in additions if addition.is_new)
    idle = _idle_values(shape, modules, additions)
    return ParameterCount(
        total=base + added,
        base_total=base,
        trainable=base if adaptation.method == "full" else sum(addition.total for addition in additions),
        embedding=sum(module.count * module.num_values for module in modules if module.kind == "embedding"),
        active=base + added - idle,
        packed_total=base + added - _packed_away(modules),
        how=how,
        parts=_parts(modules),
        additions=tuple(additions),
    )


def model_modules(shape: ModelShape) -> tuple[Sequence[Module], How]:
    """The modules of a model and how they were found; remembered for each config.

    Raises:
        BadInput: there is no closed form, and transformers cannot build it.
    """
    found = _CACHE.get(id(shape.config))
    if found is None or found[0] is not shape.config:
        if len(_CACHE) >= _KEPT:
            _CACHE.clear()
        found = _CACHE[id(shape.config)] = (shape.config, _find_modules(shape))
    return found[1]


def resize_vocabulary(shape: ModelShape, vocab_size: int) -> ModelShape:
    """The same model with another number of token embeddings, as ``resize_token_embeddings`` makes it.

    Raises:
        BadInput: the number is below 1.
    """
    if isinstance(vocab_size, bool) or not isinstance(vocab_size, int) or not 1 <= vocab_size <= 1 << 30:
        raise BadInput(f"vocab_size must be a whole number from 1 to {1 << 30}, got {vocab_size!r}")
    part = text_part(shape.config)
    names = [name for name in ("vocab_size", "padded_vocab_size") if name in part] or ["vocab_size"]
    resized = {**part, **dict.fromkeys(names, vocab_size)}
    key = next((key for key, value in shape.config.items() if value is part), None)
    config = resized if key is None else {**shape.config, key: resized}
    return shape_from_config(shape.name, shape.source, config)


def _find_modules(shape: ModelShape) -> tuple[Sequence[Module], How]:
    if has_vision_form(shape.config):
        return list_vision_modules(shape.config), "closed_form"
    values = read_config_values(shape.config)
    if text_part(shape.config) is shape.config and has_closed_form(values, shape.architecture):
        return list_modules(values), "closed_form"
    from tools.meta_device import list_meta_modules

    return list_meta_modules(shape.name, shape.config, num_experts=shape.num_experts), "meta_device"


def _idle_values(shape: ModelShape, modules: Sequence[Module], additions: Sequence[Addition]) -> int:
    """Parameters of the experts that one token does not pass."""
    if not shape.num_experts or not shape.experts_per_token:
        return 0
    routed = sum(module.count * module.num_values for module in modules if module.num_experts)
    routed += sum(item.total for item in additions if item.is_new and item.module and item.module.num_experts)
    idle = max(shape.num_experts - shape.experts_per_token, 0)
    return routed * idle // shape.num_experts


def _packed_away(modules: Sequence[Module]) -> int:
    """Values that are no longer counted when two 4-bit weights share a byte; the output head is not quantised.

    Source:
        bitsandbytes' Params4bit stores (n + 1) // 2 bytes; transformers leaves the output head out.
    """
    weights = [
        (module.count, math.prod(size))
        for module in modules
        if module.kind == "linear" and module.role != "output_head"
        for name, size in module.tensors
        if name == "weight" and name not in module.tied
    ]
    return sum(count * (number // 2) for count, number in weights)


def _parts(modules: Sequence[Module]) -> dict[str, int]:
    parts: dict[str, int] = {}
    for module in modules:
        part = _part_of(module)
        parts[part] = parts.get(part, 0) + module.count * module.num_values
    return {part: number for part, number in parts.items() if number}


def _part_of(module: Module) -> str:
    if module.kind == "embedding":
        return "embedding"
    if module.role == "output_head":
        return "head"
    if module.num_experts:
        return "experts"
    name = module.name.lower()
    if "norm" in name or "ln_" in name or name.endswith(("layer_norm", "layernorm")):
        return "norm"
    if "att" in name or "qkv" in name:
        return "attention"
    return "mlp" if module.kind == "linear" else "other"
