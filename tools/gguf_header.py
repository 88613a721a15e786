"""The metadata of a GGUF file, read without its weights."""

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.errors import BadInput

_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_STRING, _ARRAY = 8, 9
_MAX_KEYS = 100_000
_MAX_KEPT = 4096
_DEFAULT_ALIGNMENT = 32
_BLOCK_BYTES = {
    1: {0: 4, 1: 2, 24: 1, 25: 2, 26: 4, 27: 8, 28: 8, 30: 2},
    32: {2: 18, 3: 20, 6: 22, 7: 24, 8: 34, 9: 40, 20: 18, 39: 17},
    256: {10: 84, 11: 110, 12: 144, 13: 176, 14: 210, 15: 292, 16: 66, 17: 74, 18: 98, 19: 50, 21: 110, 22: 82}
    | {23: 136, 29: 56, 34: 54, 35: 66},
}
"""Bytes of a block by its number of values and ggml's number of the tensor type (type_traits in ggml.c)."""
_BLOCKS = {kind: (values, size) for values, sizes in _BLOCK_BYTES.items() for kind, size in sizes.items()}

_MODEL_TYPES = {
    "gptneox": "gpt_neox",
    "qwen2moe": "qwen2_moe",
    "qwen3moe": "qwen3_moe",
    "gemma3": "gemma3_text",
    "phi2": "phi",
    "starcoder": "gpt_bigcode",
    "command-r": "cohere",
    "deepseek2": "deepseek_v2",
    "gpt-oss": "gpt_oss",
    "llama4": "llama4_text",
    "glm4moe": "glm4_moe",
    "seed_oss": "seed_oss",
}
_SIZES = {
    "hidden_size": "embedding_length",
    "num_hidden_layers": "block_count",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "head_dim": "attention.key_length",
    "intermediate_size": "feed_forward_length",
    "max_position_embeddings": "context_length",
    "num_experts": "expert_count",
    "num_experts_per_tok": "expert_used_count",
    "moe_intermediate_size": "expert_feed_forward_length",
    "shared_expert_intermediate_size": "expert_shared_feed_forward_length",
    "n_shared_experts": "expert_shared_count",
    "first_k_dense_replace": "leading_dense_block_count",
    "q_lora_rank": "attention.q_lora_rank",
    "kv_lora_rank": "attention.kv_lora_rank",
    "sliding_window": "attention.sliding_window",
}


def read_gguf_config(path: Path) -> Mapping[str, Any]:
    """Read a GGUF file's metadata as the config of the model it was converted from.

    Raises:
        BadInput: the file is damaged or says too little.

    Source:
        docs/gguf.md of ggml: magic, version, counts, then keys with typed values and the tensors' names and shapes.
    """
    header = read_gguf_header(path)
    return _to_config(path, header.metadata, {name: tensor.shape for name, tensor in header.tensors.items()})


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """A tensor's shape, ggml's number of its type, and where it begins, in bytes from the start of the weights."""

    shape: tuple[int, ...]
    kind: int
    offset: int


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What stands before the weights.

    Attributes:
        metadata: values by key; of arrays beyond some thousand values the length only.
        tensors: by name.
        weights_start: the byte at which the weights begin.
    """

    metadata: Mapping[str, Any]
    tensors: Mapping[str, GgufTensor]
    weights_start: int

    def count_bytes(self) -> int:
        """Count the bytes that the whole file must have at least; a tensor of a type unknown here counts as empty."""
        return max((self.weights_start + _tensor_end(tensor) for tensor in self.tensors.values()), default=0)


def _tensor_end(tensor: GgufTensor) -> int:
    values, num_bytes = _BLOCKS.get(tensor.kind, (1, 0))
    return tensor.offset + math.prod(tensor.shape) // values * num_bytes


def read_gguf_header(path: Path) -> GgufHeader:
    """Read what stands before the weights of a GGUF file.

    Raises:
        BadInput: the header is cut off or damaged.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(data).read_all()
    except (struct.error, ValueError, KeyError, IndexError, UnicodeDecodeError, OSError, RecursionError):
        raise BadInput(f"{path}: not a whole GGUF header; download it again, or give the model's config.json") from None


class _Reader:
    """Walks the header; long arrays give their length only."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._at = 4

    def read_all(self) -> GgufHeader:
        version = self._number("<I")
        if version not in (2, 3):
            raise ValueError(version)
        num_tensors, num_keys = self._number("<Q"), self._number("<Q")
        if max(num_tensors, num_keys) > _MAX_KEYS:
            raise ValueError(num_tensors)
        metadata = {self._text(): self._value(self._number("<I")) for _ in range(num_keys)}
        tensors = dict(self._tensor() for _ in range(num_tensors))
        alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
        if not isinstance(alignment, int) or alignment < 1:
            raise ValueError(alignment)
        return GgufHeader(metadata, tensors, -(-self._at // alignment) * alignment)

    def _number(self, layout: str) -> Any:
        (value,) = struct.unpack_from(layout, self._data, self._at)
        self._at += struct.calcsize(layout)
        return value

    def _text(self) -> str:
        length = self._number("<Q")
        if length > len(self._data) - self._at:
            raise ValueError(length)
        self._at += length
        return self._data[self._at - length : self._at].decode("utf-8", "replace")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._text()
        if kind == _ARRAY:
            return self._array()
        return self._number(_SCALARS[kind])

    def _array(self) -> Any:
        kind, length = self._number("<I"), self._number("<Q")
        if kind not in (_STRING, _ARRAY) and length > _MAX_KEPT:
            self._at += length * struct.calcsize(_SCALARS[kind])
            return range(length)
        if length > len(self._data):
            raise ValueError(length)
        if length <= _MAX_KEPT:
            return [self._value(kind) for _ in range(length)]
        for _ in range(length):
            self._value(kind)
        return range(length)

    def _tensor(self) -> tuple[str, GgufTensor]:
        name = self._text()
        dimensions = self._number("<I")
        if dimensions > 8:
            raise ValueError(dimensions)
        shape = tuple(self._number("<Q") for _ in range(dimensions))
        return name, GgufTensor(shape, self._number("<I"), self._number("<Q"))


def _to_config(path: Path, metadata: Mapping[str, Any], tensors: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    architecture = str(metadata.get("general.architecture", ""))
    sizes = {ours: metadata.get(f"{architecture}.{theirs}") for ours, theirs in _SIZES.items()}
    config = {key: max(value) if isinstance(value, list) else value for key, value in sizes.items() if value}
    vocab = tensors.get("token_embd.weight", (0, 0))[-1] or len(metadata.get("tokenizer.ggml.tokens", ()))
    if not architecture or not vocab or "hidden_size" not in config:
        raise BadInput(f"{path}: this GGUF holds no language model; give the file of the model itself")
    model_type = _MODEL_TYPES.get(architecture, architecture)
    if architecture == "llama" and "num_experts" in config:
        model_type = "mixtral"
    has_bias = "blk.0.attn_q.bias" in tensors
    return config | {
        "model_type": model_type,
        "vocab_size": vocab,
        "tie_word_embeddings": "output.weight" not in tensors,
        "attention_bias": has_bias,
        "qkv_bias": has_bias,
        "use_qkv_bias": has_bias,
        "use_qk_norm": "blk.0.attn_q_norm.weight" in tensors,
    }
