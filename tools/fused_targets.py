"""Query, key and value as targets of a model that holds the three in one matrix."""

from collections.abc import Sequence

from tools.model_shape import ModelShape
from tools.modules import Module

_FUSED = ("query_key_value", "qkv_proj", "c_attn", "Wqkv", "wqkv", "W_pack")
_SLICES = {"q_proj": "query", "k_proj": "key", "v_proj": "value"}


def list_slices(shape: ModelShape, modules: Sequence[Module], targets: Sequence[str]) -> list[tuple[Module, int, str]]:
    """The parts of a fused matrix that the targets name: (the matrix, width of the part, which part).

    PEFT has no such targets; LitGPT adapts the parts apart, each with its own A and B.

    Source:
        LoRAQKVLinear, litgpt/lora.py.

    Returns:
        Nothing where a target is no part of such a matrix, or the model has none.
    """
    if not targets or any(target not in _SLICES for target in targets):
        return []
    widths = {"query": shape.num_heads * shape.head_dim}
    widths["key"] = widths["value"] = shape.num_kv_heads * shape.head_dim
    fused = [module for module in modules if module.name.rsplit(".", 1)[-1] in _FUSED and module.kind == "linear"]
    return [
        (module, widths[part], part)
        for module in fused
        if module.d_out == sum(widths.values())
        for part in (_SLICES[target] for target in targets)
    ]
