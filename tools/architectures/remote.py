"""Architectures whose code lies beside their weights and is never run here: Qwen 1, InternLM 2, Baichuan, ChatGLM."""

from collections.abc import Callable

from tools.config_values import ConfigValues
from tools.modules import Module, embedding, linear, norm, output_head


def _head(name: str, values: ConfigValues) -> Module:
    return output_head(name, values.vocab, values.hidden, is_tied=values.ties_embeddings)


def _qwen(values: ConfigValues) -> list[Module]:
    """Qwen 1; its intermediate_size is twice the width of the MLP (QWenMLP divides by 2)."""
    hidden, layers, root = values.hidden, range(values.num_layers), "transformer.h.{}."
    width, bias = values.intermediate // 2, not values.is_on("no_bias")
    inner = values.head_dim * values.num_heads
    return [
        embedding("transformer.wte", values.vocab, hidden, role="token_embedding"),
        norm(f"{root}ln_1", hidden, layers=layers),
        linear(f"{root}attn.c_attn", 3 * inner, hidden, bias=True, layers=layers),
        linear(f"{root}attn.c_proj", hidden, inner, bias=bias, layers=layers),
        norm(f"{root}ln_2", hidden, layers=layers),
        linear(f"{root}mlp.w1", width, hidden, bias=bias, layers=layers),
        linear(f"{root}mlp.w2", width, hidden, bias=bias, layers=layers),
        linear(f"{root}mlp.c_proj", hidden, width, bias=bias, layers=layers),
        norm("transformer.ln_f", hidden),
        _head("lm_head", values),
    ]


def _internlm2(values: ConfigValues) -> list[Module]:
    hidden, width, layers, root = values.hidden, values.intermediate, range(values.num_layers), "model.layers.{}."
    fused, bias = (values.num_heads + 2 * values.num_kv_heads) * values.head_dim, values.is_on("bias")
    return [
        embedding("model.tok_embeddings", values.vocab, hidden, role="token_embedding"),
        linear(f"{root}attention.wqkv", fused, hidden, bias=bias, layers=layers),
        linear(f"{root}attention.wo", hidden, values.num_heads * values.head_dim, bias=bias, layers=layers),
        linear(f"{root}feed_forward.w1", width, hidden, layers=layers),
        linear(f"{root}feed_forward.w3", width, hidden, layers=layers),
        linear(f"{root}feed_forward.w2", hidden, width, layers=layers),
        norm(f"{root}attention_norm", hidden, layers=layers),
        norm(f"{root}ffn_norm", hidden, layers=layers),
        norm("model.norm", hidden),
        _head("output", values),
    ]


def _baichuan(values: ConfigValues) -> list[Module]:
    hidden, width, layers, root = values.hidden, values.intermediate, range(values.num_layers), "model.layers.{}."
    return [
        embedding("model.embed_tokens", values.vocab, hidden, role="token_embedding"),
        linear(f"{root}self_attn.W_pack", 3 * hidden, hidden, layers=layers),
        linear(f"{root}self_attn.o_proj", hidden, hidden, layers=layers),
        linear(f"{root}mlp.gate_proj", width, hidden, layers=layers),
        linear(f"{root}mlp.down_proj", hidden, width, layers=layers),
        linear(f"{root}mlp.up_proj", width, hidden, layers=layers),
        norm(f"{root}input_layernorm", hidden, layers=layers),
        norm(f"{root}post_attention_layernorm", hidden, layers=layers),
        norm("model.norm", hidden),
        _head("lm_head", values),
    ]


def _chatglm(values: ConfigValues) -> list[Module]:
    """ChatGLM 2 to 4; groups of key and value heads count only where multi_query_attention is on."""
    hidden, width, layers = values.hidden, values.intermediate, range(values.num_layers)
    root, inner = "transformer.encoder.layers.{}.", values.head_dim * values.num_heads
    groups = values.size("multi_query_group_num", 1) if values.is_on("multi_query_attention") else values.num_heads
    bias = values.is_on("add_bias_linear")
    fused_bias = bias or values.is_on("add_qkv_bias")
    return [
        embedding("transformer.embedding.word_embeddings", values.vocab, hidden, role="token_embedding"),
        norm(f"{root}input_layernorm", hidden, layers=layers),
        linear(
            f"{root}self_attention.query_key_value",
            inner + 2 * groups * values.head_dim,
            hidden,
            bias=fused_bias,
            layers=layers,
        ),
        linear(f"{root}self_attention.dense", hidden, inner, bias=bias, layers=layers),
        norm(f"{root}post_attention_layernorm", hidden, layers=layers),
        linear(f"{root}mlp.dense_h_to_4h", 2 * width, hidden, bias=bias, layers=layers),
        linear(f"{root}mlp.dense_4h_to_h", hidden, width, bias=bias, layers=layers),
        norm("transformer.encoder.final_layernorm", hidden),
        _head("transformer.output_layer", values),
    ]


REMOTE: dict[str, Callable[[ConfigValues], list[Module]]] = {
    "qwen": _qwen,
    "internlm2": _internlm2,
    "baichuan": _baichuan,
    "chatglm": _chatglm,
}
"""InternLM 2, Baichuan and ChatGLM after their modeling_*.py on the hub; Qwen 1 after modeling_qwen.py."""
