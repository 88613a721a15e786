"""A model on the meta device: the real modelling code without weights, for all that transformers can build."""

import json
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tools.errors import BadInput
from tools.modules import Module, ModuleKind, Role

_EXPERT = re.compile(r"(?:^|\.)experts(?:\.|$)")


def list_meta_modules(name: str, config: Mapping[str, Any], *, num_experts: int = 0) -> Sequence[Module]:
    """The modules of a model that transformers can build, in seconds; no weights are read and no foreign code is run.

    Args:
        name: what the person called the model, for errors.
        config: the whole config.
        num_experts: routed experts of a mixture, to recognise their weights.

    Raises:
        BadInput: transformers does not know the architecture or cannot build it from this config.
    """
    return read_modules(build_on_meta(name, config), num_experts=num_experts)


def build_on_meta(name: str, config: Mapping[str, Any]) -> Any:
    """Build the model that the config describes, without weights."""
    import torch

    with _quiet():
        settings = _make_config(name, config)
        model_class = _choose_class(name, settings)
        try:
            with torch.device("meta"):
                if hasattr(model_class, "from_config"):
                    return model_class.from_config(settings, trust_remote_code=False)
                return model_class(settings)
        except Exception as error:  # noqa: BLE001 - the modelling code of hundreds of authors fails in its own ways
            raise BadInput(f"{name}: transformers cannot build this config ({_one_line(error)})") from None


def _make_config(name: str, config: Mapping[str, Any]) -> Any:
    from transformers import CONFIG_MAPPING

    model_type = config.get("model_type")
    if model_type not in CONFIG_MAPPING:
        raise BadInput(
            f"{name}: architecture {model_type!r} is not known to the installed transformers; "
            "code from the hub is never run, so give a model of a known architecture"
        )
    plain = {key: value for key, value in config.items() if key not in ("quantization_config", "auto_map")}
    try:
        return CONFIG_MAPPING[model_type].from_dict(json.loads(json.dumps(plain)))
    except Exception as error:  # noqa: BLE001 - config classes validate with errors of many libraries
        raise BadInput(f"{name}: transformers refuses this config ({_one_line(error)})") from None


def _choose_class(name: str, settings: Any) -> Any:
    """The class that the config names; else that of a causal model, of a model over images, of any other head."""
    import transformers

    for architecture in settings.architectures or ():
        found = getattr(transformers, architecture, None)
        if found is not None and hasattr(found, "config_class"):
            return found
    for auto_class in ("CausalLM", "ImageTextToText", "Seq2SeqLM", "MultimodalLM", "SpeechSeq2Seq", "MaskedLM", ""):
        found = getattr(transformers, f"AutoModel{'For' if auto_class else ''}{auto_class}", None)
        if found is not None and type(settings) in found._model_mapping:
            return found
    raise BadInput(f"{name}: transformers has no model class for {type(settings).__name__}")


def _one_line(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:200]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's advice about configs off the screen; what matters becomes an error."""
    from transformers import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)


def read_modules(model: Any, *, num_experts: int = 0) -> Sequence[Module]:
    """The modules of a built model that own parameters, in its own order.

    Args:
        model: a torch module, on any device.
        num_experts: routed experts of a mixture, to recognise their weights.
    """
    roles = _roles(model)
    owners: dict[int, str] = {}
    named = [(name, module) for name, module in model.named_modules() if module._parameters]
    for name, module in sorted(named, key=lambda item: roles.get(id(item[1])) != "token_embedding"):
        for tensor in module._parameters.values():
            owners.setdefault(id(tensor), name)
    modules: list[Module] = []
    for name, module in named:
        tensors = {key: tensor for key, tensor in module._parameters.items() if tensor is not None}
        if not tensors:
            continue
        tied = tuple(key for key, tensor in tensors.items() if owners[id(tensor)] != name)
        shapes = tuple((key, tuple(tensor.shape)) for key, tensor in tensors.items())
        found = replace(_describe(name, module, shapes), tied=tied, role=roles.get(id(module), ""))
        modules.append(replace(found, num_experts=_experts_of(found, num_experts)))
    return modules


def _roles(model: Any) -> dict[int, Role]:
    roles: dict[int, Role] = {}
    getters: tuple[tuple[str, Role], ...] = (
        ("get_input_embeddings", "token_embedding"),
        ("get_output_embeddings", "output_head"),
    )
    for getter, role in getters:
        try:
            module = getattr(model, getter)()
        except (AttributeError, NotImplementedError, TypeError):
            continue
        if module is not None:
            roles[id(module)] = role
    return roles


def _describe(name: str, module: Any, shapes: tuple[tuple[str, tuple[int, ...]], ...]) -> Module:
    import torch
    from transformers.pytorch_utils import Conv1D

    if isinstance(module, torch.nn.Linear):
        return Module(name, "linear", shapes, None, module.out_features, module.in_features)
    if isinstance(module, Conv1D):
        d_in, d_out = module.weight.shape
        return Module(name, "linear", shapes, None, d_out, d_in)
    if isinstance(module, torch.nn.Embedding):
        return Module(name, "embedding", shapes, None, module.embedding_dim, module.num_embeddings)
    if isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Conv3d):
        kernel = math.prod(module.kernel_size)
        d_out, d_in = module.out_channels, module.in_channels
        return Module(name, "convolution", shapes, None, d_out, d_in, kernel=kernel, groups=module.groups)
    kind: ModuleKind = "experts" if any(len(shape) == 3 for _, shape in shapes) else "other"
    return Module(name, kind, shapes)


def _experts_of(module: Module, num_experts: int) -> int:
    """How many experts share the weights of this module's name; 0 for what every token passes."""
    is_stack = module.kind == "experts" and any(shape[0] == num_experts for _, shape in module.tensors)
    return num_experts if num_experts > 1 and (is_stack or _EXPERT.search(module.name)) else 0
