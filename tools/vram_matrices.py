"""From a model's modules to what memory depends on: counts by kind, and the matrices that adapters sit on."""

import math
import re
from collections.abc import Iterable, Sequence

from tools.errors import BadInput
from tools.modules import Module
from tools.vram_layers import Adapted, Matrices

_ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
_MLP = ("gate_proj", "up_proj", "down_proj")
_SHORT = dict(zip("qkvo", _ATTENTION, strict=True)) | {"gate": "gate_proj", "up": "up_proj", "down": "down_proj"}
_SHORT |= {"w1": "gate_proj", "w2": "up_proj", "output_proj": "o_proj", "all_linear": "all-linear"}

_GROUPS = {"query": ("q_proj",), "key": ("k_proj",), "value": ("v_proj",), "projection": ("o_proj",), "mlp": _MLP}
"""LitGPT's switches (lora_query, lora_projection, lora_mlp ...), by the words behind ``lora_``."""

_FUSED_QKV = ("c_attn", "qkv_proj", "query_key_value", "W_pack", "Wqkv", "wqkv", "qkv", "q_attn")
_OUTPUT = ("attn.c_proj", "self_attention.dense", "attention.dense", "out_proj", "o_proj", "wo", "dense")
_EQUIVALENT = {
    "q_proj": (*_FUSED_QKV, "q_a_proj", "q_b_proj", "q", "query", "SelfAttention.q"),
    "k_proj": (*_FUSED_QKV, "kv_a_proj_with_mqa", "k", "key", "SelfAttention.k"),
    "v_proj": (*_FUSED_QKV, "kv_b_proj", "v", "value", "SelfAttention.v"),
    "o_proj": _OUTPUT,
    "gate_proj": ("gate_up_proj", "w1", "wi_0", "dense_h_to_4h", "c_fc", "fc1", "mlp.up_proj"),
    "up_proj": ("gate_up_proj", "w2", "w3", "wi_1", "dense_h_to_4h", "c_fc", "fc1"),
    "down_proj": ("mlp.c_proj", "dense_4h_to_h", "fc2", "wo", "w2"),
}
_DEFAULT = ("q_proj", "v_proj")
_REGEX = re.compile(r"[\\()|*^$\[\]]")


def count_matrices(modules: Iterable[Module], num_layers: int) -> Matrices:
    """Count a model's values by kind.

    Args:
        modules: what the model consists of.
        num_layers: layers of the decoder, and of the encoder where there is one.
    """
    counts = {"linear": 0, "experts": 0, "embedding": 0, "rest": 0}
    largest = head = tied_head = 0
    for module in modules:
        values = module.num_values * module.count
        if module.role == "token_embedding":
            tied_head = tied_head or module.num_values
        if module.role == "output_head":
            head = module.num_values
        counts[_kind(module)] += values
        if module.kind == "linear" and module.role != "output_head":
            largest = max(largest, math.prod(module.tensors[0][1]))
    return Matrices(**counts, largest_linear=largest, head=head or tied_head, num_layers=max(1, num_layers))


def _kind(module: Module) -> str:
    if module.kind == "experts" or (module.kind == "linear" and module.num_experts):
        return "experts" if module.kind == "experts" else "linear"
    if module.role or module.kind == "embedding":
        return "embedding"
    return "linear" if module.kind == "linear" else "rest"


def find_adapted(modules: Sequence[Module], targets: str, *, intermediate: int = 0) -> tuple[Adapted, ...]:
    """Find the matrices that the targets name.

    Args:
        modules: what the model consists of.
        targets: names as PEFT takes them joined with ``,`` or ``+``, a regular expression, ``all-linear``, short forms
            such as ``q+k+v+o``, or "" for query and value.
        intermediate: inner width of the dense MLP.

    Raises:
        BadInput: none of the model's matrices has such a name.
    """
    matrices = [
        Adapted(one.d_out, one.d_in, one.count, _is_mlp(one.name), one.d_in == intermediate and _is_mlp(one.name))
        for one in _find_modules(modules, targets)
    ]
    return (*matrices, *(_find_experts(modules) if re.search(r"(?<!shared )experts?\b", targets) else ()))


def _find_experts(modules: Iterable[Module]) -> list[Adapted]:
    """Stacked experts: every 3-d weight is as many matrices as there are experts."""
    return [
        Adapted(shape[1], shape[2], one.count, is_mlp=True, is_down=False, num_experts=shape[0])
        for one in modules
        if one.kind == "experts"
        for _, shape in one.tensors
        if len(shape) == 3
    ]


def find_adapted_names(modules: Sequence[Module], targets: str) -> list[str]:
    """The last parts of the adapted modules' names, as PEFT takes them."""
    return sorted({one.name.rsplit(".", 1)[-1] for one in _find_modules(modules, targets)})


def _find_modules(modules: Sequence[Module], targets: str) -> list[Module]:
    linear = [one for one in modules if one.kind == "linear" and one.role != "output_head" and one.count]
    wanted = read_targets(targets)
    found = [one for one in linear if _matches(one.name, wanted)]
    found = found or [one for one in linear if _matches(one.name, _equivalents(wanted))]
    if not found:
        names = sorted({one.name.rsplit(".", 1)[-1] for one in linear})
        raise BadInput(f"targets {targets!r:.60} name no matrix of the model; it has {', '.join(names)}, or all-linear")
    return found


def read_targets(text: str) -> tuple[str, ...]:
    """Read targets as people and tables write them.

    Example:
        >>> read_targets("q+k+v+o"), read_targets("DEFAULT=W_pack"), read_targets("all linear (lora_target_linear)")
        (('q_proj', 'k_proj', 'v_proj', 'o_proj'), ('W_pack',), ('all-linear',))
    """
    text = text.strip().removeprefix("DEFAULT=")
    if not text:
        return _DEFAULT
    if re.match(r"(?i)all[- _]?linear|all$|unsloth layer switches", text):
        return ("all-linear",)
    if _REGEX.search(text):
        return (text,)
    parts = (part.strip("\"'").removeprefix("lora_") for part in re.split(r"[+,;\s]+", text))
    is_qwen = "c_attn" in text
    names = ((part,) if is_qwen else _GROUPS.get(part) or (_SHORT.get(part, part),) for part in parts)
    return tuple(name for group in names for name in group)


def _matches(name: str, wanted: Iterable[str]) -> bool:
    for target in wanted:
        if target == "all-linear":
            return True
        if name == target or name.endswith("." + target):
            return True
        if target in ("attention", "linear_attn", "attn", "self_attn") and ("attn" in name or "attention" in name):
            return True
        if _REGEX.search(target) and _fits(target, name):
            return True
    return False


def _fits(pattern: str, name: str) -> bool:
    try:
        return re.fullmatch(pattern, name.replace("{}", "0")) is not None
    except re.error as error:
        raise BadInput(f"targets {pattern!r:.60} is no regular expression: {error}") from None


def _equivalents(wanted: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for target in wanted for name in _EQUIVALENT.get(target, ()))


def _is_mlp(name: str) -> bool:
    return any(word in name for word in ("mlp", "feed_forward", "fc1", "fc2", "dense_h", "dense_4h", "DenseReluDense"))
