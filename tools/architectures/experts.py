"""Mixtures of experts: a router, stacked experts and, in some, experts that every token passes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tools.config_values import ConfigValues
from tools.modules import Module, linear


@dataclass(frozen=True, slots=True)
class Experts:
    """How a mixture of experts is named and sized.

    Attributes:
        block: module in which it stands, inside a layer.
        router: name of the router.
        size_key: key of the width of one expert.
        dense_size_key: key of the width of the MLP in layers without experts.
        shared: name of what every token passes, "" where there is none.
        has_shared_gate: a gate weighs the shared expert.
        has_bias: router and experts have biases.
        is_router_linear: the router is an ordinary linear map, which adapters may take.
        is_transposed: weights are stored as (experts, d_in, d_out).
    """

    block: str = "mlp"
    router: str = "gate"
    size_key: str = "moe_intermediate_size"
    dense_size_key: str = "intermediate_size"
    shared: str = ""
    has_shared_gate: bool = False
    has_bias: bool = False
    is_router_linear: bool = False
    is_transposed: bool = False


def split_layers(experts: Experts | None, values: ConfigValues) -> tuple[Sequence[int], Sequence[int]]:
    """The layers with a dense MLP, and those with experts.

    Source:
        Qwen2MoeDecoderLayer (decoder_sparse_step, mlp_only_layers), DeepseekV3DecoderLayer (first_k_dense_replace)
        and Llama4TextConfig (moe_layers, interleave_moe_layer_step) of transformers.
    """
    layers = range(values.num_layers)
    if experts is None or not values.size("num_experts"):
        return layers, []
    chosen = values.numbers("moe_layers")
    if chosen is None and "interleave_moe_layer_step" in values.values:
        step = max(values.size("interleave_moe_layer_step"), 1)
        chosen = layers[step - 1 :: step]
    if chosen is not None:
        return [layer for layer in layers if layer not in chosen], [layer for layer in layers if layer in chosen]
    step = max(values.size("decoder_sparse_step", 1), 1)
    only_dense = values.numbers("mlp_only_layers") or ()
    first = values.size("first_k_dense_replace")
    sparse = [layer for layer in layers if layer >= first and layer not in only_dense and (layer + 1) % step == 0]
    return sorted(set(layers) - set(sparse)), sparse


def shared_size(experts: Experts, values: ConfigValues) -> int:
    """Width of what every token passes, 0 where there is no such thing."""
    if not experts.shared:
        return 0
    if "shared_expert_intermediate_size" in values.values:
        return values.size("shared_expert_intermediate_size")
    return values.size(experts.size_key) * values.size("n_shared_experts", 1)


def list_expert_modules(
    experts: Experts, values: ConfigValues, layers: Sequence[int], *, shared_bias: bool
) -> list[Module]:
    """Router, stacked experts and shared experts of the given layers.

    Args:
        experts: names and sizes.
        values: the config.
        layers: numbers of the layers that have them.
        shared_bias: the shared experts' matrices have biases.
    """
    hidden, number = values.hidden, values.size("num_experts")
    prefix = f"model.layers.{{}}.{experts.block}."
    modules = [_router(prefix + experts.router, experts, number, hidden, layers)]
    modules.append(_stack(f"{prefix}experts", experts, values, layers))
    size = shared_size(experts, values)
    if experts.shared:
        names = (("gate_proj", size, hidden), ("up_proj", size, hidden), ("down_proj", hidden, size))
        modules += [
            linear(f"{prefix}{experts.shared}.{name}", d_out, d_in, bias=shared_bias, layers=layers)
            for name, d_out, d_in in names
        ]
    if experts.has_shared_gate:
        modules.append(linear(f"{prefix}{experts.shared}_gate", 1, hidden, layers=layers))
    return modules


def _router(name: str, experts: Experts, number: int, hidden: int, layers: Sequence[int]) -> Module:
    router = linear(name, number, hidden, bias=experts.has_bias, layers=layers)
    return router if experts.is_router_linear else replace(router, kind="other", d_out=0, d_in=0)


def _stack(name: str, experts: Experts, values: ConfigValues, layers: Sequence[int]) -> Module:
    """The experts as transformers 5 stores them: gate and up in one tensor, down in another."""
    number, hidden, width = values.size("num_experts"), values.hidden, values.size(experts.size_key)
    gate_up, down = (number, 2 * width, hidden), (number, hidden, width)
    if experts.is_transposed:
        gate_up, down = (number, hidden, 2 * width), (number, width, hidden)
    tensors: tuple[tuple[str, tuple[int, ...]], ...] = (("gate_up_proj", gate_up), ("down_proj", down))
    if experts.has_bias:
        tensors += (("gate_up_proj_bias", (number, 2 * width)), ("down_proj_bias", (number, hidden)))
    return Module(name, "experts", tensors, layers, num_experts=number)
