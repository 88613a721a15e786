"""What the allocator and the driver take beside the tensors, and how sure the numbers are."""

from dataclasses import dataclass
from typing import Literal

from tools.vram_frameworks import Framework
from tools.vram_moments import Parts, sum_parts
from tools.vram_settings import TrainingSettings

Kind = Literal["allocated", "reserved", "smi"]

_STANDING = (
    "weights",
    "quantization_constants",
    "adapters",
    "reference_model",
    "optimizer_states",
    "master_weights",
)

CONTEXT_BYTES = 550 << 20
NCCL_BYTES = 1000 << 20


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
        slack: cached blocks of the allocator that are not in use at the peak.
        context: CUDA context and libraries, NCCL on several GPUs.
        standing: bytes that are known well.
        passing: bytes that depend on lengths and kernels.
        doubt: relative error of the passing bytes that nine of ten runs stay within.
    """

    slack: float
    context: float
    standing: float
    passing: float
    doubt: tuple[float, float]

    def interval(self, value: int, kind: Kind) -> Interval:
        """Put a range around a number of bytes."""
        down, up = self.doubt
        low, high = 0.03 * self.standing + down * self.passing, 0.03 * self.standing + up * self.passing
        if kind != "allocated":
            low, high = low + 0.6 * self.slack, high + 1.2 * self.slack + 0.1 * self.passing
        if kind == "smi":
            low, high = low + 0.5 * self.context, high + 0.8 * self.context
        return Interval(value, round(value - low), round(value + high))


def measure_reserve(parts: Parts, settings: TrainingSettings, framework: Framework) -> Reserve:
    """Estimate slack, context and doubt for the parts at the peak."""
    standing = sum_parts(parts, _STANDING)
    passing = sum(parts.values()) - standing
    context = CONTEXT_BYTES + (NCCL_BYTES if settings.num_gpus > 1 else 0)
    slack = _slack_share(settings, framework) * passing
    if settings.capacity_bytes:
        room = settings.capacity_bytes - standing - passing - context
        slack = min(slack, max(room, 0.02 * passing))
    return Reserve(slack, context, standing, passing, _doubt(settings))


def _slack_share(settings: TrainingSettings, framework: Framework) -> float:
    """The same sizes every step leave little; large logits of changing length leave much."""
    gradients = 0.15 if settings.adapter == "none" else 0.0
    if not settings.is_packed:
        return framework.slack + gradients
    return {"plain": 0.25, "fused_cross_entropy": 0.6}.get(settings.loss, 0.1) + gradients


def _doubt(settings: TrainingSettings) -> tuple[float, float]:
    if settings.is_length_assumed:
        return 0.8, 2.5
    return (0.12, 0.15) if settings.is_packed else (0.4, 0.4)
