"""Models and settings for the tests of the memory estimate."""

from typing import Any

from tools.architectures import list_modules
from tools.config_sizes import shape_from_config
from tools.config_values import read_config_values
from tools.vram import VramEstimate, estimate_vram
from tools.vram_model import Model
from tools.vram_settings import TrainingSettings
from tools.vram_spelling import read_settings

MISTRAL = {
    "model_type": "mistral",
    "architectures": ["MistralForCausalLM"],
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 14336,
    "vocab_size": 32000,
    "tie_word_embeddings": False,
    "max_position_embeddings": 32768,
}
"""7,241,732,096 parameters, of which 2 * 32,000 * 4,096 are in the embedding and the head."""


def make_model(config: dict[str, Any] = MISTRAL, **changes: Any) -> Model:
    """A model from a config, some of it changed."""
    config = config | changes
    return Model(shape_from_config("test", "file", config), tuple(list_modules(read_config_values(config))))


def estimate(model: Model | None = None, **flags: Any) -> VramEstimate:
    """The estimate for flags as the command takes them."""
    model = model or make_model()
    return estimate_vram(model, settings_of(model, **flags))


def settings_of(model: Model | None = None, **flags: Any) -> TrainingSettings:
    """Settings from flags as the command takes them."""
    return read_settings({"seq_len": 1024, **flags}, (model or make_model()).shape)
