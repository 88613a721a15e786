"""Small GGUF files for tests: a whole header and weights that mean nothing."""

import struct
from collections.abc import Mapping
from pathlib import Path

ALIGNMENT = 32
_UINT32, _STRING, _F32 = 4, 8, 0


def write_gguf(path: Path, num_values: int = 1000, metadata: Mapping[str, str | int] | None = None) -> Path:
    """Write a file with one tensor of 32-bit values, as docs/gguf.md of ggml lays it out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(make_gguf(num_values, metadata))
    return path


def make_gguf(num_values: int = 1000, metadata: Mapping[str, str | int] | None = None) -> bytes:
    values = {"general.architecture": "llama", **(metadata or {})}
    header = b"GGUF" + struct.pack("<IQQ", 3, 1, len(values))
    header += b"".join(_text(key) + _value(value) for key, value in values.items())
    header += _text("token_embd.weight") + struct.pack("<IQIQ", 1, num_values, _F32, 0)
    header += bytes(-len(header) % ALIGNMENT)
    weights = bytes(range(1, 252)) * (num_values * 4 // 251 + 1)
    return header + weights[: num_values * 4]


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _value(value: str | int) -> bytes:
    if isinstance(value, int):
        return struct.pack("<II", _UINT32, value)
    return struct.pack("<I", _STRING) + _text(value)
