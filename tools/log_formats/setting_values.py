"""From the text of a setting to its value: strict, so that neither prose nor code is taken for one."""

import math
import re
from dataclasses import dataclass

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.setting_names import CONFIG_NAMES, KINDS, PATHS, WEAK_NAMES

Value = float | str | bool

MAX_ITEMS = 64
PRECISIONS = ("torch_dtype", "mixed_precision", "precision")
"""Settings of which "bf16" is a value; elsewhere the name of another setting is code, not a value."""
_COUNTS = "num_train_epochs per_device_train_batch_size gradient_accumulation_steps total_train_batch_size max_length"
POSITIVE = frozenset(f"{_COUNTS} num_gpus world_size lora_r vocab_size".split())
"""Settings of which a value of 0 or below means "not set"."""

_NUMBER = lazy_pattern(r"[+-]?(?:\d[\d_]{0,30}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][+-]?\d{1,3})?")
_TRUTHS = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False, "on": True, "off": False}
_ITEM = lazy_pattern(r"[A-Za-z_][\w.*-]{0,99}")
_ENUM = lazy_pattern(r"<?[A-Z]\w{1,40}\.(\w{1,40})(?:: ['\"]?([\w.-]{0,40})['\"]?>)?")
_CODE = lazy_pattern(r"(?:self|[a-z_]*args|cfg|config|conf|opt|params|hparams)\.\w.*")
_WORDS = {
    name: lazy_pattern(pattern, re.IGNORECASE)
    for name, pattern in {
        "lr_scheduler_type": r"(?:[\w.]{0,60}(?:linear|cosine|constant|polynomial|inverse_sqrt|warmup|wsd|reduce|"
        r"one_?cycle|stable_decay|annealing)\w{0,40}|none)",
        "optim": r"(?:torch\.optim\.|bitsandbytes\.optim\.)?(?:fused|paged_?|distributed_)?_?"
        r"(?:adam|sgd|lion|ada|rms|galore|lomo|muon|apollo|grokadam|lamb|schedule_free|came|stable_adam|ao_adam)\w{0,40}",
        "eval_strategy": "no|steps|epoch",
        "save_strategy": "no|steps|epoch|best",
        "logging_strategy": "no|steps|epoch",
        "attn_implementation": r"eager|sdpa|flex_attention|xformers|paged_\w{1,30}|flash_attn|"
        r"flash_attention(?:_[23])?|kernels-community/[\w-]{1,40}",
        "torch_dtype": r"(?:torch\.)?(?:bfloat16|float16|float32|half|bf16|fp16|fp32)",
        "mixed_precision": "no|bf16|fp16|fp8",
        "precision": r"(?:bf16|bfloat16|fp16|16|32|fp32|amp_bf16|amp_fp16|amp)(?:-true|-mixed)?",
        "adapter": r"(?:q?lora|full|freeze|dora|oft|adalora|ia3|longlora|prefix|prompt|prefix_tuning|p_tuning|vera)",
        "quantize": r"bnb\.[\w.-]{2,20}|4|8|nf4|fp4|int8",
        "flash_attention": "true|false|fa2|sdpa|auto|disabled",
        "bnb_4bit_quant_type": "nf4|fp4",
        "bnb_4bit_compute_dtype": r"(?:torch\.)?(?:bfloat16|float16|float32)",
        "offload_optimizer": "none|cpu|nvme",
        "offload_param": "none|cpu|nvme",
        "model_type": r"[a-z][\w-]{1,40}",
        "model_name_or_path": r"(?!true$|false$|none$)[\w~./][\w~./:@+-]{2,199}",
        "task_type": r"[A-Z_]{3,40}",
        "loss_type": r"[\w.]{2,40}",
        "metric_for_best_model": r"[\w./-]{2,60}",
    }.items()
}


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A setting under Hugging Face's name, before its line is known."""

    name: str
    value: Value


def canonical_setting(path: str, *, is_among_settings: bool) -> str | None:
    """Hugging Face's name of a setting that stands under a dotted path, None where it is none that is known.

    Args:
        path: as written, sections before it joined by dots; dashes count as underscores.
        is_among_settings: whether other settings stand beside it, so that a short name such as ``lr`` is one too.

    Example:
        >>> canonical_setting("optimizer.lr", is_among_settings=False), canonical_setting("lr", is_among_settings=False)
        ('learning_rate', None)
    """
    parts = path.replace("-", "_").split(".")
    for length in range(min(3, len(parts)), 1, -1):
        found = PATHS.get(".".join(parts[-length:]))
        if found:
            return found
    if parts[-1] in CONFIG_NAMES:
        return CONFIG_NAMES[parts[-1]]
    return WEAK_NAMES.get(parts[-1]) if is_among_settings else None


def read_named(name: str, raw: str) -> tuple[NamedValue, ...]:
    """The value of a known setting, and what other settings it implies; none where the text is no literal value.

    Example:
        >>> [one.value for one in read_named("target_modules", "['q_proj', 'v_proj']")]
        ['q_proj,v_proj']
        >>> read_named("learning_rate", "args.lr")
        ()
    """
    value = _read_typed(name, raw.strip().rstrip(",").strip())
    if value is None:
        return ()
    if name in _IMPLIED:
        return tuple(NamedValue(*one) for one in _IMPLIED[name](str(value).lower()))
    return (NamedValue(name, value), *(NamedValue(*one) for one in _imply(name, value)))


def read_number(raw: str) -> float | None:
    """Read a number, or a product of two as nanoGPT's configs have it; no nan, no infinity.

    Example:
        >>> read_number("2e-4"), read_number("5 * 8"), read_number("nan"), read_number("0.5 is high")
        (0.0002, 40.0, None, None)
    """
    left, times, right = raw.partition("*")
    if times:
        factors = (read_number(left.strip()), None if "*" in right else read_number(right.strip()))
        return factors[0] * factors[1] if factors[0] is not None and factors[1] is not None else None
    value = float(raw) if _NUMBER.fullmatch(raw) else None
    return value if value is not None and math.isfinite(value) else None


def read_value(raw: str) -> Value | None:
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


def _read_typed(name: str, raw: str) -> Value | None:
    kind = KINDS[name]
    if kind == "list":
        return _read_list(raw)
    bare = raw.strip("'\"")
    if kind == "number":
        number = read_number(bare)
        return None if number is not None and number <= 0 and name in POSITIVE else number
    if kind == "truth":
        return _TRUTHS.get(bare.lower())
    return _read_word(name, raw)


def _read_word(name: str, raw: str) -> str | None:
    enum = _ENUM.fullmatch(raw)
    word = (enum[2] or enum[1].lower()) if enum else raw.strip("'\"")
    if _CODE.fullmatch(word) or word.lower() in ("null", "none"):
        return None
    if (word in CONFIG_NAMES or word in WEAK_NAMES) and name not in PRECISIONS:
        return None
    pattern = _WORDS.get(name)
    return word if pattern is None or pattern.fullmatch(word) else None


def _read_list(raw: str) -> str | None:
    """A list of module names, comma-joined; a pattern in quotes stays as it is."""
    if raw.lower() in ("none", "null", "") or _CODE.fullmatch(raw) or raw in CONFIG_NAMES:
        return None
    if raw[0] in "'\"" and any(mark in raw for mark in "(|\\"):
        return raw.strip("'\"")
    items = [item for item in _ITEM.findall(raw)[:MAX_ITEMS] if item.lower() != "none"]
    return ",".join(items) or None


def _imply(name: str, value: Value) -> tuple[tuple[str, Value], ...]:
    if name == "mixed_precision" and value in ("bf16", "fp16"):
        return ((str(value), True),)
    if name == "adapter" and value == "qlora":
        return (("load_in_4bit", True),)
    return ()


def _imply_precision(value: str) -> tuple[tuple[str, Value], ...]:
    if "bf" in value:
        return (("bf16", True),)
    return (("fp16", True),) if "16" in value else ()


def _imply_quantization(value: str) -> tuple[tuple[str, Value], ...]:
    return (("load_in_8bit" if "8" in value else "load_in_4bit", True),)


def _imply_attention(value: str) -> tuple[tuple[str, Value], ...]:
    if value in ("true", "fa2"):
        return (("attn_implementation", "flash_attention_2"),)
    return (("attn_implementation", "sdpa"),) if value == "sdpa" else ()


def _imply_all_linear(value: str) -> tuple[tuple[str, Value], ...]:
    return (("target_modules", "all-linear"),) if value == "true" else ()


# Settings that stand for another one and are not kept themselves.
_IMPLIED = {
    "precision": _imply_precision,
    "quantize": _imply_quantization,
    "flash_attention": _imply_attention,
    "lora_target_linear": _imply_all_linear,
}
