"""The modules of a model: names, kinds and sizes, one entry for all layers that have the same one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

ModuleKind = Literal["linear", "embedding", "convolution", "experts", "other"]
Role = Literal["", "token_embedding", "output_head"]


@dataclass(frozen=True, slots=True)
class Module:
    """A module that owns parameters, once for all layers in which it has the same sizes.

    Attributes:
        name: transformers' dotted name; ``{}`` stands for the number of the layer.
        kind: what an adapter sees: ``linear`` takes LoRA; ``experts`` holds stacked 3-d weights; ``other`` takes none.
        tensors: (name, shape) of every parameter that the module itself owns.
        layers: the numbers that ``{}`` stands for; None for a module that is there once.
        d_out: width of the result, of a linear map or an embedding; 0 for other kinds.
        d_in: width of the input, or the rows of an embedding.
        role: token embedding and output head are told apart from other modules of their kind.
        tied: names of tensors that belong to another module and are not counted here.
        num_experts: experts among which a router chooses, where this module is one or holds them; 0 elsewhere.
        kernel: sizes of a convolution's window, values a position.
        groups: groups of a convolution.
    """

    name: str
    kind: ModuleKind
    tensors: tuple[tuple[str, tuple[int, ...]], ...]
    layers: Sequence[int] | None = None
    d_out: int = 0
    d_in: int = 0
    role: Role = ""
    tied: tuple[str, ...] = ()
    num_experts: int = 0
    kernel: int = 1
    groups: int = 1

    @property
    def count(self) -> int:
        """How many of them the model has."""
        return 1 if self.layers is None else len(self.layers)

    @property
    def num_values(self) -> int:
        """Parameters of one of them, shared ones left out."""
        return sum(math.prod(shape) for name, shape in self.tensors if name not in self.tied)

    def name_in(self, layer: int | None) -> str:
        """The full name in one layer."""
        return self.name if layer is None else self.name.replace("{}", str(layer), 1)


def linear(name: str, d_out: int, d_in: int, *, bias: bool = False, layers: Sequence[int] | None = None) -> Module:
    """A matrix (d_out, d_in), with a bias or without.

    Example:
        >>> linear("lm_head", 32000, 4096).num_values
        131072000
    """
    tensors: tuple[tuple[str, tuple[int, ...]], ...] = (("weight", (d_out, d_in)),)
    tensors += (("bias", (d_out,)),) if bias else ()
    return Module(name, "linear", tensors, layers, d_out, d_in)


def output_head(name: str, vocab: int, width: int, *, is_tied: bool, bias: bool = False) -> Module:
    """The matrix (vocab, width) that gives the logits; where it is tied, the token embedding owns its weight."""
    head = linear(name, vocab, width, bias=bias)
    return replace(head, role="output_head", tied=("weight",) if is_tied else ())


def embedding(name: str, rows: int, width: int, *, layers: Sequence[int] | None = None, role: Role = "") -> Module:
    """A table (rows, width)."""
    return Module(name, "embedding", (("weight", (rows, width)),), layers, width, rows, role)


def convolution(name: str, d_out: int, d_in: int, window: tuple[int, ...], *, bias: bool) -> Module:
    """A convolution (d_out, d_in, *window)."""
    tensors: tuple[tuple[str, tuple[int, ...]], ...] = (("weight", (d_out, d_in, *window)),)
    tensors += (("bias", (d_out,)),) if bias else ()
    return Module(name, "convolution", tensors, None, d_out, d_in, kernel=math.prod(window))


def norm(name: str, width: int | tuple[int, ...], *, bias: bool = False, layers: Sequence[int] | None = None) -> Module:
    """A normalisation with a scale and, for LayerNorm, a bias."""
    shape = width if isinstance(width, tuple) else (width,)
    tensors: tuple[tuple[str, tuple[int, ...]], ...] = (("weight", shape),)
    tensors += (("bias", shape),) if bias else ()
    return Module(name, "other", tensors, layers)
