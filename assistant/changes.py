"""What differs between the settings of two turns, in words."""

from collections.abc import Mapping

from assistant.question import YOU
from tools.run import Line, Setting
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


def name_all(model: str, gpu: str, settings: Mapping[str, Setting]) -> dict[str, Setting]:
    """Model and GPU among the settings, so that all changes are told alike."""
    named = {"model": model, "gpu": gpu}
    return {**settings, **{name: Setting(name, value, Line(0, "", YOU)) for name, value in named.items() if value}}


def tell_changes(
    before: Mapping[str, Setting], after: Mapping[str, Setting]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The settings that differ, and how: "rank 16 -> 64"."""
    names, told = [], []
    for name, setting in after.items():
        old = before[name].value if name in before else None
        if old == setting.value or (old is None and setting.value is False):
            continue
        names.append(name)
        shown = "not told" if old is None else tell_value(old)
        told.append(f"{LABELS.get(name, name.replace('_', ' '))} {shown} -> {tell_value(setting.value)}")
    for name in before.keys() - after.keys():
        names.append(name)
        told.append(f"{LABELS.get(name, name.replace('_', ' '))} {tell_value(before[name].value)} -> not told")
    return tuple(names), tuple(told)


def tell_value(value: float | str | bool) -> str:
    """A setting's value as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and value < 1e9 else format_number(value)
    return str(value)
