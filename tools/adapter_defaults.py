"""PEFT's default targets by model type (peft/utils/constants.py, 0.21); a test compares the installed ones."""

from collections.abc import Mapping

_QV = ("q_proj", "v_proj")
LORA_DEFAULTS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("llama", "llama4", "mistral", "mixtral", "stablelm", "qwen2", "qwen3", "opt", "gptj"), _QV),
    **dict.fromkeys(("gemma", "gemma2", "gemma3_text", "gpt_neo", "bart"), _QV),
    **dict.fromkeys(("bloom", "gpt_neox", "falcon", "chatglm"), ("query_key_value",)),
    **dict.fromkeys(("gpt2", "gpt_bigcode"), ("c_attn",)),
    **dict.fromkeys(("t5", "mt5"), ("q", "v")),
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "electra"), ("query", "value")),
    "phi": ("q_proj", "v_proj", "fc1", "fc2"),
    "nemotron_h": ("q_proj", "k_proj", "v_proj", "o_proj"),
    "mpt": ("Wqkv",),
    "codegen": ("qkv_proj",),
}
"""Modules that LoRA takes where none are named."""

IA3_DEFAULTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(("llama", "mistral"), (("k_proj", "v_proj", "down_proj"), ("down_proj",))),
    **dict.fromkeys(
        ("llama4", "gemma", "gemma2", "gemma3_text", "qwen2", "qwen3"),
        (("q_proj", "v_proj", "down_proj"), ("down_proj",)),
    ),
    "mixtral": (("k_proj", "v_proj", "w2"), ("w2",)),
    "t5": (("k", "v", "wo"), ("wo",)),
    "mt5": (("k", "v", "wi_1"), ()),
    **dict.fromkeys(("gpt2", "gpt_bigcode"), (("c_attn", "mlp.c_proj"), ("mlp.c_proj",))),
    "bloom": (("query_key_value", "mlp.dense_4h_to_h"), ("mlp.dense_4h_to_h",)),
    **dict.fromkeys(("gpt_neox", "falcon"), (("query_key_value", "dense_4h_to_h"), ("dense_4h_to_h",))),
    "opt": (("q_proj", "k_proj", "fc2"), ("fc2",)),
    "gptj": (("q_proj", "v_proj", "fc_out"), ("fc_out",)),
    "gpt_neo": (("q_proj", "v_proj", "c_proj"), ("c_proj",)),
    "phi": (("q_proj", "v_proj", "fc2"), ("fc2",)),
    "bert": (("key", "value", "output.dense"), ("output.dense",)),
    "roberta": (("key", "value", "output.dense"), ("output.dense",)),
}
"""Modules that IA3 takes where none are named, and those of them whose input it scales."""

SECOND_MATRICES = ("down_proj", "fc2", "wo", "w2", "dense_4h_to_h", "mlp.c_proj", "fc_out", "output.dense")
"""Second matrices of MLPs by their usual names, for models that PEFT has no defaults for."""
