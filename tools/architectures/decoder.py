"""Decoders of the Llama family and its relatives: one table of how they differ, one builder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tools.architectures.experts import Experts, list_expert_modules, split_layers
from tools.config_values import ConfigValues
from tools.modules import Module, embedding, linear, norm, output_head

Switch = bool | str
"""On, off, or the key of the config that says so."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the layers of one decoder architecture are built.

    Attributes:
        qkv_bias: bias of the query, key and value projections.
        output_bias: bias of the attention's output projection.
        mlp_bias: bias of the dense MLP.
        head_bias: bias of the output head.
        output_name: name of the attention's output projection.
        is_qkv_fused: query, key and value are one matrix.
        qk_norm: what query and key norms span: one head, one head with its own weights for each, or all heads.
        qk_norm_switch: whether they are there.
        qk_norm_names: their names.
        fixed_head_dim: the width of a head is the hidden size over the heads whatever the config says.
        attention: ordinary, or compressed as DeepSeek's.
        mlp: gate, up and down; gate and up fused; or up and down only.
        mlp_names: names of the matrices, input side first.
        norms: names of the norms of a layer.
        parallel_switch: key that takes away the second norm.
        norm: kind of the norms.
        final_norm: name of the norm after the last layer.
        experts: mixture of experts in place of the dense MLP.
        has_sinks: one learned attention sink for each head.
    """

    qkv_bias: Switch = False
    output_bias: Switch = False
    mlp_bias: Switch = False
    head_bias: Switch = False
    output_name: str = "o_proj"
    is_qkv_fused: bool = False
    qk_norm: Literal["none", "head", "each_head", "list_of_heads", "all_heads"] = "none"
    qk_norm_switch: Switch = True
    qk_norm_names: tuple[str, str] = ("q_norm", "k_norm")
    fixed_head_dim: bool = False
    attention: Literal["ordinary", "compressed"] = "ordinary"
    mlp: Literal["gated", "fused", "plain"] = "gated"
    mlp_names: tuple[str, ...] = ("gate_proj", "up_proj", "down_proj")
    norms: tuple[str, ...] = ("input_layernorm", "post_attention_layernorm")
    parallel_switch: str = ""
    norm: Literal["rms", "layer", "layer_unscaled"] = "rms"
    final_norm: str = "norm"
    experts: Experts | None = None
    has_sinks: bool = False


_LLAMA = Layout(qkv_bias="attention_bias", output_bias="attention_bias", mlp_bias="mlp_bias")
_BIASED = Layout(qkv_bias="attention_bias", output_bias="attention_bias")
_SANDWICH = ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm")
_AFTER = ("post_attention_layernorm", "post_feedforward_layernorm")
_GLM = Layout(qkv_bias="attention_bias", mlp="fused", mlp_names=("gate_up_proj", "down_proj"))
_PHI_NORMS = ("q_layernorm", "k_layernorm")
_DEEPSEEK = Layout(attention="compressed", experts=Experts(shared="shared_experts"))

LAYOUTS: dict[str, Layout] = {
    "llama": _LLAMA,
    "mistral": Layout(),
    "mixtral": Layout(experts=Experts(size_key="intermediate_size")),
    "qwen2": Layout(qkv_bias=True),
    "qwen3": replace(_BIASED, qk_norm="head"),
    "qwen2_moe": Layout(qkv_bias="qkv_bias", experts=Experts(shared="shared_expert", has_shared_gate=True)),
    "qwen3_moe": replace(_BIASED, qk_norm="head", experts=Experts()),
    "gemma": _BIASED,
    "gemma2": replace(_BIASED, norms=_SANDWICH),
    "gemma3_text": replace(_BIASED, norms=_SANDWICH, qk_norm="head"),
    "phi": Layout(
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
        head_bias=True,
        output_name="dense",
        qk_norm="head",
        qk_norm_switch="qk_layernorm",
        qk_norm_names=_PHI_NORMS,
        mlp="plain",
        mlp_names=("fc1", "fc2"),
        norms=("input_layernorm",),
        norm="layer",
        final_norm="final_layernorm",
    ),
    "phi3": Layout(is_qkv_fused=True, mlp="fused", mlp_names=("gate_up_proj", "down_proj")),
    "phimoe": replace(
        _BIASED,
        norm="layer",
        head_bias="lm_head_bias",
        experts=Experts(router="router", size_key="intermediate_size", is_router_linear=True),
    ),
    "olmo": replace(_BIASED, norm="layer_unscaled"),
    "olmo2": replace(_BIASED, norms=_AFTER, qk_norm="all_heads"),
    "olmo3": replace(_BIASED, norms=_AFTER, qk_norm="all_heads"),
    "olmoe": replace(_BIASED, qk_norm="all_heads", experts=Experts(size_key="intermediate_size")),
    "smollm3": _LLAMA,
    "granite": _LLAMA,
    "granitemoe": replace(
        _BIASED, experts=Experts(block="block_sparse_moe", router="router", size_key="intermediate_size")
    ),
    "gpt_oss": replace(
        _BIASED,
        has_sinks=True,
        experts=Experts(router="router", size_key="intermediate_size", has_bias=True, is_transposed=True),
    ),
    "stablelm": Layout(
        qkv_bias="use_qkv_bias",
        qk_norm="list_of_heads",
        qk_norm_switch="qk_layernorm",
        qk_norm_names=_PHI_NORMS,
        fixed_head_dim=True,
        norm="layer",
        parallel_switch="use_parallel_residual",
    ),
    "starcoder2": Layout(
        qkv_bias="use_bias",
        output_bias="use_bias",
        mlp_bias="use_bias",
        mlp="plain",
        mlp_names=("c_fc", "c_proj"),
        norm="layer",
    ),
    "cohere": replace(_BIASED, qk_norm="each_head", qk_norm_switch="use_qk_norm", norms=("input_layernorm",)),
    "cohere2": replace(_BIASED, fixed_head_dim=True, norms=("input_layernorm",)),
    "glm": _GLM,
    "glm4": replace(
        _GLM, norms=("input_layernorm", "post_attention_layernorm", "post_self_attn_layernorm", "post_mlp_layernorm")
    ),
    "glm4_moe": Layout(
        qkv_bias="attention_bias",
        qk_norm="head",
        qk_norm_switch="use_qk_norm",
        experts=Experts(shared="shared_experts"),
    ),
    "deepseek_v2": replace(_DEEPSEEK, mlp_bias="mlp_bias"),
    "deepseek_v3": _DEEPSEEK,
    "llama4_text": replace(
        _BIASED,
        experts=Experts(
            block="feed_forward",
            router="router",
            size_key="intermediate_size",
            dense_size_key="intermediate_size_mlp",
            shared="shared_expert",
            is_router_linear=True,
            is_transposed=True,
        ),
    ),
    "seed_oss": Layout(qkv_bias="attention_bias", output_bias="attention_out_bias", mlp_bias="mlp_bias"),
    "exaone4": Layout(norms=_AFTER, qk_norm="head"),
    "arcee": replace(_LLAMA, mlp="plain", mlp_names=("up_proj", "down_proj")),
}


def list_decoder_modules(layout: Layout, values: ConfigValues) -> list[Module]:
    """All modules of a decoder, one entry for all layers that are alike."""
    layers = range(values.num_layers)
    dense, sparse = split_layers(layout.experts, values)
    modules = [embedding("model.embed_tokens", values.vocab, values.hidden, role="token_embedding")]
    if layout.attention == "compressed":
        modules += _compressed_attention(values, layers)
    else:
        modules += _attention(layout, values, layers)
    if dense:
        modules += _dense_mlp(layout, values, dense)
    if layout.experts and sparse:
        is_biased = _is_on(layout.mlp_bias, values)
        modules += list_expert_modules(layout.experts, values, sparse, shared_bias=is_biased)
    modules += _norms(layout, values, layers)
    bias = _is_on(layout.head_bias, values)
    head = output_head("lm_head", values.vocab, values.hidden, is_tied=values.ties_embeddings, bias=bias)
    return [*modules, head]


def _is_on(switch: Switch, values: ConfigValues) -> bool:
    return values.is_on(switch) if isinstance(switch, str) else switch


def _attention(layout: Layout, values: ConfigValues, layers: Sequence[int]) -> list[Module]:
    hidden = values.hidden
    head_dim = hidden // max(values.num_heads, 1) if layout.fixed_head_dim else values.head_dim
    query, key = values.num_heads * head_dim, values.num_kv_heads * head_dim
    bias, prefix = _is_on(layout.qkv_bias, values), "model.layers.{}.self_attn."
    if layout.is_qkv_fused:
        modules = [linear(f"{prefix}qkv_proj", query + 2 * key, hidden, bias=bias, layers=layers)]
    else:
        sizes = (("q_proj", query), ("k_proj", key), ("v_proj", key))
        modules = [linear(prefix + name, size, hidden, bias=bias, layers=layers) for name, size in sizes]
    output_width = hidden if layout.fixed_head_dim else query
    modules.append(
        linear(
            prefix + layout.output_name, hidden, output_width, bias=_is_on(layout.output_bias, values), layers=layers
        )
    )
    if layout.has_sinks:
        modules.append(Module(prefix[:-1], "other", (("sinks", (values.num_heads,)),), layers))
    return modules + _qk_norms(layout, values, layers, head_dim)


def _qk_norms(layout: Layout, values: ConfigValues, layers: Sequence[int], head_dim: int) -> list[Module]:
    if layout.qk_norm == "none" or not _is_on(layout.qk_norm_switch, values):
        return []
    modules, bias = [], layout.norm == "layer" and layout.qk_norm == "head"
    for name, heads in zip(layout.qk_norm_names, (values.num_heads, values.num_kv_heads), strict=True):
        full = f"model.layers.{{}}.self_attn.{name}"
        if layout.qk_norm == "list_of_heads":
            modules += [norm(f"{full}.norms.{head}", head_dim, layers=layers) for head in range(heads)]
            continue
        widths: dict[str, int | tuple[int, ...]] = {
            "head": head_dim,
            "each_head": (heads, head_dim),
            "all_heads": heads * head_dim,
        }
        modules.append(norm(full, widths[layout.qk_norm], bias=bias, layers=layers))
    return modules


def _compressed_attention(values: ConfigValues, layers: Sequence[int]) -> list[Module]:
    """DeepSeek's attention: keys and values, and mostly queries, pass through a narrow middle."""
    hidden, heads, prefix = values.hidden, values.num_heads, "model.layers.{}.self_attn."
    narrow, query_narrow = values.size("kv_lora_rank"), values.size("q_lora_rank")
    nope, rope, value = (values.size(key) for key in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"))
    bias = values.is_on("attention_bias")
    if query_narrow:
        modules = [
            linear(f"{prefix}q_a_proj", query_narrow, hidden, bias=bias, layers=layers),
            norm(f"{prefix}q_a_layernorm", query_narrow, layers=layers),
            linear(f"{prefix}q_b_proj", heads * (nope + rope), query_narrow, layers=layers),
        ]
    else:
        modules = [linear(f"{prefix}q_proj", heads * (nope + rope), hidden, layers=layers)]
    return [
        *modules,
        linear(f"{prefix}kv_a_proj_with_mqa", narrow + rope, hidden, bias=bias, layers=layers),
        norm(f"{prefix}kv_a_layernorm", narrow, layers=layers),
        linear(f"{prefix}kv_b_proj", heads * (nope + value), narrow, layers=layers),
        linear(f"{prefix}o_proj", hidden, heads * value, bias=bias, layers=layers),
    ]


def _dense_mlp(layout: Layout, values: ConfigValues, layers: Sequence[int]) -> list[Module]:
    block = layout.experts.block if layout.experts else "mlp"
    key = layout.experts.dense_size_key if layout.experts else "intermediate_size"
    width, prefix = values.size(key) or values.intermediate, f"model.layers.{{}}.{block}."
    bias = _is_on(layout.mlp_bias, values)
    *inputs, output = layout.mlp_names
    rows = 2 * width if layout.mlp == "fused" else width
    modules = [linear(prefix + name, rows, values.hidden, bias=bias, layers=layers) for name in inputs]
    return [*modules, linear(prefix + output, values.hidden, width, bias=bias, layers=layers)]


def _norms(layout: Layout, values: ConfigValues, layers: Sequence[int]) -> list[Module]:
    if layout.norm == "layer_unscaled":
        return []
    names = layout.norms[:1] if layout.parallel_switch and values.is_on(layout.parallel_switch) else layout.norms
    bias = layout.norm == "layer"
    modules = [norm(f"model.layers.{{}}.{name}", values.hidden, bias=bias, layers=layers) for name in names]
    return [*modules, norm(f"model.{layout.final_norm}", values.hidden, bias=bias)]
