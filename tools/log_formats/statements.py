"""Settings that trainers tell in a sentence rather than by a name."""

from collections.abc import Iterator

from tools.lazy_pattern import lazy_pattern
from tools.run import Line, Setting
from tools.units import parse_number

MARKERS: tuple[bytes, ...] = (
    b"checkpointing enabled",
    b"ble params",
    b"Total params",
    b"Precision",
    b"eed set to",
    b"default to",
    b"uantizing model",
)
"""Sentences without a colon or an equals sign hold one of these."""

_FACTORS = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9}
_COUNT = r"(\d[\d,]{0,20}(?:\.\d{1,6})?)\s?([KMB]?)\b"

# What stands in a sentence -> the setting and its value; a group that is read gives the value.
_TRUTHS = {
    "checkpointing enabled": (lazy_pattern(r"[Gg]radient checkpointing enabled"), "gradient_checkpointing"),
    "compute dtype": (lazy_pattern(r"compute dtype: torch\.(bfloat16|float16)\b"), ""),
    "Precision": (lazy_pattern(r"Using (bfloat16|16bit)(?: native)? Automatic Mixed Precision"), ""),
    "ixed precision type": (lazy_pattern(r"[Mm]ixed precision type: (bf16|fp16)\b"), ""),
    "uantizing model": (lazy_pattern(r"Quantizing model to ([48]) bit"), ""),
}
_PRECISIONS = {
    "bfloat16": "bf16",
    "float16": "fp16",
    "16bit": "fp16",
    "bf16": "bf16",
    "fp16": "fp16",
    "4": "load_in_4bit",
    "8": "load_in_8bit",
}
_NUMBERS = {
    "umber of parameters": (lazy_pattern(rf"[Nn]umber of parameters: {_COUNT}"), "all_parameters"),
    "Trainable params": (
        lazy_pattern(rf"^\s{{0,40}}{_COUNT}\s{{1,20}}Trainable params\s{{0,20}}$"),
        "trainable_parameters",
    ),
    "Total params": (lazy_pattern(rf"^\s{{0,40}}{_COUNT}\s{{1,20}}Total params\s{{0,20}}$"), "all_parameters"),
    "eed set to": (lazy_pattern(rf"[Ss]eed set to {_COUNT}"), "seed"),
    "default to": (lazy_pattern(rf"max_seq_length.{{1,60}}will default to {_COUNT}"), "max_length"),
}
_WORDS = {
    "linear modules": (lazy_pattern(r"Found linear modules: ([\w,. ]{2,400})$"), "target_modules"),
    "uning method": (lazy_pattern(r"Fine-tuning method: (LoRA|Full|Freeze|DoRA|OFT)\b"), "adapter"),
}


def read_statements(text: str, line: Line) -> Iterator[Setting]:
    """Read what one line says of the run in words.

    Example:
        >>> text = "INFO >> Gradient checkpointing enabled."
        >>> [(s.name, s.value) for s in read_statements(text, Line(1, text))]
        [('gradient_checkpointing', True)]
    """
    for literal, (pattern, name) in _TRUTHS.items():
        if literal in text and (match := pattern.search(text)):
            yield Setting(name or _PRECISIONS[match[1]], True, line)
    for literal, (pattern, name) in _NUMBERS.items():
        if literal in text and (match := pattern.search(text)):
            count = parse_number(match[1].replace(",", ""))
            if count is not None:
                yield Setting(name, round(count * _FACTORS[match[2]], 3), line)
    for literal, (pattern, name) in _WORDS.items():
        if literal in text and (match := pattern.search(text)):
            yield Setting(name, match[1].replace(" ", "").lower() if name == "adapter" else match[1].strip(), line)
