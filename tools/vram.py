"""How much GPU memory a fine-tuning run needs: an itemised estimate of the step's moments, in about a millisecond."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from tools.gpus import Gpu
from tools.model_shape import ModelShape
from tools.vram_activations import measure_layer
from tools.vram_frameworks import FRAMEWORKS
from tools.vram_layers import read_widths
from tools.vram_logits import measure_loss
from tools.vram_matrices import count_matrices, find_adapted
from tools.vram_model import Model
from tools.vram_moments import Step, count_states, find_peak, list_moments
from tools.vram_optimizers import find_optimizer
from tools.vram_reserve import Interval, measure_reserve
from tools.vram_settings import TrainingSettings
from tools.vram_weights import count_weight_bytes

Verdict = Literal["fits", "tight", "does_not_fit"]


@dataclass(frozen=True, slots=True)
class VramEstimate:
    """The memory of one GPU in a training run.

    Attributes:
        allocated_bytes: what tensors take at the peak (``torch.cuda.max_memory_allocated``).
        reserved_bytes: what PyTorch's allocator takes from the driver (``max_memory_reserved``).
        smi_bytes: what nvidia-smi shows: reserved, the CUDA context and, on several GPUs, NCCL.
        parts: bytes by name at the peak; they sum to ``smi_bytes.value``, and to ``allocated_bytes.value`` without
            ``allocator_slack``, ``cuda_context`` and ``paged_optimizer_states``, which PyTorch does not count.
        peak_at: moment of the step: load, forward, loss, backward, optimizer, generation or evaluation.
        moments: allocated bytes at each moment.
        settings: what was estimated, defaults filled in.
        wanted_slack_bytes: the allocator's slack on a GPU without end.
        notes: what was assumed.
    """

    allocated_bytes: Interval
    reserved_bytes: Interval
    smi_bytes: Interval
    parts: Mapping[str, int]
    peak_at: str
    moments: Mapping[str, int]
    settings: TrainingSettings
    wanted_slack_bytes: int
    notes: Sequence[str]


def estimate_vram(model: Model, settings: TrainingSettings) -> VramEstimate:
    """Estimate the GPU memory that fine-tuning a model needs, itemised, with an interval.

    Args:
        model: the model.
        settings: how it is trained.

    Raises:
        BadInput: targets or optimiser are not known.
    """
    settings, notes = _adjust(model.shape, settings)
    step = build_step(model, settings)
    moments = list_moments(step)
    peak_at, parts = find_peak(moments)
    reserve = measure_reserve(moments, peak_at, settings, step.framework)
    whole = {name: round(size) for name, size in parts.items()}
    allocated = sum(whole.values())
    paged = count_states(step) if step.optimizer.is_paged else 0
    whole |= {"allocator_slack": round(reserve.slack), "cuda_context": round(reserve.context)}
    whole |= {"paged_optimizer_states": round(paged)} if paged else {}
    return VramEstimate(
        reserve.interval(allocated, "allocated"),
        reserve.interval(allocated + whole["allocator_slack"], "reserved"),
        reserve.interval(sum(whole.values()), "smi"),
        whole,
        peak_at,
        {name: round(sum(at.values())) for name, at in moments.items()},
        settings,
        round(reserve.wanted_slack),
        notes,
    )


def build_step(model: Model, settings: TrainingSettings) -> Step:
    """Bring together what the moments are made of."""
    shape, modules = model.shape, model.modules
    framework = FRAMEWORKS[settings.framework]
    matrices = count_matrices(modules, shape.num_layers + shape.num_encoder_layers)
    adapted = (
        find_adapted(modules, settings.targets, intermediate=shape.intermediate_size)
        if settings.adapter in ("lora", "dora")
        else ()
    )
    layer = measure_layer(
        read_widths(shape, loops_experts=framework.loops_experts), adapted, settings, framework, matrices.num_layers
    )
    loss = measure_loss(shape, settings, framework, stream_bytes=layer.stream)
    weights = count_weight_bytes(matrices, adapted, settings, framework)
    return Step(weights, matrices, layer, loss, find_optimizer(settings.optimizer), settings, framework)


def judge(estimate: VramEstimate, gpu: Gpu) -> Verdict:
    """Say whether a run fits.

    It fits where the upper end of the interval and half of the slack that the allocator would like find room, it is
    tight where the middle does: PyTorch gives cached blocks back before it gives up. Where the length of the sequences
    was not given, twice as much must find room.
    """
    context = estimate.parts["cuda_context"]
    margin = 2 if estimate.settings.is_length_assumed else 1
    if margin * (estimate.allocated_bytes.high + context + estimate.wanted_slack_bytes // 2) <= gpu.usable_bytes:
        return "fits"
    return "tight" if estimate.allocated_bytes.value + context <= gpu.usable_bytes else "does_not_fit"


def _adjust(shape: ModelShape, settings: TrainingSettings) -> tuple[TrainingSettings, tuple[str, ...]]:
    """What the model's code does whatever the settings say: positions end, and some attention has one kernel only."""
    notes = []
    rows = shape.position_table_size
    if rows and settings.seq_len > rows:
        notes.append(f"sequences end at {rows} tokens, the rows of the model's position table")
        settings = replace(settings, seq_len=rows)
    if _needs_all_scores(shape, settings):
        notes.append(f"attention holds all scores, since {shape.model_type} has no {settings.attention} kernel")
        settings = replace(settings, attention="eager")
    return settings, tuple(notes)


def _needs_all_scores(shape: ModelShape, settings: TrainingSettings) -> bool:
    """BLOOM's ALiBi never has a kernel; soft caps, sinks and one head of keys leave PyTorch's own to the plain form."""
    if FRAMEWORKS[settings.framework].expands_heads or settings.attention == "eager":
        return False
    if shape.model_type == "bloom":
        return True
    is_single = shape.num_kv_heads == 1 and shape.model_type in ("falcon", "gpt_bigcode")
    return settings.attention == "sdpa" and (shape.model_type in ("gemma2", "gpt_oss") or is_single)
