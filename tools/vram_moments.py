"""The moments of a training step, and what stands in memory at each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.vram_activations import LayerActivations
from tools.vram_frameworks import Framework
from tools.vram_layers import Matrices
from tools.vram_logits import LossBytes
from tools.vram_optimizers import Optimizer
from tools.vram_settings import TrainingSettings
from tools.vram_weights import Weights

Parts = Mapping[str, float]

_FP32 = 4

# DeepSpeed's defaults: stage3_max_live_parameters 1e9, sub_group_size 1e9, reduce and all-gather buckets 2e8 (ZeRO-2).
_ZERO3_LIVE_VALUES = 1_000_000_000
_ZERO_BUCKET_VALUES = 200_000_000


@dataclass(frozen=True, slots=True)
class Step:
    """Everything that the moments are made of.

    Attributes:
        weights: what stands for the whole run.
        matrices: counts of the model's values.
        layer: bytes of one token in one layer.
        loss: bytes around the loss.
        optimizer: what the optimiser keeps.
        settings: how the model is trained.
        framework: whose training loop it is.
    """

    weights: Weights
    matrices: Matrices
    layer: LayerActivations
    loss: LossBytes
    optimizer: Optimizer
    settings: TrainingSettings
    framework: Framework


def list_moments(step: Step) -> Mapping[str, Parts]:
    """The parts that stand in memory at each moment of the second step, when the optimiser's states are there."""
    standing = _standing(step)
    saved = _saved(step, step.matrices.num_layers)
    gathered = _gathered(step)
    copies = {"weights_16bit_copies": _count_autocast_copies(step)}
    moments: dict[str, Parts] = {
        "load": _add(standing, {}),
        "forward": _add(standing, saved, gathered, copies),
        "loss": _add(standing, saved, gathered, copies, _loss(step)),
        "backward": _add(standing, gathered, _backward(step)),
        "optimizer": _add(standing, _gradients(step, 1.0), _optimizer_step(step)),
    }
    if step.settings.objective == "grpo":
        moments["generation"] = _add(standing, gathered, _generation(step))
    if step.settings.evaluation_batch:
        moments["evaluation"] = _add(standing, gathered, _evaluation(step))
    return moments


def _add(*groups: Parts) -> Parts:
    total: dict[str, float] = {}
    for group in groups:
        for name, size in group.items():
            total[name] = total.get(name, 0) + size
    return {name: size for name, size in total.items() if size > 0}


def _standing(step: Step) -> Parts:
    """Weights and states, and gradients that accumulate from one micro-batch to the next."""
    weights = step.weights
    standing = {
        "weights": weights.base,
        "quantization_constants": weights.constants,
        "adapters": weights.adapters,
        "reference_model": weights.reference,
        "optimizer_states": _count_states(step),
        "master_weights": _count_master(step),
        "trainer_buffers": step.framework.buffer_bytes,
    }
    if step.settings.accumulation > 1 and not step.settings.steps_in_backward:
        standing |= _gradients(step, 1.0)
    return standing


def _count_states(step: Step) -> float:
    """Moments of the optimiser, as far as PyTorch counts them."""
    return 0 if step.settings.offloads_optimizer or step.optimizer.is_paged else count_states(step)


def count_states(step: Step) -> float:
    """Moments of the optimiser; in fp32 beside master weights, else in the type of what is trained."""
    settings, optimizer = step.settings, step.optimizer
    size = _FP32 if settings.compute == "master" else step.weights.trained_bytes
    factored = 2 * _FP32 / 1024 if optimizer.is_factored else 0
    values = step.weights.trained / settings.optimizer_shards
    return values * (optimizer.full_states * size + optimizer.byte_states + factored)


def _count_master(step: Step) -> float:
    settings = step.settings
    if settings.compute != "master" or settings.offloads_optimizer:
        return 0
    return _FP32 * step.weights.trained / settings.optimizer_shards


def _gradients(step: Step, share: float) -> dict[str, float]:
    """Gradients of a share of the trained values; DDP holds them a second time in its buckets."""
    settings = step.settings
    copies = 2 if settings.sharding == "ddp" and settings.num_gpus > 1 else 1
    values = step.weights.trained / settings.gradient_shards
    if settings.steps_in_backward:
        return {"gradients": step.weights.largest_trained * step.weights.trained_bytes}
    if settings.offloads_parameters:
        values = min(values, step.matrices.per_layer + step.matrices.embedding)
    return {"gradients": copies * share * values * step.weights.trained_bytes}


def _saved(step: Step, num_layers: float) -> dict[str, float]:
    """Activations that wait for the backward pass at the end of the forward pass."""
    settings, layer, tokens = step.settings, step.layer, step.settings.tokens
    if settings.checkpointing == "offloaded":
        return {"activation_checkpoints": 2 * layer.stream * tokens}
    if settings.checkpointing == "full":
        return {"activation_checkpoints": num_layers * layer.stream * tokens}
    share = 0.5 if settings.checkpointing == "selective" else 1.0
    return {
        "activations_norms": share * num_layers * layer.norms * tokens,
        "activations_attention": num_layers * layer.attention * tokens,
        "activations_mlp": share * num_layers * layer.mlp * tokens,
        "activations_adapters": num_layers * layer.adapters * tokens,
    }


def _loss(step: Step) -> Parts:
    logits = max(step.loss.forward, step.loss.backward)
    return {"logits": logits, "activations_head": step.loss.head_inputs}


def _backward(step: Step) -> Parts:
    """The worst of the first layer that the backward pass meets, the last, and the embedding after it."""
    first = _add(_saved(step, step.matrices.num_layers), _recomputed(step), _gradients(step, _head_share(step)))
    last = _add(_saved(step, 1), _recomputed(step), _gradients(step, _share_before_last(step)), _retained(step))
    embedding = _add(_gradients(step, 1.0), _embedding_gradient(step))
    return max(first, last, embedding, key=lambda parts: sum(parts.values()))


def _share_before_last(step: Step) -> float:
    """The share of gradients that stand when the first layer's own backward pass begins."""
    if step.settings.adapter != "none" or not step.weights.trained:
        return 1.0
    matrices = step.matrices
    return max(0.0, 1 - (matrices.per_layer + matrices.embedding - matrices.head) / matrices.total)


def _embedding_gradient(step: Step) -> Parts:
    """The embedding's gradient is dense; where the head shares its weights, it is made apart and then added."""
    if step.settings.adapter != "none" or step.matrices.embedding > step.matrices.head:
        return {}
    return {"temporary": step.matrices.head * step.weights.trained_bytes / step.settings.gradient_shards}


def _recomputed(step: Step) -> dict[str, float]:
    """One layer's activations, computed again under checkpointing, and what its backward pass needs on top."""
    layer, tokens = step.layer, step.settings.tokens
    parts = {"temporary": layer.backward * tokens + _count_dequantized(step)}
    if step.settings.checkpointing in ("full", "offloaded"):
        parts |= {
            "activations_norms": layer.norms * tokens,
            "activations_attention": layer.attention * tokens,
            "activations_mlp": layer.mlp * tokens,
            "activations_adapters": layer.adapters * tokens,
        }
    return parts


def _count_dequantized(step: Step) -> float:
    """A quantised matrix becomes 16-bit for its product, one at a time; stacked experts of a layer all together."""
    settings, matrices = step.settings, step.matrices
    if settings.quantization == "none":
        return 0
    is_stacked = not settings.keeps_experts and not step.framework.loops_experts
    return 2 * max(matrices.largest_linear, is_stacked * matrices.experts / matrices.num_layers)


def _head_share(step: Step) -> float:
    """The share of gradients that the output head alone has."""
    if step.settings.adapter != "none" or not step.weights.trained:
        return 0
    return min(1.0, step.matrices.head / step.weights.trained)


def _retained(step: Step) -> Parts:
    """FSDP's first version holds on to checkpoints and their gradients until the end where the layers are frozen."""
    settings = step.settings
    if (
        settings.adapter == "none"
        or settings.sharding != "fsdp"
        or settings.num_gpus < 2
        or settings.checkpointing != "full"
    ):
        return {}
    return {"activation_checkpoints": (2 * step.matrices.num_layers - 1) * step.layer.stream * settings.tokens}


def _gathered(step: Step) -> Parts:
    """Whole weights that sharding brings together for a moment."""
    settings, matrices = step.settings, step.matrices
    if not settings.shards_weights and not settings.offloads_parameters:
        if settings.sharding in ("zero1", "zero2") and settings.num_gpus >= 1:
            return {"communication_buckets": 2 * 2 * min(_ZERO_BUCKET_VALUES, step.weights.trained)}
        return {}
    size = 4 if settings.weights == "fp32" else 2
    per_value = size if settings.quantization == "none" else 0.53
    if settings.sharding == "zero3":
        return {"gathered_weights": size * min(_ZERO3_LIVE_VALUES, matrices.total)}
    unsharded_gradient = size * matrices.per_layer if settings.adapter == "none" else 0
    return {"gathered_weights": per_value * matrices.per_layer + size * matrices.embedding + unsharded_gradient}


def _count_autocast_copies(step: Step) -> float:
    """Under autocast, fp32 weights that are trained have a 16-bit copy until the forward pass ends."""
    settings = step.settings
    if settings.weights != "fp32" or settings.compute != "autocast" or settings.adapter != "none":
        return 0
    return 2 * step.matrices.total / settings.weight_shards


def _optimizer_step(step: Step) -> Parts:
    settings, optimizer, weights = step.settings, step.optimizer, step.weights
    if settings.offloads_optimizer or settings.steps_in_backward:
        return {}
    values = weights.trained / settings.optimizer_shards
    if settings.compute == "master":
        at_once = min(values, _ZERO3_LIVE_VALUES) if settings.sharding == "zero3" else values
        return {"temporary_step": _FP32 * at_once * (1 + (optimizer.name == "adamw" and settings.sharding == "none"))}
    largest = optimizer.step_largest * weights.largest_trained * _FP32
    return {"temporary_step": optimizer.step_copies * weights.trained_bytes * values + largest}


def _generation(step: Step) -> Parts:
    """Sampling for GRPO in outline: keys and values of every layer, and the logits of one position."""
    settings, layer = step.settings, step.layer
    cache = step.matrices.num_layers * layer.attention * settings.tokens / 2
    return {"key_value_cache": cache}


def _evaluation(step: Step) -> Parts:
    settings = step.settings
    scale = settings.evaluation_batch / max(1, settings.micro_batch)
    return {"logits": step.loss.forward * scale, "temporary": step.layer.saved * settings.tokens * scale}


def find_peak(moments: Mapping[str, Parts]) -> tuple[str, Parts]:
    """The moment that needs most, and its parts."""
    return max(moments.items(), key=lambda item: sum(item[1].values()))


def sum_parts(parts: Parts, names: Sequence[str]) -> float:
    """Bytes of the parts with these names."""
    return sum(parts.get(name, 0) for name in names)
