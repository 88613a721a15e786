"""What one layer keeps for the backward pass, and what its backward pass needs for a moment, in bytes for one token."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.vram_frameworks import Framework
from tools.vram_layers import Adapted, LayerWidths
from tools.vram_settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class LayerActivations:
    """Bytes that one token costs in one layer.

    Attributes:
        norms: inputs and normalised values of the norms.
        attention: queries, keys, values, result, and scores where they exist.
        mlp: inner values of the MLP, and copies sorted by expert.
        adapters: inputs of the adapters, their masks, and what runs through the rank.
        backward: more than all of those at the worst moment of the layer's backward pass.
        stream: the residual stream, which is all that a checkpoint keeps.
    """

    norms: float
    attention: float
    mlp: float
    adapters: float
    backward: float
    stream: float

    @property
    def saved(self) -> float:
        """All that stays until the layer's backward pass."""
        return self.norms + self.attention + self.mlp + self.adapters


def measure_layer(
    widths: LayerWidths, adapted: Sequence[Adapted], settings: TrainingSettings, framework: Framework, num_layers: int
) -> LayerActivations:
    """Count what autograd keeps of one layer.

    Source:
        Saved tensors of each operation in transformers 5.23 and PEFT 0.21, read from live storages under torch's
        FakeTensorMode; the residual stream in fp32 after PEFT's ``prepare_model_for_kbit_training``.
    """
    element = settings.activation_bytes
    is_full = settings.adapter == "none"
    stream = 4 if settings.upcasts_rest else element
    density = [one for one in adapted if one.num_layers]
    share = sum(one.num_layers for one in density if one.is_down) / max(1, num_layers)
    has_fused_norm, has_fused_mlp = settings.fused_layers != "none", settings.fused_layers == "all"
    norms = _count_norms(widths, element, is_full=is_full, is_fused=has_fused_norm)
    attention = _count_attention(widths, element, settings, expands=framework.expands_heads)
    keeps_product = is_full and not has_fused_mlp
    mlp = _count_mlp(widths, element, keeps_product=keeps_product, is_fused=has_fused_mlp)
    adapters = _count_adapters(density, settings, framework, num_layers)
    product = element * widths.mlp * keeps_product
    backward = max(
        _activation_backward(widths, element, is_fused=has_fused_mlp) - product,
        min(1.0, share) * _adapter_backward(widths, element, settings, framework),
        _scores_backward(widths, settings) - mlp,
    )
    return LayerActivations(
        norms, attention, mlp, adapters, backward + 2 * stream * widths.hidden, stream * widths.hidden
    )


def _count_norms(widths: LayerWidths, element: int, *, is_full: bool, is_fused: bool) -> float:
    """RMSNorm of transformers keeps an fp32 copy of its input; LayerNorm and fused kernels keep the input itself."""
    kept = 4 if widths.is_rms and not is_fused else element
    scaled = element * is_full if widths.is_rms and not is_fused else 0
    result = element * is_full
    heads = (4 + element * is_full) * (widths.query + widths.key_value) if widths.has_qk_norm else 0
    return widths.num_norms * (kept + scaled) * widths.hidden + 2 * result * widths.hidden + heads


def _count_attention(widths: LayerWidths, element: int, settings: TrainingSettings, *, expands: bool) -> float:
    """Query, key, value and result; keys and values are copied for every query head where the kernel needs that."""
    is_copied = widths.is_grouped and (expands or settings.attention == "eager")
    key_value = widths.query if is_copied else widths.key_value
    linear = element * (widths.query + 2 * key_value + widths.attention_out) + 4 * widths.num_heads
    scores = (4 + element) * widths.num_heads * settings.seq_len if settings.attention == "eager" else 0
    return linear + scores


def _count_mlp(widths: LayerWidths, element: int, *, keeps_product: bool, is_fused: bool) -> float:
    """What the activation keeps, and its result where the matrix after it learns."""
    inner = widths.inner_copies - (is_fused and widths.is_gated)
    return element * (inner + (keeps_product and widths.keeps_product)) * widths.mlp + element * widths.gathered


def _count_adapters(
    adapted: Sequence[Adapted],
    settings: TrainingSettings,
    framework: Framework,
    num_layers: int,
) -> float:
    """Inputs of the adapters: an fp32 copy without autocast, a 16-bit copy with it, shared where types agree."""
    element = settings.activation_bytes
    total = 0.0
    kept = element if settings.compute == "autocast" else framework.adapter_bytes
    is_shared = framework.is_lora_input_kept or (framework.adapter_bytes == element and not settings.dropout)
    mask = 1 if settings.dropout else 0
    for one in adapted:
        share = one.num_layers / max(1, num_layers)
        total += share * (0 if is_shared else (kept + mask) * one.d_in) + share * 2 * kept * settings.rank
        if settings.adapter == "dora":
            total += share * (element + 4) * one.d_out
    if is_shared and adapted:
        inputs = {(one.is_mlp, one.d_in) for one in adapted}
        total += sum(element * d_in for _, d_in in inputs)
    return total


def _activation_backward(widths: LayerWidths, element: int, *, is_fused: bool) -> float:
    """Gradients of product, activation and up stand beside what was kept; fused kernels write in place."""
    if is_fused:
        return element * widths.largest_mlp
    return element * (3 if widths.is_gated else 2) * widths.largest_mlp


def _adapter_backward(widths: LayerWidths, element: int, settings: TrainingSettings, framework: Framework) -> float:
    """The down projection's adapter makes gradients of the inner width in its own type, twice with dropout.

    Its input and the norms' results are still there: nothing of the layer has been given back yet.
    """
    if settings.fused_layers == "all" or framework.adapter_bytes == element:
        return 2 * element * widths.largest_mlp
    gradients = (8 if settings.dropout else 4) * widths.largest_mlp + 4 * widths.hidden
    return gradients + element * (widths.largest_mlp + 2 * widths.num_norms * widths.hidden)


def _scores_backward(widths: LayerWidths, settings: TrainingSettings) -> float:
    """Eager attention: gradients of the probabilities in both types, and of the scores."""
    return 10 * widths.num_heads * settings.seq_len if settings.attention == "eager" else 0
