"""Find a model's config by id, path or loose name: the config only, never the weights."""

import json
from pathlib import Path

from tools.errors import BadInput
from tools.model_shape import ModelShape

__all__ = ["ModelShape", "load_model_shape"]


def load_model_shape(name_or_path: str) -> ModelShape:
    """Find a model's sizes from a hub id, a local folder or file, a GGUF file or a loose name such as "llama 3.1 8b".

    Raises:
        BadInput: nothing is found, or what is found is no model config.
    """
    from tools.config_sizes import shape_from_config

    path = Path(name_or_path)
    path = path / "config.json" if path.is_dir() else path
    if path.is_file():
        return shape_from_config(name_or_path, "file", json.loads(path.read_text(encoding="utf-8")))
    raise BadInput(f"{name_or_path}: no such model")
