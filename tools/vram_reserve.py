"""What the allocator and the driver take beside the tensors, and how sure the numbers are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tools.vram_frameworks import Framework
from tools.vram_moments import Parts, sum_parts
from tools.vram_settings import TrainingSettings

Kind = Literal["allocated", "reserved", "smi"]

STANDING = (
    "weights",
    "quantization_constants",
    "adapters",
    "reference_model",
    "optimizer_states",
    "master_weights",
    "trainer_buffers",
)

_FIXED = (*STANDING, "gradients", "gathered_weights", "communication_buckets", "temporary_step")

CONTEXT_BYTES = 550 << 20
NCCL_BYTES = 1000 << 20

_UNKNOWN_LENGTH_BYTES = 4 << 30


@dataclass(frozen=True, slots=True)
class Interval:
    """A number of bytes, and the range in which nine of ten runs should lie."""

    value: int
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Reserve:
    """Bytes beside the tensors.

    Attributes:
        slack: cached blocks of the allocator that are not in use at the peak, as far as the GPU has room for them.
        wanted_slack: the same on a GPU without end.
        context: CUDA context and libraries, NCCL on several GPUs.
        standing: bytes that are known well.
        passing: bytes that depend on lengths and kernels.
        doubt: relative error of the passing bytes that nine of ten runs stay within, down and up.
        unknown: bytes that longer sequences than assumed would add, and what a framework's figures leave open.
    """

    slack: float
    wanted_slack: float
    context: float
    standing: float
    passing: float
    doubt: tuple[float, float]
    unknown: float

    def interval(self, value: int, kind: Kind) -> Interval:
        """Put a range around a number of bytes."""
        down, up = self.doubt
        low, high = 0.05 * self.standing + down * self.passing, 0.07 * self.standing + up * self.passing + self.unknown
        if kind != "allocated":
            low, high = low + 0.6 * self.slack, high + 1.2 * self.slack + 0.1 * self.passing
        if kind == "smi":
            low, high = low + 0.5 * self.context, high + 0.8 * self.context
        return Interval(value, max(0, round(value - low)), round(value + high))


def measure_reserve(
    moments: Mapping[str, Parts], peak_at: str, settings: TrainingSettings, framework: Framework
) -> Reserve:
    """Estimate slack, context and doubt for a step.

    Args:
        moments: the parts at each moment.
        peak_at: the moment that needs most.
        settings: how the model is trained.
        framework: whose training loop it is.
    """
    parts = moments[peak_at]
    standing = sum_parts(parts, STANDING)
    passing = sum(parts.values()) - standing
    context = CONTEXT_BYTES + (NCCL_BYTES if settings.num_gpus > 1 else 0)
    wanted = slack = _count_slack(moments, standing + passing, settings, framework)
    if settings.capacity_bytes:
        room = settings.capacity_bytes - standing - passing - context
        slack = min(slack, max(room, 0.02 * passing))
    unknown = _UNKNOWN_LENGTH_BYTES * settings.is_length_assumed + framework.doubt * standing
    return Reserve(slack, wanted, context, standing, passing, _doubt(settings), unknown)


def _count_slack(
    moments: Mapping[str, Parts], allocated: float, settings: TrainingSettings, framework: Framework
) -> float:
    """Blocks that stay cached: a share of the activations, whose sizes change, and of what gradients leave.

    Blocks of one moment serve the next, so the moment counts in which tensors and their slack are largest together.
    """
    gradients = max(at.get("gradients", 0) for at in moments.values())
    share = framework.slack
    if settings.is_packed:
        share = {"plain": 0.25, "fused_cross_entropy": 0.6}.get(settings.loss, 0.1)
    reserved = max(
        sum(at.values())
        + share * sum(_weigh(name, size, settings) for name, size in at.items())
        + 0.1 * sum_parts(at, ("gathered_weights", "communication_buckets"))
        for at in moments.values()
    )
    return max(0, reserved - allocated) + 0.25 * gradients + _count_zero3_slack(moments, settings)


def _weigh(name: str, size: float, settings: TrainingSettings) -> float:
    """Logits are the largest blocks, and their size follows the length: they fragment most."""
    if name in _FIXED:
        return 0
    return size if name == "logits" or settings.is_packed else size / 2


def _count_zero3_slack(moments: Mapping[str, Parts], settings: TrainingSettings) -> float:
    """ZeRO-3 gathers up to a billion parameters and steps in groups of a billion: their blocks stay cached."""
    if settings.sharding != "zero3":
        return 0
    return 6 * min(1e9, sum_parts(moments["optimizer"], ("master_weights",)) / 4)


def _doubt(settings: TrainingSettings) -> tuple[float, float]:
    """How far the passing bytes may be off: little with packed sequences on one GPU, more where lengths vary."""
    if settings.is_length_assumed:
        return 0.8, 2.5
    sharded = 0.1 if settings.num_gpus > 1 and settings.adapter == "none" else 0.0
    return (0.12, 0.15 + sharded) if settings.is_packed else (0.4, 0.4 + sharded)
