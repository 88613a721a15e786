"""A model's config from a local path: a folder, config.json, GGUF, safetensors or an index of safetensors."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.errors import BadInput

MAX_CONFIG_BYTES = 10 << 20
"""The largest config.json on the hub has under 1 MB; ten times that is no config."""
_MAX_INDEX_BYTES = 256 << 20
_PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_ALLOWED = "allowed: a model folder, a config.json, a .gguf, a .safetensors or its index"


def read_model_path(path: Path) -> tuple[str, Mapping[str, Any]]:
    """Read the config that a path leads to.

    Returns:
        Where it came from (``folder``, ``file``, ``gguf`` or ``safetensors``) and the config.

    Raises:
        BadInput: the path holds no config of a model, or a pickle, which could run code.
    """
    if path.is_dir():
        return _read_folder(path)
    start = _first_bytes(path)
    if path.suffix.lower() in _PICKLE_SUFFIXES or _is_pickle(start):
        raise BadInput(f"{path}: a pickle, which can run code when it is read, is refused; {_ALLOWED}")
    if start[:4] == b"GGUF":
        from tools.gguf_header import read_gguf_config

        return "gguf", read_gguf_config(path)
    if path.name.endswith(".index.json"):
        return _read_index(path)
    if path.suffix == ".safetensors":
        return _read_safetensors([path])
    if path.suffix == ".gguf":
        raise BadInput(f"{path}: not a GGUF file, although its name says so; {_ALLOWED}")
    return "file", read_config_file(path)


def read_config_file(path: Path) -> Mapping[str, Any]:
    """Read a config.json of sensible size.

    Raises:
        BadInput: it is too large, is no JSON, or holds something else than an object.
    """
    try:
        size = path.stat().st_size
        if size > MAX_CONFIG_BYTES:
            raise BadInput(f"{path}: has {size} bytes; a config.json of at most {MAX_CONFIG_BYTES} is read; {_ALLOWED}")
        config = json.loads(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); {_ALLOWED}") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: not valid JSON ({str(error)[:80]}); {_ALLOWED}") from None
    if not isinstance(config, dict):
        raise BadInput(f"{path}: must hold an object with 'model_type', got {type(config).__name__}; {_ALLOWED}")
    return config


def _read_folder(folder: Path) -> tuple[str, Mapping[str, Any]]:
    if (folder / "config.json").is_file():
        return "folder", read_config_file(folder / "config.json")
    if (folder / "adapter_config.json").is_file():
        base = read_config_file(folder / "adapter_config.json").get("base_model_name_or_path")
        raise BadInput(f"{folder}: holds an adapter, not a model; give its base model, {base!r}")
    for pattern in ("*.gguf", "*.safetensors"):
        files = sorted(folder.glob(pattern))
        if files:
            return read_model_path(files[0]) if pattern == "*.gguf" else _read_safetensors(files)
    raise BadInput(f"{folder}: has no config.json, .gguf or .safetensors; {_ALLOWED}")


def _read_index(path: Path) -> tuple[str, Mapping[str, Any]]:
    if (path.parent / "config.json").is_file():
        return "safetensors", read_config_file(path.parent / "config.json")
    if path.stat().st_size > _MAX_INDEX_BYTES:
        raise BadInput(f"{path}: has more than {_MAX_INDEX_BYTES} bytes, which no index has; {_ALLOWED}")
    try:
        names = sorted({str(file) for file in json.loads(path.read_bytes())["weight_map"].values()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BadInput(f"{path}: not an index of safetensors (no 'weight_map'); {_ALLOWED}") from None
    shards = [path.parent / Path(name).name for name in names]
    if not shards or not all(shard.is_file() for shard in shards):
        raise BadInput(f"{path}: neither config.json nor the files it names lie beside it; put config.json there")
    return _read_safetensors(shards)


def _read_safetensors(files: list[Path]) -> tuple[str, Mapping[str, Any]]:
    config = files[0].parent / "config.json"
    if config.is_file():
        return "safetensors", read_config_file(config)
    from tools.safetensors_header import infer_config, read_shapes

    shapes: dict[str, tuple[int, ...]] = {}
    for file in files:
        shapes |= read_shapes(file)
    return "safetensors", infer_config(str(files[0]), shapes)


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(64)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); {_ALLOWED}") from None


def _is_pickle(start: bytes) -> bool:
    """A pickle of protocol 2 or later, or the zip that torch.save writes."""
    return (start[:1] == b"\x80" and start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")) or start[:4] == b"PK\x03\x04"
