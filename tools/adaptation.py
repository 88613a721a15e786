"""What is trained: the whole model, or which adapter on which modules."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from tools.errors import BadInput

Method = Literal["full", "lora", "rslora", "dora", "ia3", "prompt", "prefix"]
METHODS: tuple[Method, ...] = get_args(Method)
Bias = Literal["none", "all", "lora_only"]
LORA_METHODS = ("lora", "rslora", "dora")
ALL_LINEAR = "all-linear"
_MAX_COUNT = 1 << 20


@dataclass(frozen=True, slots=True)
class Adaptation:
    """How a model is adapted, in PEFT's terms.

    Attributes:
        method: ``full`` trains every parameter; ``rslora`` has LoRA's count, only its scale differs.
        rank: LoRA's rank, at least 1.
        targets: names of modules, or a regex that must match whole names, or ``all-linear``; None for PEFT's default.
        excluded: names of modules that are left alone although they are targets.
        parameters: names of parameters that take LoRA directly, such as ``experts.gate_up_proj``.
        feedforward: for IA3, those targets whose input is scaled, not their result; None for PEFT's default.
        saved: names of modules that are trained whole, in a copy.
        layers: numbers of the layers that are adapted; None for all.
        has_experts: LoRA on the stacked experts of a mixture too.
        bias: which biases are trained as well.
        num_virtual_tokens: for prompt and prefix tuning.

    Raises:
        BadInput: a value is out of its range, with what is allowed.
    """

    method: Method = "full"
    rank: int = 8
    targets: str | tuple[str, ...] | None = None
    excluded: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    feedforward: tuple[str, ...] | None = None
    saved: tuple[str, ...] = ()
    layers: tuple[int, ...] | None = None
    has_experts: bool = False
    bias: Bias = "none"
    num_virtual_tokens: int = 20

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise BadInput(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        if self.bias not in get_args(Bias):
            raise BadInput(f"bias must be one of {', '.join(get_args(Bias))}, got {self.bias!r}")
        _check_count("rank", self.rank)
        _check_count("virtual tokens", self.num_virtual_tokens)
        if self.layers is not None and (not self.layers or min(self.layers) < 0):
            raise BadInput(f"layers must be numbers from 0, got {list(self.layers)}")
        if isinstance(self.targets, str) and self.layers is not None:
            raise BadInput(
                f"layers go with a list of targets, not with {self.targets!r}; put the layers into the regex"
            )
        if isinstance(self.targets, tuple) and not self.targets and not self.parameters:
            raise BadInput("targets are empty; give names such as q_proj,v_proj, a regex or all-linear")

    @property
    def is_lora(self) -> bool:
        """LoRA or one of its kin."""
        return self.method in LORA_METHODS


def parse_targets(text: str) -> str | tuple[str, ...]:
    """Read targets as people write them: names with commas, blanks or plus signs between, a regex, or ``all-linear``.

    Example:
        >>> parse_targets("q_proj,v_proj"), parse_targets("q_proj"), parse_targets("all-linear")
        (('q_proj', 'v_proj'), ('q_proj',), 'all-linear')
        >>> parse_targets(r".*[.](q|v)_proj")
        '.*[.](q|v)_proj'
    """
    text = text.strip()
    if text.lower() in (ALL_LINEAR, "all_linear", "all linear"):
        return ALL_LINEAR
    if set(text) & set("*?()[]|\\^${"):
        return text
    return tuple(dict.fromkeys(re.split(r"[\s,+]+", text.strip(" ,+")))) if text.strip(" ,+") else ()


def _check_count(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MAX_COUNT:
        raise BadInput(f"{name} must be a whole number from 1 to {_MAX_COUNT}, got {value!r}")
