"""A memory estimate for people: what it is, where it goes, whether it fits, what to change."""

from collections.abc import Iterator

from tools.units import format_bytes, format_duration
from tools.vram_frameworks import FRAMEWORKS
from tools.vram_report import VramReport
from tools.vram_reserve import Interval
from tools.vram_settings import TrainingSettings

_VERDICTS = {"fits": "fits", "tight": "tight: may run out of memory", "does_not_fit": "does not fit"}


def render_report(report: VramReport) -> str:
    """The text that a person reads."""
    blocks = [_head(report), _sizes(report), _parts(report)]
    blocks += [block for block in (_gpus(report), _speed(report), _fit(report), _trace(report)) if block]
    return "\n\n".join("\n".join(block) for block in blocks)


def _head(report: VramReport) -> list[str]:
    settings = report.estimate.settings
    lines = [f"{report.model.shape.name}, {describe_settings(settings)}"]
    if settings.is_length_assumed:
        lines.append(f"The sequence length was not given: {settings.seq_len} tokens are assumed, so the range is wide.")
    return lines + [f"{note[0].upper()}{note[1:]}." for note in report.estimate.notes]


def describe_settings(settings: TrainingSettings) -> str:
    """How it is trained, in one line.

    Example:
        >>> describe_settings(TrainingSettings(adapter="none", micro_batch=4, seq_len=2048, compute="pure"))
        'full fine-tuning in bf16 (pure), adamw, 4 x 2048 tokens, checkpointing full, sdpa attention, plain loss'
    """
    method = "full fine-tuning" if settings.adapter == "none" else f"{settings.adapter} r{settings.rank}"
    base = settings.weights if settings.quantization == "none" else settings.quantization
    words = [f"{method} {'on' if settings.adapter != 'none' else 'in'} {base} ({settings.compute})"]
    words += [settings.optimizer, f"{settings.micro_batch} x {settings.seq_len} tokens"]
    words += [f"checkpointing {settings.checkpointing}", f"{settings.attention} attention"]
    words.append(f"{settings.loss.replace('_', ' ')} loss")
    if settings.num_gpus > 1:
        words.append(f"{settings.num_gpus} GPUs with {settings.sharding}")
    if settings.framework != "transformers":
        words.append(FRAMEWORKS[settings.framework].title)
    return ", ".join(words)


def _sizes(report: VramReport) -> list[str]:
    estimate = report.estimate
    rows = (
        ("allocated", estimate.allocated_bytes, "by tensors (torch.cuda.max_memory_allocated)"),
        ("reserved", estimate.reserved_bytes, "by PyTorch's allocator (max_memory_reserved)"),
        ("nvidia-smi", estimate.smi_bytes, "with the CUDA context"),
    )
    return [f"{name:<11}{_show(interval)}  {text}" for name, interval, text in rows]


def _show(interval: Interval) -> str:
    span = f"({format_bytes(interval.low)} to {format_bytes(interval.high)})"
    return f"{format_bytes(interval.value):>11} {span:<25}"


def _parts(report: VramReport) -> list[str]:
    estimate = report.estimate
    lines = [f"At the peak, which is at the step's moment '{estimate.peak_at}':"]
    parts = sorted(estimate.parts.items(), key=lambda item: -item[1])
    lines += [f"  {format_bytes(size):>11}  {name.replace('_', ' ')}" for name, size in parts if size]
    moments = ", ".join(f"{name} {format_bytes(size)}" for name, size in estimate.moments.items())
    return [*lines, f"Moments: {moments}"]


def _gpus(report: VramReport) -> list[str]:
    lines = []
    for gpu, verdict in zip(report.gpus, report.verdicts, strict=True):
        lines.append(f"{gpu.name}: {_VERDICTS[verdict]} ({format_bytes(gpu.usable_bytes)} usable)")
    if report.calibration:
        found = report.calibration
        text = f"The run that failed wanted at least {format_bytes(found.needed_bytes)}"
        missing = "" if not found.missing_bytes else f", {format_bytes(found.missing_bytes)} more than there was"
        lines.append(f"{text}{missing}; activations are taken {found.scale:.2f} times as large as estimated.")
    return lines


def _speed(report: VramReport) -> list[str]:
    speed = report.speed
    if not speed or not speed.tokens_per_second:
        return []
    text = f"About {speed.tokens_per_second:,.0f} tokens/s at {speed.utilisation:.0%} of the GPU's throughput"
    lines = [f"{text} ({speed.flops_per_token / 1e9:.0f} GFLOP a token)"]
    if report.seconds:
        lines.append(f"Time for the dataset: {format_duration(report.seconds)}")
    if report.utilisation is not None:
        lines.append(f"Measured throughput is a model FLOPs utilisation of {report.utilisation:.1%}")
    return lines


def _fit(report: VramReport) -> list[str]:
    return list(_fit_lines(report)) if report.fit else []


def _fit_lines(report: VramReport) -> Iterator[str]:
    plan = report.fit
    if plan is None:
        return
    yield "It fits as it is." if plan.verdict == "fits" and not plan.steps else "What to change, in this order:"
    for number, step in enumerate(plan.steps, start=1):
        after = f"{format_bytes(step.estimate.allocated_bytes.value)} allocated, {_VERDICTS[step.verdict]}"
        yield f"  {number}. {step.change}: saves {format_bytes(step.saves_bytes)}; then {after}"
    if plan.verdict != "fits":
        yield "That is not enough; take a smaller model or a larger GPU."
    if plan.largest_micro_batch or plan.largest_seq_len:
        sizes = f"micro-batch is {plan.largest_micro_batch}, the longest sequence {plan.largest_seq_len}"
        yield f"Then the largest {sizes} tokens."


def _trace(report: VramReport) -> list[str]:
    trace = report.trace
    if not trace:
        return []
    depths = " and ".join(str(depth) for depth in trace.depths)
    lines = [f"Traced: the real code ran one step of {depths} layers on sizes alone, extended to {trace.num_layers}."]
    lines += [f"The formulas say {format_bytes(report.analytic_bytes or 0)} allocated."]
    return [*lines, *(f"Not traced: {note}." for note in trace.notes)]
