"""Targets that name experts one by one, brought to the stacked experts of transformers 5, as PEFT does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tools.adaptation import ALL_LINEAR, Adaptation
from tools.errors import BadInput
from tools.modules import Module
from tools.targets import compile_pattern, leaf_names, match_modules, numbers_of

_STYLES: Mapping[str, Mapping[str, str]] = {
    "mixtral": {"gate": "gate.weight", "w1": "gate_up_proj", "w3": "gate_up_proj", "w2": "down_proj"},
    "qwen": {
        "gate": "gate.weight",
        "gate_proj": "gate_up_proj",
        "up_proj": "gate_up_proj",
        "down_proj": "down_proj",
    },
}
_FUSED = {"mixtral": ("w1", "w3"), "qwen": ("gate_proj", "up_proj")}
_QWEN_STYLE = (
    "afmoe beam cohere2_moe deepseek_v2 deepseek_v3 deepseek_v32 dots1 ernie4_5_moe exaone_moe flex_olmo glm4_moe "
    "glm4_moe_lite glm4v_moe glm_moe_dsa hunyuan_v1_moe longcat_flash mellum olmoe qwen3_moe qwen3_next "
    "qwen3_omni_moe qwen3_omni_moe_text qwen3_omni_moe_thinker solar_open"
)
STACKED_STYLES: Mapping[str, str] = dict.fromkeys(("mixtral", "minimax", "minimax_m2"), "mixtral") | dict.fromkeys(
    _QWEN_STYLE.split(), "qwen"
)
"""Model types whose experts PEFT 0.21 renames (transformers 5.23, conversion_mapping.py); a test compares them."""


@dataclass(frozen=True, slots=True)
class StackedTargets:
    """What is left of the targets, and which parameters are adapted instead.

    Attributes:
        targets: names of modules, or what it was before where nothing was renamed.
        parameters: ends of names of parameters.
        doubled: the parameter that gets twice the rank, since it holds two matrices; "" for none.
    """

    targets: str | tuple[str, ...]
    parameters: tuple[str, ...]
    doubled: str = ""


def rename_targets(
    model_type: str, modules: Sequence[Module], adaptation: Adaptation, targets: str | tuple[str, ...]
) -> StackedTargets:
    """Rename LoRA's targets for a mixture of experts whose experts transformers 5 stacks.

    Raises:
        BadInput: only one of the two matrices that are stored together is named.

    Source:
        _convert_peft_config_moe, peft/utils/transformers_weight_conversion.py.
    """
    style = STACKED_STYLES.get(model_type)
    if style is None:
        return StackedTargets(targets, adaptation.parameters)
    names = _STYLES[style]
    if isinstance(targets, str):
        found = _resolve(modules, adaptation, targets, names)
        if not found:
            return StackedTargets(targets, adaptation.parameters)
        targets = tuple(sorted(found))
    renamed = {target: _new_name(target, names) for target in targets}
    kept = tuple(target for target, new in renamed.items() if new is None)
    parameters = (*adaptation.parameters, *(new for new in renamed.values() if new is not None))
    fused = _FUSED[style]
    present = {old for old in fused if any(_is_named(target, old) for target in targets)}
    if present and len(present) < len(fused):
        raise BadInput(
            f"targets: {', '.join(sorted(present))} of the experts goes only together with "
            f"{', '.join(sorted(set(fused) - present))}, since both are stored as gate_up_proj"
        )
    return StackedTargets(kept, tuple(dict.fromkeys(parameters)), "gate_up_proj" if present else "")


def _new_name(target: str, names: Mapping[str, str]) -> str | None:
    return next((new for old, new in names.items() if _is_named(target, old)), None)


def _is_named(target: str, name: str) -> bool:
    return target == name or target.endswith(f".{name}")


def _resolve(modules: Sequence[Module], adaptation: Adaptation, targets: str, names: Mapping[str, str]) -> set[str]:
    """The last names that a regex or ``all-linear`` stands for, the experts' former names among them."""
    if targets == ALL_LINEAR:
        return leaf_names(match_modules(modules, adaptation, ALL_LINEAR)) | set(names)
    pattern = compile_pattern(targets)
    open_modules = [module for module in modules if not _is_saved(module, adaptation)]
    found = {
        key.rsplit(".", 1)[-1]
        for module in open_modules
        for number in numbers_of(module)
        for key in _keys(module, number)
        if pattern.fullmatch(key)
    }
    for old, new in names.items():
        holders = [module for module in open_modules if any(name == new for name, _ in module.tensors)]
        probes = (f"{module.name_in(number)}.{old}" for module in holders for number in numbers_of(module))
        if any(pattern.fullmatch(probe) for probe in probes):
            found.add(old)
    return found


def _keys(module: Module, number: int | None) -> list[str]:
    name = module.name_in(number)
    return [name, *(f"{name}.{tensor}" for tensor, _ in module.tensors)]


def _is_saved(module: Module, adaptation: Adaptation) -> bool:
    return any(f".{name}." in f".{module.name}." for name in (*adaptation.saved, *adaptation.excluded))


def with_experts(adaptation: Adaptation, modules: Sequence[Module]) -> Adaptation:
    """Add the stacked experts' weights to what takes LoRA, where that was asked for.

    Raises:
        BadInput: the model has no stacked experts.
    """
    if not adaptation.has_experts:
        return adaptation
    names = {
        f"{module.name.rsplit('.', 1)[-1]}.{name}"
        for module in modules
        if module.kind == "experts"
        for name, shape in module.tensors
        if len(shape) == 3
    }
    if not names:
        raise BadInput("experts: this model has no stacked experts; leave --experts out")
    return replace(adaptation, parameters=(*adaptation.parameters, *sorted(names)))
