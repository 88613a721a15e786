"""Settings as trainers print them: the banner, a configuration dictionary, command-line flags, PEFT's count."""

import re
from collections.abc import Iterator

from tools.run import Line, Setting

_BANNER = {
    "Num examples": "num_examples",
    "Num Epochs": "num_train_epochs",
    "Instantaneous batch size per device": "per_device_train_batch_size",
    "Gradient Accumulation steps": "gradient_accumulation_steps",
    "Gradient accumulation steps": "gradient_accumulation_steps",
    "Total optimization steps": "total_steps",
    "Total steps": "total_steps",
    "Number of trainable parameters": "trainable_parameters",
    "trainable params": "trainable_parameters",
    "all params": "all_parameters",
}
CONFIG_NAMES = {
    name: name
    for name in (
        "learning_rate",
        "num_train_epochs",
        "max_steps",
        "per_device_train_batch_size",
        "per_device_eval_batch_size",
        "gradient_accumulation_steps",
        "gradient_checkpointing",
        "warmup_ratio",
        "warmup_steps",
        "weight_decay",
        "max_grad_norm",
        "lr_scheduler_type",
        "lora_r",
        "lora_alpha",
        "lora_dropout",
        "attn_implementation",
        "max_length",
        "max_seq_length",
        "logging_steps",
        "eval_strategy",
        "evaluation_strategy",
        "eval_steps",
        "save_steps",
        "bf16",
        "fp16",
        "optim",
        "seed",
        "packing",
        "load_in_4bit",
        "vocab_size",
    )
} | {"lora_rank": "lora_r", "lora_target_modules": "target_modules", "target_modules": "target_modules"}
MARKERS: tuple[bytes, ...] = tuple(name.encode() for name in (*_BANNER, *CONFIG_NAMES)) + tuple(
    f"--{name.replace('_', '-')}".encode() for name in CONFIG_NAMES if "_" in name
)

_BANNER_PAIR = re.compile(r"({})\s*[=:]\s*([0-9][0-9,]*(?:\.[0-9]+)?)".format("|".join(map(re.escape, _BANNER))))
_NAMES = "|".join(sorted(CONFIG_NAMES, key=len, reverse=True))
_CONFIG_PAIR = re.compile(rf"(?<![\w.-])['\"]?({_NAMES})['\"]?\s{{0,8}}[=:]\s{{0,8}}['\"]?([\w.+-]+)")
_FLAG = re.compile(
    rf"(?<!\S)--({_NAMES.replace('_', '[_-]')})(?:(?:=|\s{{1,8}})(?!-[-a-zA-Z])['\"]?([\w.+-]+))?(?!\S*\w)"
)


def read_settings(text: str, line_number: int) -> Iterator[Setting]:
    """Read every setting that one line names.

    Example:
        >>> [(s.name, s.value) for s in read_settings("  Num examples = 52,002", 3)]
        [('num_examples', 52002.0)]
        >>> [(s.name, s.value) for s in read_settings("train.py --learning_rate 2e-4 --bf16 True", 1)]
        [('learning_rate', 0.0002), ('bf16', True)]
    """
    line = Line(line_number, text)
    for name, raw in _BANNER_PAIR.findall(text):
        yield Setting(_BANNER[name], float(raw.replace(",", "")), line)
    for name, raw in _CONFIG_PAIR.findall(text):
        value = read_value(raw)
        if value is not None:
            yield Setting(CONFIG_NAMES[name], value, line)
    for name, raw in _FLAG.findall(text):
        value = read_value(raw or "true")
        if value is not None:
            yield Setting(CONFIG_NAMES[name.replace("-", "_")], value, line)


def read_value(raw: str) -> float | str | bool | None:
    """Read a setting's value as a number, a truth value or a word; None for "null" and the like."""
    raw = raw.strip().strip("'\"")
    if raw.lower() in ("none", "null", ""):
        return None
    if raw.lower() in ("true", "false"):
        return raw.lower() == "true"
    try:
        return float(raw)
    except ValueError:
        return raw
