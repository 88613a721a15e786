"""From a config to the sizes that counts and memory estimates need."""

from collections.abc import Mapping
from typing import Any

from tools.architectures import CLOSED_FORMS
from tools.architectures.classic import CLASSIC, OPT_POSITION_OFFSET
from tools.architectures.decoder import LAYOUTS, Layout
from tools.architectures.experts import Experts, shared_size
from tools.config_values import ConfigValues, read_config_values, text_part
from tools.errors import BadInput
from tools.model_shape import ModelShape, NormKind

_LEARNED_POSITIONS = ("gpt2", "gpt_neo", "gpt_bigcode", "opt", "bert", "roberta", "xlm-roberta", "distilbert", "xglm")
_LAYER_NORM = ("phi", "bert", "roberta", "xlm-roberta", "whisper", "nemotron")
_MLA_KEYS = ("q_lora_rank", "kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")


def shape_from_config(name: str, source: str, config: Mapping[str, Any]) -> ModelShape:
    """Read a model's sizes from its config.

    Args:
        name: what the person called the model.
        source: where the config came from, one of those that ``ModelShape.source`` lists.
        config: what a ``config.json`` holds.

    Raises:
        BadInput: the config lacks the architecture, or a size is none. Sizes that a config of an uncommon
            architecture does not have stay 0.

    Example:
        >>> config = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2}
        >>> shape = shape_from_config("tiny", "file", config)
        >>> shape.num_layers, shape.norm, shape.is_gated_mlp
        (2, 'rms', True)
    """
    try:
        values = read_config_values(config)
        return ModelShape(
            name=name,
            source=source,
            model_type=values.model_type,
            architecture=_architecture(config),
            config=config,
            dtype=_dtype(config),
            quantization=_quantization(config),
            **_base_sizes(values),
            **_switches(values),
            **_attention_sizes(values),
            **_expert_sizes(values),
        )
    except BadInput as error:
        raise BadInput(f"{name}: {error}") from None


def _base_sizes(values: ConfigValues) -> dict[str, Any]:
    if values.model_type in CLOSED_FORMS:
        for key in ("hidden_size", "num_hidden_layers", "vocab_size"):
            if not values.size(key):
                raise BadInput(f"config: {key} must be at least 1, got {values.values.get(key)!r}")
    layers = values.num_layers or _listed_layers(values)
    is_two_stacks = "num_decoder_layers" in values.values or values.is_on("is_encoder_decoder")
    return {
        "hidden_size": values.hidden,
        "num_layers": values.size("num_decoder_layers", values.size("decoder_layers", layers)),
        "num_encoder_layers": values.size("encoder_layers", layers) if is_two_stacks else 0,
        "num_heads": values.num_heads,
        "vocab_size": values.vocab,
        "intermediate_size": _mlp_width(values),
        "max_positions": values.size("max_position_embeddings"),
        "position_table_size": _position_rows(values),
    }


def _listed_layers(values: ConfigValues) -> int:
    """The layers of a hybrid, which names each layer's kind in a list or a text."""
    for key in ("layers_block_type", "layer_types", "hybrid_override_pattern"):
        kinds = values.values.get(key)
        if isinstance(kinds, list | str):
            return len(kinds)
    return 0


def _mlp_width(values: ConfigValues) -> int:
    if values.model_type == "qwen":
        return values.intermediate // 2
    layout = LAYOUTS.get(values.model_type)
    if layout and layout.experts and values.size(layout.experts.dense_size_key):
        return values.size(layout.experts.dense_size_key)
    return values.intermediate


def _position_rows(values: ConfigValues) -> int:
    if values.model_type not in _LEARNED_POSITIONS:
        return 0
    offset = OPT_POSITION_OFFSET if values.model_type == "opt" else 0
    return values.size("max_position_embeddings") + offset


def _attention_sizes(values: ConfigValues) -> dict[str, Any]:
    sizes = {key: values.size(key) for key in _MLA_KEYS if values.size("kv_lora_rank")}
    head_dim = sizes.get("qk_nope_head_dim", 0) + sizes.get("qk_rope_head_dim", 0) or values.head_dim
    is_local = values.values.get("use_sliding_window", True) is not False
    return {
        **sizes,
        "head_dim": head_dim,
        "num_kv_heads": _kv_heads(values),
        "sliding_window": values.size("sliding_window") if is_local else 0,
    }


def _kv_heads(values: ConfigValues) -> int:
    """Grouped heads as they are computed; Falcon and StarCoder say with a switch that there is one."""
    if values.model_type == "falcon" and not values.is_on("new_decoder_architecture"):
        return 1 if values.is_on("multi_query") else values.num_heads
    if values.model_type == "gpt_bigcode":
        return 1 if values.is_on("multi_query") else values.num_heads
    return values.num_kv_heads


def _switches(values: ConfigValues) -> dict[str, Any]:
    layout = LAYOUTS.get(values.model_type)
    shared = {"tie_word_embeddings": values.ties_embeddings}
    if layout:
        return shared | _layout_switches(layout, values)
    is_classic = values.model_type in CLASSIC or values.model_type in _LAYER_NORM
    norm: NormKind = "layer" if is_classic else "rms"
    bias = is_classic and values.model_type not in ("falcon", "mpt")
    attention_bias = values.is_on("attention_bias") or values.is_on("add_qkv_bias") or values.model_type == "qwen"
    is_gated = "gated" in str(values.values.get("feed_forward_proj", "")) if values.size("d_ff") else not is_classic
    return shared | {
        "attention_bias": attention_bias or (bias and values.model_type not in ("gptj", "codegen", "gpt_neo")),
        "attention_output_bias": bias and values.model_type not in ("gptj", "codegen"),
        "mlp_bias": bias or values.is_on("bias") or values.is_on("mlp_bias"),
        "has_qk_norm": values.is_on("use_qk_norm") or values.is_on("qk_layernorm"),
        "norm": norm,
        "is_gated_mlp": is_gated,
    }


def _layout_switches(layout: Layout, values: ConfigValues) -> dict[str, Any]:
    def is_on(switch: bool | str) -> bool:
        return values.is_on(switch) if isinstance(switch, str) else switch

    return {
        "attention_bias": is_on(layout.qkv_bias),
        "attention_output_bias": is_on(layout.output_bias),
        "mlp_bias": is_on(layout.mlp_bias),
        "has_qk_norm": layout.qk_norm != "none" and is_on(layout.qk_norm_switch),
        "norm": layout.norm,
        "is_gated_mlp": layout.mlp != "plain",
    }


def _expert_sizes(values: ConfigValues) -> dict[str, Any]:
    number = values.size("num_experts")
    if not number:
        return {}
    layout = LAYOUTS.get(values.model_type)
    experts = (layout.experts if layout else None) or Experts()
    return {
        "num_experts": number,
        "experts_per_token": values.size("num_experts_per_tok"),
        "moe_intermediate_size": values.size(experts.size_key) or values.intermediate,
        "shared_expert_size": shared_size(experts, values) if layout else _guess_shared_size(values),
        "first_dense_layers": values.size("first_k_dense_replace"),
        "moe_layer_step": values.size("interleave_moe_layer_step") or values.size("decoder_sparse_step", 1) or 1,
    }


def _guess_shared_size(values: ConfigValues) -> int:
    """For architectures without a closed form: by the keys that most of them share."""
    shared = values.size("shared_expert_intermediate_size") or values.size("shared_intermediate_size")
    number = values.size("n_shared_experts") or values.size("num_shared_experts")
    return shared or number * values.size("moe_intermediate_size")


def _architecture(config: Mapping[str, Any]) -> str:
    names = config.get("architectures")
    return str(names[0]) if isinstance(names, list) and names else ""


def _dtype(config: Mapping[str, Any]) -> str:
    for part in (config, text_part(config)):
        for key in ("dtype", "torch_dtype"):
            if isinstance(part.get(key), str):
                return str(part[key]).removeprefix("torch.")
    return ""


def _quantization(config: Mapping[str, Any]) -> str:
    settings = config.get("quantization_config")
    return str(settings.get("quant_method", "unknown")) if isinstance(settings, Mapping) else ""
