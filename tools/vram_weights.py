"""What stands in memory for the whole run: weights, constants of quantisation, adapters."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.vram_frameworks import Framework
from tools.vram_layers import Adapted, Matrices, count_adapter_values
from tools.vram_settings import TrainingSettings

# bitsandbytes, functional.quantize_4bit: one fp32 maximum for 64 values; quantised again, a byte each, with an fp32
# maximum for 256 of those. GPTQ, group size 128: a 16-bit scale and a 4-bit zero for 128 values.
NF4_CONSTANTS = 4 / 64
NF4_DOUBLE_CONSTANTS = 1 / 64 + 4 / (64 * 256)
GPTQ_CONSTANTS = 2.5 / 128
INT8_CONSTANTS = 4 / 4096

_BITS = {"nf4": 0.5, "gptq": 0.5, "awq": 0.5, "int8": 1.0}


@dataclass(frozen=True, slots=True)
class Weights:
    """Bytes of the weights on one GPU, and how many values are trained.

    Attributes:
        base: frozen or trained weights of the model.
        constants: scales of a quantised base.
        adapters: weights of the adapters and of modules trained beside them.
        reference: a frozen copy for preference training.
        trained: values that get a gradient, whole model.
        trained_bytes: bytes of one of them, on the average.
        largest_trained: values of the largest trained matrix.
    """

    base: float
    constants: float
    adapters: float
    reference: float
    trained: int
    trained_bytes: float
    largest_trained: int


def count_weight_bytes(
    matrices: Matrices, adapted: Sequence[Adapted], settings: TrainingSettings, framework: Framework
) -> Weights:
    """Count the bytes of weights that one GPU holds."""
    base, constants = _count_base(matrices, settings)
    shards = settings.weight_shards
    if settings.adapter == "none":
        trained_bytes = 4 if settings.weights == "fp32" else 2
        resident = base / shards * (not settings.offloads_parameters)
        largest = max(matrices.largest_linear, matrices.head)
        return Weights(resident, 0, 0, base * settings.has_reference, matrices.total, trained_bytes, largest)
    values = count_adapter_values(adapted, settings.rank, is_dora=settings.adapter == "dora")
    saved = matrices.embedding if settings.modules_to_save else 0
    trained = framework.adapter_bytes * values + 2 * saved
    resident = 0.0 if settings.offloads_parameters else 1 / shards
    largest = max((settings.rank * max(one.d_in, one.d_out) for one in adapted), default=0)
    return Weights(
        base * resident,
        constants * resident,
        trained / shards,
        0,
        values + saved,
        trained / max(1, values + saved),
        max(largest, matrices.head if saved else 0),
    )


def _count_base(matrices: Matrices, settings: TrainingSettings) -> tuple[float, float]:
    """Weights and constants of the whole model, in bytes."""
    plain_bytes = 4 if settings.weights == "fp32" else 2
    if settings.quantization == "none":
        return plain_bytes * matrices.total, 0
    quantized = matrices.linear + (0 if settings.keeps_experts else matrices.experts)
    rest = matrices.total - quantized
    rest_bytes = 4 if settings.upcasts_rest else plain_bytes
    constants = {
        "nf4": NF4_DOUBLE_CONSTANTS if settings.is_double_quantized else NF4_CONSTANTS,
        "int8": INT8_CONSTANTS,
    }.get(settings.quantization, GPTQ_CONSTANTS)
    return _BITS[settings.quantization] * quantized + rest_bytes * rest, constants * quantized
