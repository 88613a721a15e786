"""What to change, in order, until a run fits; and how far it could go on a GPU."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from tools.gpus import Gpu
from tools.vram import Verdict, VramEstimate, estimate_vram, judge
from tools.vram_model import Model
from tools.vram_oom import scale_estimate
from tools.vram_optimizers import OPTIMIZERS
from tools.vram_settings import TrainingSettings

_SHORTEST = 256
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class FitStep:
    """One change, on top of those before it.

    Attributes:
        change: what is changed, in words.
        saves_bytes: allocated bytes less than before; negative where it costs.
        estimate: the memory after the change.
        verdict: whether it fits then.
    """

    change: str
    saves_bytes: int
    estimate: VramEstimate
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class FitPlan:
    """The changes that make a run fit.

    Attributes:
        steps: the changes in order, up to the first that fits.
        verdict: what stands at the end.
        largest_micro_batch: of the last settings, 0 where not even 1 fits.
        largest_seq_len: at their micro-batch, 0 where nothing fits.
    """

    steps: Sequence[FitStep]
    verdict: Verdict
    largest_micro_batch: int
    largest_seq_len: int


def plan_fit(model: Model, settings: TrainingSettings, gpu: Gpu, *, scale: float = 1.0) -> FitPlan:
    """Find the changes that make a fine-tuning run fit a GPU, cheapest for the result first.

    Args:
        model: the model.
        settings: how it is trained now.
        gpu: the GPU it should fit.
        scale: what activations turned out to be in a run that failed, over their estimate.
    """
    estimate = _estimate(model, settings, scale)
    verdict, steps = judge(estimate, gpu), []
    for change, changed in list_changes(settings):
        if verdict == "fits":
            break
        smaller = _estimate(model, changed(settings), scale)
        saves = estimate.allocated_bytes.value - smaller.allocated_bytes.value
        if saves <= 0:
            continue
        settings, estimate = changed(settings), smaller
        verdict = judge(estimate, gpu)
        steps.append(FitStep(change, saves, estimate, verdict))
    return FitPlan(
        tuple(steps),
        verdict,
        _find_largest(lambda size: replace(settings, micro_batch=size), model, gpu, scale),
        _find_largest(lambda size: replace(settings, seq_len=size), model, gpu, scale),
    )


Change = Callable[[TrainingSettings], TrainingSettings]


def list_changes(settings: TrainingSettings) -> Iterator[tuple[str, Change]]:
    """The ladder: what saves memory, in the order in which one should try it."""
    if settings.checkpointing in ("none", "selective"):
        yield "gradient checkpointing", lambda now: replace(now, checkpointing="full")
    if settings.micro_batch > 1:
        steps = settings.micro_batch * settings.accumulation
        text = f"micro-batch 1 with {steps} steps of gradient accumulation"
        yield text, lambda now: replace(now, micro_batch=1, accumulation=steps)
    if settings.quantization == "none":
        text = "4-bit base (QLoRA)" if settings.adapter != "none" else "LoRA on a 4-bit base (QLoRA)"
        yield text, _quantize
    length = settings.seq_len // 2
    while length >= _SHORTEST:
        yield f"sequences of {length} tokens", _shorten(length)
        if length <= settings.seq_len // 4:
            break
        length //= 2
    if OPTIMIZERS[settings.optimizer].full_states:
        yield "paged 8-bit AdamW", lambda now: replace(now, optimizer="paged_adamw_8bit")
    if settings.attention != "flash":
        yield "flash attention", lambda now: replace(now, attention="flash")
    if settings.loss != "fused_linear":
        yield "fused cross-entropy (Liger)", lambda now: replace(now, loss="fused_linear", fused_layers="all")
    for num_gpus in (2, 4, 8):
        if num_gpus > settings.num_gpus:
            yield f"sharding over {num_gpus} GPUs (FSDP)", _shard(num_gpus)


def _quantize(now: TrainingSettings) -> TrainingSettings:
    return replace(now, quantization="nf4", adapter="lora" if now.adapter == "none" else now.adapter)


def _shorten(length: int) -> Change:
    return lambda now: replace(now, seq_len=length)


def _shard(num_gpus: int) -> Change:
    return lambda now: replace(now, num_gpus=num_gpus, sharding="fsdp2")


def _estimate(model: Model, settings: TrainingSettings, scale: float) -> VramEstimate:
    return scale_estimate(estimate_vram(model, settings), scale)


def _find_largest(change: Callable[[int], TrainingSettings], model: Model, gpu: Gpu, scale: float) -> int:
    """The largest size that fits: doubling, then halving the gap; memory never shrinks as the size grows."""

    def fits(size: int) -> bool:
        return judge(_estimate(model, change(size), scale), gpu) == "fits"

    low, high = 0, 1
    while high < _MOST and fits(high):
        low, high = high, high * 2
    while high - low > max(1, low // 64):
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
