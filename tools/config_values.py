"""A model's config as numbers: one name for each size, and the library's defaults where the config is silent."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from tools.errors import BadInput

ALIASES = {
    "hidden_size": ("n_embd", "n_embed", "d_model", "dim", "emb_dim"),
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers", "decoder_layers", "num_decoder_layers"),
    "num_attention_heads": ("n_head", "n_heads", "num_heads", "decoder_attention_heads", "encoder_attention_heads"),
    "num_key_value_heads": ("num_kv_heads", "n_head_kv", "multi_query_group_num"),
    "intermediate_size": ("n_inner", "ffn_dim", "ffn_hidden_size", "d_ff", "decoder_ffn_dim"),
    "head_dim": ("d_kv", "kv_channels"),
    "max_position_embeddings": ("n_positions", "max_seq_len", "seq_length"),
    "num_experts": ("num_local_experts", "n_routed_experts", "moe_num_experts"),
    "num_experts_per_tok": ("top_k_experts", "moe_topk", "moe_k", "num_experts_per_token"),
    "vocab_size": ("padded_vocab_size",),
}
_MODEL_TYPES = {"RefinedWeb": "falcon", "RefinedWebModel": "falcon", "btlm": "gpt2"}
_NESTED = ("text_config", "llm_config", "language_config")
_LARGEST = 1 << 40
_MOST_LAYERS = 10_000


@dataclass(frozen=True, slots=True)
class ConfigValues:
    """Sizes of the text part of a model, under one name each.

    Attributes:
        model_type: transformers' name of the architecture.
        values: the config with aliases resolved and defaults filled in.
    """

    model_type: str
    values: Mapping[str, Any]

    def size(self, key: str, default: int = 0) -> int:
        """A number of things: an integer of at least 0, ``default`` where the config has none.

        Where an uncommon architecture has one size for each layer, the largest.

        Raises:
            BadInput: the value is no such number.
        """
        value = self.values.get(key)
        if isinstance(value, list) and self.model_type not in model_defaults():
            value = max((item for item in value if isinstance(item, int)), default=None)
        if value is None:
            return default
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not is_whole:
            raise BadInput(f"config: {key} must be a whole number, got {value!r:.60}")
        if not 0 <= value <= _LARGEST:
            raise BadInput(f"config: {key} must be from 0 to {_LARGEST}, got {value!r}")
        return int(value)

    def is_on(self, key: str) -> bool:
        """A switch; off where the config is silent."""
        return bool(self.values.get(key))

    def numbers(self, key: str) -> Sequence[int] | None:
        """A list of numbers, None where the config has none."""
        value = self.values.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, int) for item in value):
            raise BadInput(f"config: {key} must be a list of whole numbers, got {value!r:.60}")
        return value

    @property
    def hidden(self) -> int:
        """Width of the residual stream."""
        return self.size("hidden_size")

    @property
    def num_layers(self) -> int:
        """Layers, of the decoder where there is an encoder too."""
        number = self.size("num_hidden_layers")
        if number > _MOST_LAYERS:
            raise BadInput(f"config: num_hidden_layers must be at most {_MOST_LAYERS}, got {number}")
        return number

    @property
    def num_heads(self) -> int:
        """Query heads."""
        return self.size("num_attention_heads")

    @property
    def num_kv_heads(self) -> int:
        """Key and value heads."""
        return self.size("num_key_value_heads") or self.num_heads

    @property
    def head_dim(self) -> int:
        """Width of a head, as the config says or as the hidden size divides."""
        return self.size("head_dim") or self.hidden // max(self.num_heads, 1)

    @property
    def intermediate(self) -> int:
        """Width of the dense MLP; four times the hidden size where the config has none."""
        return self.size("intermediate_size") or 4 * self.hidden

    @property
    def vocab(self) -> int:
        """Rows of the token embedding."""
        return self.size("vocab_size")

    @property
    def ties_embeddings(self) -> bool:
        """Whether the output head is the token embedding."""
        return self.is_on("tie_word_embeddings")


def read_config_values(config: Mapping[str, Any]) -> ConfigValues:
    """Bring the text part of a config to one vocabulary.

    Args:
        config: what a ``config.json`` holds.

    Raises:
        BadInput: it names no architecture.

    Example:
        >>> read_config_values({"model_type": "gpt2", "n_embd": 1600, "n_layer": 48, "n_head": 25}).hidden
        1600
    """
    text = text_part(config)
    model_type = text.get("model_type") or config.get("model_type")
    if not isinstance(model_type, str):
        raise BadInput("config: model_type is missing; it names the architecture, such as 'llama'")
    model_type = _MODEL_TYPES.get(model_type, model_type)
    named = rename_keys(text)
    if text is not config and "tie_word_embeddings" not in named and "tie_word_embeddings" in config:
        named["tie_word_embeddings"] = config["tie_word_embeddings"]
    return ConfigValues(model_type, {**model_defaults().get(model_type, {}), **named})


def text_part(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The language model's part of a config of several parts, or the whole.

    Example:
        >>> text_part({"model_type": "gemma3", "text_config": {"hidden_size": 2560}})
        {'hidden_size': 2560}
    """
    thinker = config.get("thinker_config")
    if isinstance(thinker, Mapping):
        return text_part(thinker)
    for key in _NESTED:
        part = config.get(key)
        if isinstance(part, Mapping) and part:
            return part
    return config


def rename_keys(config: Mapping[str, Any]) -> dict[str, Any]:
    """A copy in which sizes have their common names; a common name that is there already wins."""
    renamed = dict(config)
    for name, aliases in ALIASES.items():
        for alias in aliases:
            if renamed.get(name) is None and renamed.get(alias) is not None:
                renamed[name] = renamed[alias]
    return renamed


@cache
def model_defaults() -> dict[str, dict[str, Any]]:
    """The library's default sizes by model type, for the architectures with closed forms.

    Source:
        Config classes of transformers 5.23; a test compares them with the installed ones.
    """
    text = files("tools").joinpath("model_defaults.json").read_text(encoding="utf-8")
    defaults: dict[str, dict[str, Any]] = json.loads(text)
    return defaults
