"""What the model of a question comes to: its parameters and its memory, with the settings of the log or the config."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.errors import FtchatError
from tools.run import Setting
from tools.units import format_bytes

if TYPE_CHECKING:
    from assistant.planner import Plan
    from tools.parameters import ParameterCount
    from tools.vram_report import VramReport

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
    "num_gpus": "num_gpus",
    "packing": "packing",
    "lora_dropout": "dropout",
}
MEMORY_SETTINGS = frozenset(
    (*_FLAGS, "model", "gpu", "adapter", "load_in_4bit", "load_in_8bit", "zero_stage", "fsdp", "torch_dtype")
)
"""Settings that parameters or memory depend on."""
COMMON_GPUS = ("T4", "RTX 4090", "A100 40GB", "L40S", "A100 80GB", "H200")
"""Of each size of memory that one can rent the most common one, smallest first."""
DEFAULT_RANK = 16
"""Of the memory estimate; a count beside it must be of the same run."""
USABLE_SHARE = 0.985
"""What a process gets of a card's nominal memory, the driver's part taken off: so it is on 24 GB cards."""


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
    flags: dict[str, Any] = {"model": model, "method": find_method(settings)}
    for name, flag in _FLAGS.items():
        value = settings[name].value if name in settings else None
        if value is not None and (flag not in ("rank", "targets", "dropout") or flags["method"] != "full"):
            flags[flag] = _to_flag(value) if flag != "dropout" else value
    flags |= _find_sharding(settings, int(flags.get("num_gpus", 1)))
    if "torch_dtype" in settings and not settings["torch_dtype"].line.number:
        flags["weights"] = settings["torch_dtype"].value
    if not gpu:
        return flags
    is_size = gpu.endswith("GiB") and gpu[:-3].isdigit()
    return flags | ({"gpu_memory": f"{USABLE_SHARE * int(gpu[:-3]):.2f}GiB"} if is_size else {"gpu": gpu})


def measure(flags: Mapping[str, Any]) -> Iterator[Callable[[], Measure]]:
    """The calls that these flags make possible, each to be made when it is wanted.

    Raises:
        FtchatError: by a call: the model, the GPU or a setting is not known, or the config cannot be had.
    """
    yield lambda: _count(flags)
    yield lambda: _estimate(flags, is_brief=False)


def measure_plan(plan: "Plan") -> Iterator[Callable[[], Measure]]:
    """The calls of a plan, each to be made when it is wanted.

    Raises:
        FtchatError: by a call, as those of ``measure``.
    """
    if "count_parameters" in plan.calls:
        yield lambda: _count(plan.flags)
    if "estimate_vram" in plan.calls:
        yield lambda: _estimate(plan.flags, is_brief=plan.is_brief)
    before = plan.flags_before
    if "compare_settings" in plan.calls and before is not None:
        yield lambda: _compare(before, plan.flags, ", ".join(plan.changed))


def _count(flags: Mapping[str, Any]) -> Measure:
    name, count, asked = _count_parameters(flags)
    text = f"{name} has {count.base_total:,} parameters"
    if asked["method"] == "lora":
        text += f"; LoRA of rank {asked['rank']} trains {count.trainable:,} of them"
    result = {"total": count.total, "trainable": count.trainable, "active": count.active, "how": count.how}
    return Measure("count_parameters", {"model": flags["model"], **asked}, result, ((f"{text}.", count.trainable),))


def _count_parameters(flags: Mapping[str, Any]) -> "tuple[str, ParameterCount, dict[str, Any]]":
    """The model's name, its count and what was asked for."""
    from assistant.params_command import read_adaptation
    from tools.model_config import load_model_shape
    from tools.parameters import count_parameters

    asked: dict[str, Any] = {"method": "full"}
    if flags["method"] != "full":
        asked = {"method": "lora", "rank": flags.get("rank", DEFAULT_RANK)}
        asked |= {"targets": flags["targets"]} if "targets" in flags else {}
    shape = load_model_shape(flags["model"])
    return shape.name, count_parameters(shape, read_adaptation(asked)), asked


def _estimate(flags: Mapping[str, Any], *, is_brief: bool) -> Measure:
    from assistant.vram_json import estimate_to_json

    report = _make_report(flags)
    texts = [_tell_briefly(report)] if is_brief else [*_tell_memory(report), *_tell_fit(report)]
    if "which_gpu" in flags:
        texts.append(_tell_smallest(report))
    wanted = ("allocated_bytes", "reserved_bytes", "smi_bytes", "parts", "peak_at", "verdict")
    result = {name: value for name, value in estimate_to_json(report).items() if name in wanted}
    arguments = {name: value for name, value in flags.items() if name != "which_gpu"}
    return Measure("estimate_vram", arguments, result, tuple(texts))


def _make_report(flags: Mapping[str, Any]) -> "VramReport":
    from assistant.vram_command import make_report

    own = {name: value for name, value in flags.items() if name != "which_gpu"}
    return make_report(own)


def _tell_briefly(report: "VramReport") -> tuple[str, int]:
    size = report.estimate.smi_bytes
    where = "".join(
        f"; on {_tell_gpu(gpu.name)} {VERDICTS[verdict]}"
        for gpu, verdict in zip(report.gpus[:1], report.verdicts, strict=False)
    )
    return f"Training it so takes about {format_bytes(size.value)} of GPU memory{where}.", size.value


def _tell_memory(report: "VramReport") -> Iterator[tuple[str, int]]:
    from assistant.vram_view import describe_settings

    shown, size = report.estimate, report.estimate.smi_bytes
    assumed = ", where the sequence length is assumed" if shown.settings.is_length_assumed else ""
    yield (
        f"{describe_settings(shown.settings)} takes about {format_bytes(size.value)} of GPU memory "
        f"({format_bytes(size.low)} to {format_bytes(size.high)}){assumed}, "
        f"most of it at the moment '{shown.peak_at}'.",
        size.value,
    )
    for gpu, verdict in zip(report.gpus, report.verdicts, strict=True):
        usable = format_bytes(gpu.usable_bytes)
        yield f"On {_tell_gpu(gpu.name)}, with {usable} usable, {VERDICTS[verdict]}.", gpu.usable_bytes


def _tell_fit(report: "VramReport") -> Iterator[tuple[str, int]]:
    """What makes it fit, and how far it could go then."""
    fit = report.fit
    if fit is None:
        return
    if fit.steps:
        changes = ", then ".join(step.change for step in fit.steps)
        size = fit.steps[-1].estimate.smi_bytes.value
        so_far = VERDICTS[fit.verdict]
        yield f"To make it fit: {changes}; it then takes about {format_bytes(size)}, and {so_far}.", size
    elif fit.verdict != "fits":
        yield "No change of the settings makes it fit: take a smaller model or a larger GPU.", 0
    if fit.largest_micro_batch:
        then = "Then the" if fit.steps else "The"
        largest = f"{then} largest micro-batch is {fit.largest_micro_batch}"
        yield f"{largest}, the longest sequence {fit.largest_seq_len} tokens.", fit.largest_micro_batch


def _tell_smallest(report: "VramReport") -> tuple[str, int]:
    """The smallest of the common GPUs that holds the run."""
    from tools.gpus import find_gpu
    from tools.vram import judge

    gpus = [find_gpu(name) for name in COMMON_GPUS]
    for gpu in gpus:
        if judge(report.estimate, gpu) == "fits":
            usable = format_bytes(gpu.usable_bytes)
            names = ", ".join(one.name for one in gpus)
            return f"Of {names}, the smallest that holds it is {gpu.name}, with {usable} usable.", gpu.usable_bytes
    last = gpus[-1]
    text = f"Not even one {last.name}, with {format_bytes(last.usable_bytes)} usable, holds it: shard it over GPUs"
    return f"{text} (FSDP or ZeRO-3), or quantise the base (QLoRA).", last.usable_bytes


def _tell_gpu(name: str) -> str:
    return "this GPU" if name[:1].isdigit() else name


def _compare(before: Mapping[str, Any], after: Mapping[str, Any], changed: str) -> Measure:
    """What a change of settings does to the parameters that are trained and to the memory."""
    trained = [_count_parameters(flags)[1].trainable for flags in (before, after)]
    reports = [_make_report({k: v for k, v in flags.items() if k != "fit"}) for flags in (before, after)]
    sizes = [report.estimate.smi_bytes.value for report in reports]
    verdicts = [report.verdicts[0] if report.verdicts else None for report in reports]
    told = f"GPU memory {format_bytes(sizes[0])} -> {format_bytes(sizes[1])}"
    if trained[0] != trained[1]:
        told = f"trained parameters {trained[0]:,} -> {trained[1]:,}, {told}"
    elif sizes[0] == sizes[1]:
        told = "neither the trained parameters nor the memory change"
    if verdicts[1] and verdicts[0] != verdicts[1]:
        was = f", before {VERDICTS[verdicts[0]]}" if verdicts[0] else ""
        told += f"; now {VERDICTS[verdicts[1]]}{was}"
    result = {"trainable": trained, "smi_bytes": sizes, "verdicts": verdicts}
    arguments = {"before": dict(before), "after": dict(after)}
    return Measure("compare_settings", arguments, result, ((f"{changed}: {told}.", sizes[1]),))


def _find_sharding(settings: Mapping[str, Setting], num_gpus: int) -> dict[str, str]:
    if "zero_stage" in settings:
        stage = settings["zero_stage"].value
        return {"sharding": f"zero{stage:.0f}"} if isinstance(stage, float) and 1 <= stage <= 3 else {}
    if "fsdp" in settings:
        return {"sharding": "fsdp2" if settings["fsdp"].value == "fsdp2" else "fsdp"}
    return {"sharding": "ddp"} if num_gpus > 1 else {}


def find_method(settings: Mapping[str, Setting]) -> str:
    """How the settings train, by the name that the memory estimate takes."""
    named = str(settings["adapter"].value).lower() if "adapter" in settings else ""
    if named == "full":
        return named
    if "load_in_4bit" in settings and settings["load_in_4bit"].value is True:
        return "qlora"
    if "load_in_8bit" in settings and settings["load_in_8bit"].value is True:
        return "8bit"
    if named in ("lora", "qlora", "dora"):
        return named
    # A log or config that tells the rate and no rank is one of full fine-tuning; a rate in words tells nothing.
    rate = settings.get("learning_rate")
    return "full" if rate is not None and rate.line.number and "lora_r" not in settings else "lora"


def _to_flag(value: float | str | bool) -> int | str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return int(value) if isinstance(value, float) else value


def say_why_not(error: FtchatError) -> str:
    """What to tell a person where a measure could not be made."""
    return f"the model was not measured: {error}"
