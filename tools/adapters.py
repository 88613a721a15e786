"""How many parameters an adapter adds: LoRA and its kin, IA3, prompt and prefix tuning, modules trained whole."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tools.adaptation import ALL_LINEAR, Adaptation
from tools.adapter_defaults import IA3_DEFAULTS, LORA_DEFAULTS, SECOND_MATRICES
from tools.errors import BadInput
from tools.fused_targets import list_slices
from tools.model_shape import ModelShape
from tools.modules import Module
from tools.stacked_targets import STACKED_STYLES, StackedTargets, rename_targets, with_experts
from tools.targets import Match, explain_no_match, layers_among, match_modules, match_parameters, match_saved


@dataclass(frozen=True, slots=True)
class Addition:
    """Trainable parameters that stand at one kind of module.

    Attributes:
        name: the module, or module and parameter; ``{}`` stands for the layer.
        num_places: layers in which it is, 1 outside the layers.
        num_values: parameters at one place.
        is_new: added to the model; False for parameters of the model itself that are trained in place.
        module: the module they stand at, None for prompts.
    """

    name: str
    num_places: int
    num_values: int
    is_new: bool = True
    module: Module | None = None

    @property
    def total(self) -> int:
        """Parameters at all places together."""
        return self.num_places * self.num_values


def list_additions(shape: ModelShape, modules: Sequence[Module], adaptation: Adaptation) -> list[Addition]:
    """What an adaptation trains.

    Args:
        shape: the model.
        modules: its modules.
        adaptation: the method and its targets; not ``full``.

    Raises:
        BadInput: the targets match nothing, or something that cannot be adapted.
    """
    if adaptation.method == "prompt":
        return [_prompt(shape, adaptation)]
    if adaptation.method == "prefix":
        return [_prefix(shape, adaptation)]
    additions = _ia3(shape, modules, adaptation) if adaptation.method == "ia3" else _lora(shape, modules, adaptation)
    return [*additions, *_saved(modules, adaptation), *_biases(modules, adaptation, additions)]


def default_targets(shape: ModelShape) -> str | tuple[str, ...]:
    """PEFT's targets for LoRA on this architecture; all linear modules where it has none."""
    return LORA_DEFAULTS.get(config_type(shape), ALL_LINEAR)


def config_type(shape: ModelShape) -> str:
    """The model type of the whole model, which for one over images is not that of its text part."""
    return str(shape.config.get("model_type", shape.model_type))


def _asked_targets(shape: ModelShape, adaptation: Adaptation) -> str | tuple[str, ...]:
    """The targets given; PEFT's default; none where only parameters are named on a model without such a default."""
    if adaptation.targets is not None:
        return adaptation.targets
    has_default = config_type(shape) in LORA_DEFAULTS and config_type(shape) not in STACKED_STYLES
    return () if adaptation.parameters and not has_default else default_targets(shape)


def _lora(shape: ModelShape, modules: Sequence[Module], adaptation: Adaptation) -> list[Addition]:
    asked = _asked_targets(shape, adaptation)
    adaptation = with_experts(adaptation, modules)
    stacked = rename_targets(config_type(shape), modules, adaptation, asked)
    additions = [_lora_at(match, adaptation) for match in match_modules(modules, adaptation, stacked.targets)]
    additions += _lora_parameters(modules, adaptation, stacked)
    additions = additions or _lora_slices(shape, modules, adaptation, asked)
    if not additions:
        raise explain_no_match(modules, asked)
    return additions


def _lora_slices(
    shape: ModelShape, modules: Sequence[Module], adaptation: Adaptation, asked: str | tuple[str, ...]
) -> list[Addition]:
    """LoRA on query, key or value of a fused matrix, which PEFT refuses and LitGPT does."""
    if isinstance(asked, str):
        return []
    return [
        Addition(
            f"{module.name}[{part}]",
            len(layers_among(module, adaptation.layers)),
            adaptation.rank * (module.d_in + width) + (width if adaptation.method == "dora" else 0),
            module=module,
        )
        for module, width, part in list_slices(shape, modules, asked)
    ]


def _lora_at(match: Match, adaptation: Adaptation) -> Addition:
    """A (rank, d_in) and B (d_out, rank); DoRA adds a magnitude for every row of the result."""
    module, rank = match.module, adaptation.rank
    sizes = {
        "linear": rank * (module.d_in + module.d_out),
        "embedding": rank * (module.d_in + module.d_out),
        "convolution": rank * module.d_in * module.kernel + module.d_out * (rank // module.groups),
    }
    if module.kind not in sizes:
        raise BadInput(f"target {module.name.replace('{}', '*')} is no linear module, so LoRA cannot be put on it")
    if module.kind == "convolution" and rank % module.groups:
        raise BadInput(f"rank must be divisible by the {module.groups} groups of {module.name}, got {rank}")
    magnitudes = module.d_out if adaptation.method == "dora" else 0
    return Addition(module.name, len(match.layers), sizes[module.kind] + magnitudes, module=module)


def _lora_parameters(modules: Sequence[Module], adaptation: Adaptation, stacked: StackedTargets) -> list[Addition]:
    """LoRA on parameters: each of n stacked matrices gets its own A and B."""
    additions = []
    for match, name, size in match_parameters(modules, stacked.parameters):
        full = f"{match.module.name}.{name}"
        if adaptation.method == "dora":
            raise BadInput(f"method dora does not work on {full.replace('{}', '*')}, a stacked weight; use lora")
        if len(size) not in (2, 3):
            raise BadInput(f"parameter {full.replace('{}', '*')} has {len(size)} dimensions; LoRA needs 2 or 3")
        rank = adaptation.rank * 2 if stacked.doubled and name == stacked.doubled else adaptation.rank
        number = size[0] if len(size) == 3 else 1
        additions.append(Addition(full, len(match.layers), rank * number * sum(size[-2:]), module=match.module))
    return additions


def _ia3(shape: ModelShape, modules: Sequence[Module], adaptation: Adaptation) -> list[Addition]:
    """One factor for every value of the result, or of the input where the module is a second matrix of an MLP."""
    default, second = IA3_DEFAULTS.get(config_type(shape), (None, SECOND_MATRICES))
    targets = default if adaptation.targets is None else adaptation.targets
    if targets is None:
        raise BadInput(
            f"method ia3 has no default targets for {config_type(shape)}; name some, such as k_proj,v_proj,down_proj"
        )
    second = second if adaptation.feedforward is None else adaptation.feedforward
    additions = []
    for match in match_modules(modules, adaptation, targets):
        module = match.module
        if module.kind not in ("linear", "convolution"):
            raise BadInput(f"target {module.name.replace('{}', '*')} is no linear module, so IA3 cannot be put on it")
        size = module.d_in if any(module.name.endswith(name) for name in second) else module.d_out
        additions.append(Addition(module.name, len(match.layers), size, module=module))
    if not additions:
        raise explain_no_match(modules, targets)
    return additions


def _prompt(shape: ModelShape, adaptation: Adaptation) -> Addition:
    """One embedding for every virtual token, for encoder and decoder each where there are two."""
    stacks = 2 if shape.num_encoder_layers else 1
    return Addition("prompt_encoder.embedding", 1, stacks * adaptation.num_virtual_tokens * shape.hidden_size)


def _prefix(shape: ModelShape, adaptation: Adaptation) -> Addition:
    """A key and a value for every virtual token in every layer."""
    width = shape.num_kv_heads * shape.head_dim if "num_key_value_heads" in shape.config else shape.hidden_size
    tokens = adaptation.num_virtual_tokens * (2 if shape.num_encoder_layers else 1)
    return Addition("prompt_encoder.embedding", 1, 2 * shape.num_layers * tokens * width)


def _saved(modules: Sequence[Module], adaptation: Adaptation) -> list[Addition]:
    """A trained copy of each module, with its own weight even where the original shares one.

    A shared bias is BERT's, whose two names lie in the same head and are copied together, so it counts once.
    """
    if not adaptation.saved:
        return []
    matches = match_saved(modules, adaptation.saved)
    if not matches:
        names = dict.fromkeys(module.name.rsplit(".", 1)[-1] for module in modules)
        raise BadInput(
            f"modules to save {','.join(adaptation.saved)!r} match nothing; this model has {', '.join(names)}"
        )
    return [
        Addition(
            match.module.name,
            len(match.layers),
            sum(
                math.prod(size)
                for name, size in match.module.tensors
                if (name, name in match.module.tied) != ("bias", True)
            ),
        )
        for match in matches
    ]


def _biases(modules: Sequence[Module], adaptation: Adaptation, additions: Sequence[Addition]) -> list[Addition]:
    """Biases of the model that are trained in place: all of them, each once, or those of the adapted modules."""
    if adaptation.bias == "none":
        return []
    adapted = {addition.name: addition.num_places for addition in additions}
    saved = {match.module.name for match in match_saved(modules, adaptation.saved)}
    return [
        Addition(f"{module.name}.bias", places, math.prod(size), is_new=False, module=module)
        for module in modules
        for name, size in module.tensors
        if name == "bias" and module.name not in saved and (adaptation.bias == "lora_only" or name not in module.tied)
        for places in [module.count if adaptation.bias == "all" else adapted.get(module.name, 0)]
        if places
    ]
