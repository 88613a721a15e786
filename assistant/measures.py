"""What the model of a question comes to: its parameters and its memory, with the settings of the log or the config."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tools.errors import FtchatError
from tools.run import Setting
from tools.units import format_bytes

HEADING = "THE MODEL"
VERDICTS = {
    "fits": "it fits",
    "tight": "it is tight and may run out of memory",
    "does_not_fit": "it does not fit",
}
_FLAGS = {
    "per_device_train_batch_size": "micro_batch",
    "max_length": "seq_len",
    "gradient_accumulation_steps": "accumulation",
    "lora_r": "rank",
    "target_modules": "targets",
    "optim": "optimizer",
    "attn_implementation": "attention",
    "gradient_checkpointing": "checkpointing",
}


@dataclass(frozen=True, slots=True)
class Measure:
    """One tool's call.

    Attributes:
        result: for programs; texts: the same for a person, a sentence each, with the number behind it.
    """

    name: str
    arguments: Mapping[str, Any]
    result: Mapping[str, Any]
    texts: tuple[tuple[str, int], ...]


def plan_flags(model: str, gpu: str, settings: Mapping[str, Setting]) -> dict[str, Any]:
    """The flags of ``ftchat vram`` that a model, a GPU and a run's settings make.

    Example:
        >>> from tools.run import Line
        >>> plan_flags("gpt2", "", {"lora_r": Setting("lora_r", 8.0, Line(1, ""))})
        {'model': 'gpt2', 'method': 'lora', 'rank': 8}
    """
    flags: dict[str, Any] = {"model": model, "method": _find_method(settings)}
    for name, flag in _FLAGS.items():
        value = settings[name].value if name in settings else None
        if value is not None and (flag not in ("rank", "targets") or flags["method"] != "full"):
            flags[flag] = _to_flag(value)
    return flags | ({"gpu": gpu} if gpu else {})


def measure(flags: Mapping[str, Any]) -> Iterator[Callable[[], Measure]]:
    """The calls that these flags make possible, each to be made when it is wanted.

    Raises:
        FtchatError: by a call: the model, the GPU or a setting is not known, or the config cannot be had.
    """
    yield lambda: _count(flags)
    yield lambda: _estimate(flags)


def _count(flags: Mapping[str, Any]) -> Measure:
    from assistant.params_command import read_adaptation
    from tools.model_config import load_model_shape
    from tools.parameters import count_parameters

    method = "full" if flags["method"] == "full" else "lora"
    asked = {"method": method} | {name: flags[name] for name in ("rank", "targets") if name in flags}
    shape = load_model_shape(flags["model"])
    count = count_parameters(shape, read_adaptation(asked))
    text = f"{shape.name} has {count.base_total:,} parameters"
    if method == "lora":
        text += f"; LoRA trains {count.trainable:,} of them"
    result = {"total": count.total, "trainable": count.trainable, "active": count.active, "how": count.how}
    return Measure("count_parameters", {"model": flags["model"], **asked}, result, ((f"{text}.", count.trainable),))


def _estimate(flags: Mapping[str, Any]) -> Measure:
    from assistant.vram_command import make_report
    from assistant.vram_json import estimate_to_json
    from assistant.vram_view import describe_settings

    report = make_report(flags)
    shown, size = report.estimate, report.estimate.smi_bytes
    texts = [
        (
            f"{describe_settings(shown.settings)} takes about {format_bytes(size.value)} of GPU memory "
            f"({format_bytes(size.low)} to {format_bytes(size.high)}), most of it at the moment '{shown.peak_at}'.",
            size.value,
        )
    ]
    texts += [
        (f"On {gpu.name}, with {format_bytes(gpu.usable_bytes)} usable, {VERDICTS[verdict]}.", gpu.usable_bytes)
        for gpu, verdict in zip(report.gpus, report.verdicts, strict=True)
    ]
    wanted = ("allocated_bytes", "reserved_bytes", "smi_bytes", "parts", "peak_at", "verdict")
    result = {name: value for name, value in estimate_to_json(report).items() if name in wanted}
    return Measure("estimate_vram", dict(flags), result, tuple(texts))


def _find_method(settings: Mapping[str, Setting]) -> str:
    if "load_in_4bit" in settings and settings["load_in_4bit"].value is True:
        return "qlora"
    if "load_in_8bit" in settings and settings["load_in_8bit"].value is True:
        return "8bit"
    named = str(settings["adapter"].value).lower() if "adapter" in settings else ""
    if named in ("lora", "qlora", "dora"):
        return named
    is_full = named == "full" or ("learning_rate" in settings and "lora_r" not in settings)
    return "full" if is_full else "lora"


def _to_flag(value: float | str | bool) -> int | str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return int(value) if isinstance(value, float) else value


def say_why_not(error: FtchatError) -> str:
    """What to tell a person where a measure could not be made."""
    return f"the model was not measured: {error}"
