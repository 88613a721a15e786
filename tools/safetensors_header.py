"""The header of a safetensors file: names and shapes of its tensors, without reading one of them."""

import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.errors import BadInput

MAX_HEADER_BYTES = 100_000_000
"""The format's own limit (safetensors, lib.rs)."""
_LAYER = re.compile(r"model\.layers\.(\d{1,6})\.")
_FIRST = "model.layers.0."


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Read the shapes of the tensors of a safetensors file.

    Raises:
        BadInput: the file is no safetensors file.

    Source:
        The format's README: 8 bytes little-endian length, then so much JSON.
    """
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > MAX_HEADER_BYTES:
                raise BadInput(f"{path}: a header of {length} bytes; the format allows {MAX_HEADER_BYTES}")
            header = json.loads(stream.read(length))
            return {name: tuple(item["shape"]) for name, item in header.items() if name != "__metadata__"}
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, TypeError, KeyError, AttributeError, struct.error, RecursionError):
        raise BadInput(f"{path}: not a safetensors file") from None


def infer_config(name: str, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any]:
    """Guess the config of a model of the Llama family from the shapes of its tensors.

    The number of heads cannot be seen in them: 128 values a head are assumed where query and key norms do not tell.

    Raises:
        BadInput: the tensors have other names; then a config.json is needed.
    """
    try:
        return _infer_llama(shapes)
    except KeyError:
        raise BadInput(
            f"{name}: its tensors do not have the names of the Llama family, so put the model's config.json beside it"
        ) from None


def _infer_llama(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    vocab, hidden = shapes["model.embed_tokens.weight"]
    query, _ = shapes[f"{_FIRST}self_attn.q_proj.weight"]
    key, _ = shapes[f"{_FIRST}self_attn.k_proj.weight"]
    width, _ = shapes[f"{_FIRST}mlp.up_proj.weight"]
    norm = shapes.get(f"{_FIRST}self_attn.q_norm.weight")
    has_bias = f"{_FIRST}self_attn.q_proj.bias" in shapes
    head_dim = norm[0] if norm else 128 if query % 128 == 0 and key % 128 == 0 and query >= 1024 else 64
    layers = 1 + max(int(match[1]) for match in map(_LAYER.match, shapes) if match)
    return {
        "model_type": "qwen3" if norm else "qwen2" if has_bias else "llama",
        "hidden_size": hidden,
        "intermediate_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": query // head_dim,
        "num_key_value_heads": key // head_dim,
        "head_dim": head_dim,
        "vocab_size": vocab,
        "tie_word_embeddings": "lm_head.weight" not in shapes,
    }
