"""A model as the estimate needs it: its sizes and its modules, once for many estimates."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tools.architectures import has_closed_form, list_modules
from tools.config_values import read_config_values
from tools.model_config import load_model_shape
from tools.model_shape import ModelShape
from tools.modules import Module


@dataclass(frozen=True, slots=True)
class Model:
    """A model that memory is estimated for.

    Attributes:
        shape: its sizes.
        modules: what it consists of, one entry a kind.
    """

    shape: ModelShape
    modules: Sequence[Module]


@lru_cache(maxsize=256)
def load_model(name_or_path: str) -> Model:
    """Find a model by id, path or loose name.

    Architectures without a closed form are built on the meta device, which takes seconds and transformers.

    Raises:
        BadInput: it is not found, or nothing is known of its architecture.
    """
    shape = load_model_shape(name_or_path)
    values = read_config_values(shape.config)
    if has_closed_form(values, shape.architecture):
        return Model(shape, tuple(list_modules(values)))
    from tools.meta_device import list_meta_modules

    return Model(shape, tuple(list_meta_modules(shape.name, shape.config, num_experts=shape.num_experts)))
