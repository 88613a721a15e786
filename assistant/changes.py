"""What differs between the settings of two turns, in words."""

from collections.abc import Mapping

from assistant.measures import DEFAULT_RANK, find_method
from tools.run import Setting
from tools.units import format_number

LABELS = {
    "lora_r": "rank",
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "target_modules": "target modules",
    "per_device_train_batch_size": "micro-batch",
    "per_device_eval_batch_size": "evaluation batch",
    "total_train_batch_size": "effective batch",
    "gradient_accumulation_steps": "gradient accumulation",
    "max_length": "sequence length",
    "learning_rate": "learning rate",
    "num_train_epochs": "epochs",
    "num_examples": "examples",
    "adapter": "method",
    "optim": "optimiser",
    "attn_implementation": "attention",
    "num_gpus": "GPUs",
    "zero_stage": "ZeRO stage",
    "fsdp": "FSDP",
    "torch_dtype": "weights in",
    "load_in_4bit": "4-bit base",
    "load_in_8bit": "8-bit base",
}

_METHOD = ("adapter", "load_in_4bit", "load_in_8bit")
DEFAULTS: Mapping[str, float | str | bool] = {
    "lora_r": float(DEFAULT_RANK),
    "num_gpus": 1.0,
    "per_device_train_batch_size": 1.0,
    "gradient_accumulation_steps": 1.0,
}
"""What the estimate takes where nothing is told."""


def name_all(model: str, gpu: str, settings: Mapping[str, Setting]) -> dict[str, float | str | bool]:
    """The values of all settings, with model, GPU and method among them, so that all changes are told alike."""
    values = {name: setting.value for name, setting in settings.items() if name not in _METHOD}
    named = {"model": model, "gpu": gpu, "adapter": find_method(settings)}
    return {**DEFAULTS, **values, **{name: value for name, value in named.items() if value}}


def tell_changes(
    before: Mapping[str, float | str | bool], after: Mapping[str, float | str | bool]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The settings that differ, and how.

    Example:
        >>> tell_changes({"lora_r": 16.0}, {"lora_r": 64.0})
        (('lora_r',), ('rank 16 -> 64',))
    """
    names = [name for name in (*after, *(before.keys() - after.keys())) if before.get(name) != after.get(name)]
    told = [f"{_label(name)} {_tell(before.get(name))} -> {_tell(after.get(name))}" for name in names]
    return tuple(names), tuple(told)


def _label(name: str) -> str:
    return LABELS.get(name, name.replace("_", " "))


def _tell(value: float | str | bool | None) -> str:
    return "not told" if value is None else tell_value(value)


def tell_value(value: float | str | bool) -> str:
    """A setting's value as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and value < 1e9 else format_number(value)
    return str(value)
