"""Find a model's config by id, path or loose name: the config only, never the weights."""

from pathlib import Path

from tools.catalogue import explain_miss, find_by_loose_name, find_in_catalogue
from tools.config_sizes import shape_from_config
from tools.errors import BadInput
from tools.model_files import read_model_path
from tools.model_hub import is_cached, is_hub_id, read_from_hub
from tools.model_shape import ModelShape

__all__ = ["ModelShape", "load_model_shape"]


def load_model_shape(name_or_path: str) -> ModelShape:
    """Find a model's sizes from a hub id, a local folder or file, a GGUF file or a loose name such as "llama 3.1 8b".

    Looked for in this order: a path that exists; the catalogue by exact id; the hub's local cache; the catalogue by
    loose name; the hub.

    Args:
        name_or_path: what a person calls the model.

    Raises:
        BadInput: nothing is found, several models fit, or what is found is no model config.
        NotAvailable: the hub is needed and cannot be reached.

    Example:
        >>> load_model_shape("llama 3.1 8b").hidden_size
        4096
    """
    name = name_or_path.strip()
    if not name:
        raise BadInput("the model has no name; give a hub id, a path or a name such as 'llama 3.1 8b'")
    path = Path(name).expanduser()
    if _exists(path):
        source, config = read_model_path(path)
        return shape_from_config(name, source, config)
    if name.startswith(("./", "../", "/", "~")):
        raise BadInput(f"{name}: no such file or folder")
    found = find_in_catalogue(name)
    if found is None and is_hub_id(name) and is_cached(name):
        return shape_from_config(name, "hub", read_from_hub(name))
    found = found or find_by_loose_name(name)
    if found:
        return shape_from_config(found[0], "catalogue", found[1])
    if is_hub_id(name):
        return shape_from_config(name, "hub", read_from_hub(name))
    raise explain_miss(name)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
