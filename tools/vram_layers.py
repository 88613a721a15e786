"""Widths that activations have, and the matrices of a model grouped by what memory depends on."""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.model_shape import ModelShape


@dataclass(frozen=True, slots=True)
class LayerWidths:
    """Values that one token has at the stations of a layer.

    Attributes:
        hidden: residual stream.
        query: all query heads.
        key_value: all key heads, or all value heads.
        attention_out: input of the attention's output projection.
        mlp: inner width of the MLP that a token passes, its experts together.
        gathered: values that are copied to sort tokens by expert, and back.
        largest_mlp: inner width that is alive at one time in the backward pass.
        num_heads: query heads, for attention scores.
        num_norms: norms over the residual stream.
        is_gated: the MLP has a gate.
        inner_copies: values of the inner width that the MLP keeps for its own backward pass.
        keeps_product: the input of the MLP's last matrix is a tensor of its own, not the activation's result.
        is_rms: the norms are RMSNorm.
        has_qk_norm: queries and keys are normalised.
        is_grouped: several query heads share keys and values.
    """

    hidden: int
    query: int
    key_value: int
    attention_out: int
    mlp: float
    gathered: float
    largest_mlp: float
    num_heads: int
    num_norms: int
    is_gated: bool
    inner_copies: int
    keeps_product: bool
    is_rms: bool
    has_qk_norm: bool
    is_grouped: bool


def read_widths(shape: ModelShape, *, loops_experts: bool = False) -> LayerWidths:
    """The widths of a middling layer: where dense layers and mixtures of experts alternate, their mean.

    Args:
        shape: the model.
        loops_experts: experts run one after the other, so the inner gradients of one alone are alive at a time.
    """
    query = shape.num_heads * shape.head_dim
    is_latent = shape.kv_lora_rank > 0
    key_value = query if is_latent else shape.num_kv_heads * shape.head_dim
    moe_share = _moe_share(shape)
    routed = shape.experts_per_token * shape.moe_intermediate_size
    expert_mlp = routed + shape.shared_expert_size
    at_once = routed / shape.num_experts if loops_experts and shape.num_experts else routed
    mlp = (1 - moe_share) * shape.intermediate_size + moe_share * expert_mlp
    return LayerWidths(
        hidden=shape.hidden_size,
        query=query,
        key_value=key_value,
        attention_out=shape.num_heads * (shape.v_head_dim or shape.head_dim),
        mlp=mlp,
        gathered=moe_share * 2 * shape.experts_per_token * shape.hidden_size,
        largest_mlp=max(
            (1 - moe_share > 0) * shape.intermediate_size, (moe_share > 0) * max(at_once, shape.shared_expert_size)
        ),
        num_heads=shape.num_heads,
        num_norms=4 if shape.model_type.startswith(("gemma2", "gemma3", "gemma4")) else 2,
        is_gated=shape.is_gated_mlp,
        inner_copies=_count_inner_copies(shape),
        keeps_product=_name_activation(shape) != "relu",
        is_rms=shape.norm == "rms",
        has_qk_norm=shape.has_qk_norm,
        is_grouped=shape.num_kv_heads < shape.num_heads and not is_latent,
    )


def _count_inner_copies(shape: ModelShape) -> int:
    """Gate, its activation and up; a fused activation's input; or the five steps of a GELU written in Python.

    Source:
        NewGELUActivation in transformers/activations.py: the input, its cube, the tanh, one more, half the input.
    """
    if shape.is_gated_mlp:
        return 3
    return 4 if _name_activation(shape) in ("gelu_new", "gelu_fast") else 1


def _name_activation(shape: ModelShape) -> str:
    for key in ("hidden_act", "activation_function", "hidden_activation"):
        if shape.config.get(key):
            return str(shape.config[key])
    defaults = {"opt": "relu", **dict.fromkeys(("gpt2", "gptj", "gpt_neo", "codegen", "phi"), "gelu_new")}
    return defaults.get(shape.model_type, "")


def _moe_share(shape: ModelShape) -> float:
    """The share of layers that hold experts.

    Layers before ``first_dense_layers`` are dense, and from there every ``moe_layer_step``-th is a mixture.
    """
    if not shape.num_experts or not shape.num_layers:
        return 0.0
    sparse = max(0, shape.num_layers - shape.first_dense_layers) / max(1, shape.moe_layer_step)
    return min(1.0, sparse / shape.num_layers)


@dataclass(frozen=True, slots=True)
class Matrices:
    """Counts of values, by how a training run treats them.

    Attributes:
        linear: matrices that k-bit loading replaces, in all layers.
        experts: stacked 3-d weights of experts; bitsandbytes leaves them alone unless told otherwise.
        embedding: token embedding and position table, and the output head where it is of its own.
        rest: norms, biases and the like.
        largest_linear: values of the largest single matrix.
        head: values of the output head, own or shared.
        num_layers: layers that are one checkpoint and one sharding unit each.
    """

    linear: int
    experts: int
    embedding: int
    rest: int
    largest_linear: int
    head: int
    num_layers: int

    @property
    def total(self) -> int:
        """All values."""
        return self.linear + self.experts + self.embedding + self.rest

    @property
    def per_layer(self) -> float:
        """Values of one layer."""
        return (self.linear + self.experts + self.rest) / max(1, self.num_layers)


@dataclass(frozen=True, slots=True)
class Adapted:
    """Matrices that carry an adapter: one kind, in some layers.

    Attributes:
        d_out: width of the result.
        d_in: width of the input.
        num_layers: layers that have it.
        is_mlp: it stands in the MLP.
        is_down: its input is the MLP's inner width.
        num_experts: copies in one layer, of which a token meets few.
    """

    d_out: int
    d_in: int
    num_layers: int
    is_mlp: bool
    is_down: bool
    num_experts: int = 1


def count_adapter_values(adapted: Sequence[Adapted], rank: int, *, is_dora: bool = False) -> int:
    """Values that LoRA adds: A (rank, d_in) and B (d_out, rank); DoRA a magnitude for every output more.

    Example:
        >>> count_adapter_values([Adapted(4096, 4096, 32, False, False)], 16)
        4194304
    """
    return sum(
        (rank * (one.d_in + one.d_out) + is_dora * one.d_out) * one.num_layers * one.num_experts for one in adapted
    )
