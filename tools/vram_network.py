"""The real network of a model, for tracing: few layers, no weights."""

import copy
from collections.abc import Mapping
from typing import Any

from tools.errors import BadInput
from tools.vram_model import Model
from tools.vram_settings import TrainingSettings

_ATTENTION_DROPOUTS = ("attn_pdrop", "attention_dropout", "attention_probs_dropout_prob")
_PER_LAYER_LISTS = ("layer_types", "no_rope_layers", "mlp_layer_types", "layers_block_type")


def build_network(model: Model, settings: TrainingSettings, depth: int) -> Any:
    """Build the network on the meta device, with adapters, checkpointing and fewer layers.

    Raises:
        BadInput: transformers does not know the architecture, or PEFT cannot adapt it.
    """
    import torch

    from tools.meta_device import build_on_meta

    network = build_on_meta(model.shape.name, _cut(model.shape.config, depth))
    network = network.to(torch.float32 if settings.weights == "fp32" else torch.bfloat16)
    if settings.adapter != "none":
        network = _add_adapters(network, model, settings)
    _mask_with_bools(network)
    network.train()
    if settings.checkpointing == "full":
        network.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
        if settings.adapter != "none":
            network.enable_input_require_grads()
    return network


def _cut(config: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """The config of the same model with fewer layers.

    Attention without dropout: on a CPU, dropout would take the attention kernel that holds all scores.
    """
    cut = copy.deepcopy(dict(config))
    for part in (cut, *(value for key, value in cut.items() if key in ("text_config", "llm_config"))):
        for key in ("num_hidden_layers", "n_layer", "num_layers", "n_layers"):
            if key in part:
                part[key] = depth
        part.update(dict.fromkeys(_ATTENTION_DROPOUTS, 0.0))
        for key in _PER_LAYER_LISTS:
            if isinstance(part.get(key), list):
                part[key] = part[key][:depth]
    return cut


def _add_adapters(network: Any, model: Model, settings: TrainingSettings) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model

    from tools.vram_frameworks import FRAMEWORKS
    from tools.vram_matrices import find_adapted_names

    config = LoraConfig(
        r=settings.rank,
        lora_dropout=settings.dropout,
        target_modules=find_adapted_names(model.modules, settings.targets),
        use_dora=False,
    )
    try:
        with torch.device("meta"):
            network = get_peft_model(network, config, autocast_adapter_dtype=False)
    except ValueError as error:
        raise BadInput(f"{model.shape.name}: PEFT cannot adapt it ({str(error).splitlines()[0]:.200})") from None
    dtype = torch.float32 if FRAMEWORKS[settings.framework].adapter_bytes == 4 else torch.bfloat16
    for module in network.modules():
        for name, parameter in list(module._parameters.items()):
            if parameter is not None and parameter.requires_grad:
                module._parameters[name] = torch.nn.Parameter(parameter.to(dtype))
    return network


def _mask_with_bools(network: Any) -> None:
    """Dropout as a GPU does it, with a mask of one byte a value; a CPU's is as wide as its input."""
    import torch

    class Dropout(torch.nn.Dropout):
        def forward(self, values: Any) -> Any:
            return torch.native_dropout(values, self.p, self.training)[0]

    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Dropout) and child.p:
                setattr(module, name, Dropout(child.p))


def materialise(network: Any) -> None:
    """Put fake tensors of the CPU in the place of those of the meta device; tied weights stay tied."""
    import torch

    made: dict[int, Any] = {}
    for module in network.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is None:
                    continue
                if id(tensor) not in made:
                    fake = torch.empty(tensor.shape, dtype=tensor.dtype)
                    is_parameter = isinstance(tensor, torch.nn.Parameter)
                    made[id(tensor)] = torch.nn.Parameter(fake, tensor.requires_grad) if is_parameter else fake
                tensors[name] = made[id(tensor)]
