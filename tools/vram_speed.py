"""How fast a run can be: floating-point operations for a token, tokens a second, utilisation."""

from dataclasses import dataclass

from tools.errors import BadInput
from tools.gpus import Gpu
from tools.vram_matrices import count_matrices
from tools.vram_model import Model
from tools.vram_settings import TrainingSettings

UTILISATION = 0.4
"""A usual share of the data sheet's throughput: 0.3 to 0.5 where sequences are long enough and kernels are good."""


@dataclass(frozen=True, slots=True)
class Speed:
    """Expected speed on one GPU.

    Attributes:
        model_flops_per_token: forward and backward, without what is computed again.
        flops_per_token: the same with the second forward pass of gradient checkpointing.
        utilisation: assumed share of the data sheet's throughput, counted on ``flops_per_token``.
        tokens_per_second: expected, on all GPUs together; None where the GPU's throughput is not known.
    """

    model_flops_per_token: float
    flops_per_token: float
    utilisation: float
    tokens_per_second: float | None

    def seconds_for(self, num_tokens: int) -> float | None:
        """Time for a number of tokens, in seconds."""
        return num_tokens / self.tokens_per_second if self.tokens_per_second else None


def estimate_speed(model: Model, settings: TrainingSettings, gpu: Gpu, *, utilisation: float = UTILISATION) -> Speed:
    """Estimate how many tokens a second a fine-tuning run processes.

    Args:
        model: the model.
        settings: how it is trained.
        gpu: the GPU, one of ``settings.num_gpus``.
        utilisation: share of the data sheet's throughput, above 0 and up to 1.

    Raises:
        BadInput: the utilisation is no such share.
    """
    if not 0 < utilisation <= 1:
        raise BadInput(f"utilisation must be above 0 and at most 1, got {utilisation:g}")
    forward = count_forward_flops(model, settings.seq_len)
    model_flops = forward * (3 if settings.adapter == "none" else 2)
    flops = model_flops + forward * (settings.checkpointing in ("full", "offloaded"))
    peak = gpu.bf16_tflops * 1e12 * settings.num_gpus
    return Speed(model_flops, flops, utilisation, utilisation * peak / flops if peak else None)


def count_forward_flops(model: Model, seq_len: int) -> float:
    """Operations of the forward pass for one token: two for every active weight, and causal attention.

    Frozen weights need the gradient of their inputs but not their own, so LoRA's backward pass costs one forward pass
    where full fine-tuning's costs two.

    Source:
        Kaplan et al. 2020, arXiv:2001.08361, table 1; attention over half of the positions on the average.
    """
    shape = model.shape
    matrices = count_matrices(model.modules, shape.num_layers + shape.num_encoder_layers)
    active = matrices.linear + matrices.head
    if shape.num_experts:
        expert = 3 * shape.hidden_size * shape.moe_intermediate_size
        unused = (shape.num_experts - shape.experts_per_token) * expert * _count_moe_layers(model)
        active = matrices.linear + matrices.experts + matrices.head - unused
    attention = 2 * seq_len * shape.num_heads * shape.head_dim * shape.num_layers
    return 2.0 * max(active, 0) + attention


def _count_moe_layers(model: Model) -> int:
    holders = [module for module in model.modules if module.num_experts and module.kind in ("experts", "linear")]
    return max((module.count for module in holders), default=0)


def measure_utilisation(model: Model, settings: TrainingSettings, gpu: Gpu, tokens_per_second: float) -> float | None:
    """Model FLOPs utilisation of a measured throughput: useful operations over the data sheet's.

    Args:
        model: the model.
        settings: how it was trained.
        gpu: one of the GPUs.
        tokens_per_second: measured, on all GPUs together.
    """
    peak = gpu.bf16_tflops * 1e12 * settings.num_gpus
    speed = estimate_speed(model, settings, gpu)
    return tokens_per_second * speed.model_flops_per_token / peak if peak else None
