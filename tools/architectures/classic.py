"""Decoders that are built in their own ways: GPT-2 and its heirs, OPT, BLOOM, Falcon, MPT."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tools.config_values import ConfigValues
from tools.modules import Module, embedding, linear, norm, output_head

OPT_POSITION_OFFSET = 2
"""Rows that OPT's position table has beyond the longest sequence (OPTLearnedPositionalEmbedding)."""


def _head(values: ConfigValues, *, width: int | None = None, bias: bool = False) -> Module:
    return output_head("lm_head", values.vocab, width or values.hidden, is_tied=values.ties_embeddings, bias=bias)


def _linears(prefix: str, sizes: Sequence[tuple[str, int, int]], layers: Sequence[int], *, bias: bool) -> list[Module]:
    return [linear(prefix + name, d_out, d_in, bias=bias, layers=layers) for name, d_out, d_in in sizes]


def _transposed(module: Module) -> Module:
    """The same map stored as (d_in, d_out), which is what GPT-2's Conv1D does."""
    (name, shape), *rest = module.tensors
    return replace(module, tensors=((name, shape[::-1]), *rest))


def _gpt2(values: ConfigValues) -> list[Module]:
    hidden, width, layers = values.hidden, values.intermediate, range(values.num_layers)
    sizes = [("attn.c_attn", 3 * hidden, hidden), ("attn.c_proj", hidden, hidden)]
    sizes += [("mlp.c_fc", width, hidden), ("mlp.c_proj", hidden, width)]
    matrices = [_transposed(module) for module in _linears("transformer.h.{}.", sizes, layers, bias=True)]
    return _gpt2_frame(values, matrices)


def _gpt_bigcode(values: ConfigValues) -> list[Module]:
    hidden, width, layers = values.hidden, values.intermediate, range(values.num_layers)
    kv_heads = 1 if values.is_on("multi_query") else values.num_heads
    fused = hidden + 2 * kv_heads * (hidden // max(values.num_heads, 1))
    sizes = [("attn.c_attn", fused, hidden), ("attn.c_proj", hidden, hidden)]
    sizes += [("mlp.c_fc", width, hidden), ("mlp.c_proj", hidden, width)]
    return _gpt2_frame(values, _linears("transformer.h.{}.", sizes, layers, bias=True))


def _gpt_neo(values: ConfigValues) -> list[Module]:
    hidden, width, layers = values.hidden, values.intermediate, range(values.num_layers)
    attention = "transformer.h.{}.attn.attention."
    sizes = [(name, hidden, hidden) for name in ("k_proj", "v_proj", "q_proj")]
    matrices = _linears(attention, sizes, layers, bias=False)
    matrices += _linears(attention, [("out_proj", hidden, hidden)], layers, bias=True)
    mlp = (("c_fc", width, hidden), ("c_proj", hidden, width))
    return _gpt2_frame(values, matrices + _linears("transformer.h.{}.mlp.", mlp, layers, bias=True))


def _gpt2_frame(values: ConfigValues, matrices: list[Module]) -> list[Module]:
    """What GPT-2 and its heirs have around their matrices: two tables, two norms a layer, a last norm, a head."""
    hidden, layers = values.hidden, range(values.num_layers)
    return [
        embedding("transformer.wte", values.vocab, hidden, role="token_embedding"),
        embedding("transformer.wpe", values.size("max_position_embeddings"), hidden),
        *matrices,
        *(norm(f"transformer.h.{{}}.{name}", hidden, bias=True, layers=layers) for name in ("ln_1", "ln_2")),
        norm("transformer.ln_f", hidden, bias=True),
        _head(values),
    ]


def _gptj(values: ConfigValues) -> list[Module]:
    hidden = values.hidden
    return _gptj_frame(values, [(name, hidden, hidden) for name in ("k_proj", "v_proj", "q_proj", "out_proj")])


def _codegen(values: ConfigValues) -> list[Module]:
    hidden = values.hidden
    return _gptj_frame(values, [("qkv_proj", 3 * hidden, hidden), ("out_proj", hidden, hidden)])


def _gptj_frame(values: ConfigValues, attention: list[tuple[str, int, int]]) -> list[Module]:
    hidden, width, layers = values.hidden, values.intermediate, range(values.num_layers)
    mlp = (("fc_in", width, hidden), ("fc_out", hidden, width))
    return [
        embedding("transformer.wte", values.vocab, hidden, role="token_embedding"),
        *_linears("transformer.h.{}.attn.", attention, layers, bias=False),
        *_linears("transformer.h.{}.mlp.", mlp, layers, bias=True),
        norm("transformer.h.{}.ln_1", hidden, bias=True, layers=layers),
        norm("transformer.ln_f", hidden, bias=True),
        _head(values, bias=True),
    ]


def _gpt_neox(values: ConfigValues) -> list[Module]:
    hidden, width, layers = values.hidden, values.intermediate, range(values.num_layers)
    attention = (("query_key_value", 3 * hidden, hidden), ("dense", hidden, hidden))
    mlp = (("dense_h_to_4h", width, hidden), ("dense_4h_to_h", hidden, width))
    names = ("input_layernorm", "post_attention_layernorm")
    return [
        embedding("gpt_neox.embed_in", values.vocab, hidden, role="token_embedding"),
        *_linears("gpt_neox.layers.{}.attention.", attention, layers, bias=values.is_on("attention_bias")),
        *_linears("gpt_neox.layers.{}.mlp.", mlp, layers, bias=True),
        *(norm(f"gpt_neox.layers.{{}}.{name}", hidden, bias=True, layers=layers) for name in names),
        norm("gpt_neox.final_layer_norm", hidden, bias=True),
        _head(values),
    ]


def _opt(values: ConfigValues) -> list[Module]:
    hidden, layers, root = values.hidden, range(values.num_layers), "model.decoder."
    narrow, width = values.size("word_embed_proj_dim") or hidden, values.intermediate
    sizes = [(f"self_attn.{name}", hidden, hidden) for name in ("k_proj", "v_proj", "q_proj", "out_proj")]
    sizes += [("fc1", width, hidden), ("fc2", hidden, width)]
    modules = [
        embedding(f"{root}embed_tokens", values.vocab, narrow, role="token_embedding"),
        embedding(f"{root}embed_positions", values.size("max_position_embeddings") + OPT_POSITION_OFFSET, hidden),
        *_linears(f"{root}layers.{{}}.", sizes, layers, bias=values.is_on("enable_bias")),
    ]
    if narrow != hidden:
        modules += [linear(f"{root}project_out", narrow, hidden), linear(f"{root}project_in", hidden, narrow)]
    if values.is_on("layer_norm_elementwise_affine"):
        names = ("self_attn_layer_norm", "final_layer_norm")
        modules += [norm(f"{root}layers.{{}}.{name}", hidden, bias=True, layers=layers) for name in names]
        if values.is_on("do_layer_norm_before") and not values.is_on("_remove_final_layer_norm"):
            modules.append(norm(f"{root}final_layer_norm", hidden, bias=True))
    return [*modules, _head(values, width=narrow)]


def _bloom(values: ConfigValues) -> list[Module]:
    hidden, layers = values.hidden, range(values.num_layers)
    attention = (("query_key_value", 3 * hidden, hidden), ("dense", hidden, hidden))
    mlp = (("dense_h_to_4h", 4 * hidden, hidden), ("dense_4h_to_h", hidden, 4 * hidden))
    names = ("input_layernorm", "post_attention_layernorm")
    return [
        embedding("transformer.word_embeddings", values.vocab, hidden, role="token_embedding"),
        norm("transformer.word_embeddings_layernorm", hidden, bias=True),
        *_linears("transformer.h.{}.self_attention.", attention, layers, bias=True),
        *_linears("transformer.h.{}.mlp.", mlp, layers, bias=True),
        *(norm(f"transformer.h.{{}}.{name}", hidden, bias=True, layers=layers) for name in names),
        norm("transformer.ln_f", hidden, bias=True),
        _head(values),
    ]


def _falcon(values: ConfigValues) -> list[Module]:
    hidden, layers, bias = values.hidden, range(values.num_layers), values.is_on("bias")
    head_dim = hidden // max(values.num_heads, 1)
    if values.is_on("new_decoder_architecture"):
        fused = (2 * values.num_kv_heads + values.num_heads) * head_dim
    else:
        fused = hidden + 2 * head_dim if values.is_on("multi_query") else 3 * hidden
    attention = (("query_key_value", fused, hidden), ("dense", hidden, hidden))
    width = values.intermediate
    mlp = (("dense_h_to_4h", width, hidden), ("dense_4h_to_h", hidden, width))
    names = _falcon_norms(values)
    return [
        embedding("transformer.word_embeddings", values.vocab, hidden, role="token_embedding"),
        *_linears("transformer.h.{}.self_attention.", attention, layers, bias=bias),
        *_linears("transformer.h.{}.mlp.", mlp, layers, bias=bias),
        *(norm(f"transformer.h.{{}}.{name}", hidden, bias=True, layers=layers) for name in names),
        norm("transformer.ln_f", hidden, bias=True),
        _head(values),
    ]


def _falcon_norms(values: ConfigValues) -> Sequence[str]:
    if not values.is_on("parallel_attn"):
        return ("post_attention_layernorm", "input_layernorm")
    number = values.values.get("num_ln_in_parallel_attn")
    if number is None and values.is_on("new_decoder_architecture"):
        number = 2
    return ("ln_attn", "ln_mlp") if number == 2 else ("input_layernorm",)


def _mpt(values: ConfigValues) -> list[Module]:
    hidden, layers = values.hidden, range(values.num_layers)
    sizes = [("attn.Wqkv", 3 * hidden, hidden), ("attn.out_proj", hidden, hidden)]
    sizes += [("ffn.up_proj", 4 * hidden, hidden), ("ffn.down_proj", hidden, 4 * hidden)]
    return [
        embedding("transformer.wte", values.vocab, hidden, role="token_embedding"),
        *_linears("transformer.blocks.{}.", sizes, layers, bias=False),
        *(norm(f"transformer.blocks.{{}}.{name}", hidden, layers=layers) for name in ("norm_1", "norm_2")),
        norm("transformer.norm_f", hidden),
        _head(values),
    ]


CLASSIC: dict[str, Callable[[ConfigValues], list[Module]]] = {
    "gpt2": _gpt2,
    "gpt_bigcode": _gpt_bigcode,
    "gpt_neo": _gpt_neo,
    "gptj": _gptj,
    "codegen": _codegen,
    "gpt_neox": _gpt_neox,
    "opt": _opt,
    "bloom": _bloom,
    "falcon": _falcon,
    "mpt": _mpt,
}
