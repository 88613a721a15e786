"""Which modules an adapter takes, by PEFT's rules for names, regexes and ``all-linear``."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tools.adaptation import ALL_LINEAR, Adaptation
from tools.errors import BadInput
from tools.modules import Module

_FIRST_NUMBER = re.compile(r"[^.]{1,200}(?:\.[^.]{1,200}?)*?\.(\d{1,6})\.")
_SHOWN = 12

Layers = Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Match:
    """A kind of module that is adapted, and the layers in which it is.

    Attributes:
        module: the module.
        layers: numbers of the layers; [None] for a module outside the layers.
    """

    module: Module
    layers: Layers


def match_modules(modules: Sequence[Module], adaptation: Adaptation, targets: str | tuple[str, ...]) -> list[Match]:
    """Find the modules that an adapter takes.

    Args:
        modules: all modules of the model.
        adaptation: what is excluded, saved and left out by layer.
        targets: names, a regex that must match whole names, or ``all-linear``.

    Raises:
        BadInput: a regex is malformed or a container is named.

    Source:
        check_target_module_exists and _maybe_include_all_linear_layers, peft/tuners/tuners_utils.py.
    """
    if targets == ALL_LINEAR:
        found = [(module, numbers_of(module)) for module in modules if _is_plain_linear(module)]
    elif isinstance(targets, str):
        found = _match_regex(modules, targets)
    else:
        _refuse_containers(modules, targets)
        found = [(module, _layers_by_name(module, targets, adaptation.layers)) for module in modules]
    blocked = (*adaptation.excluded, *adaptation.saved)
    matches = [Match(module, _without(module, layers, adaptation) if blocked else layers) for module, layers in found]
    return [match for match in matches if match.layers]


def match_parameters(modules: Sequence[Module], names: Iterable[str]) -> list[tuple[Match, str, tuple[int, ...]]]:
    """Find parameters by the end of their names: (where, name of the parameter, its shape).

    Source:
        BaseTuner._inject_parameters, peft/tuners/tuners_utils.py.
    """
    wanted = tuple(names)
    return [
        (Match(module, numbers_of(module)), name, shape)
        for module in modules
        for name, shape in module.tensors
        if any(_ends_with(f"{module.name}.{name}", target) for target in wanted)
    ]


def match_saved(modules: Sequence[Module], names: Sequence[str]) -> list[Match]:
    """Find modules that are trained whole: those whose name, or whose container's name, ends with one of the names.

    Source:
        _set_trainable, peft/utils/other.py, which compares ends without regard to dots.
    """
    found = []
    for module in modules:
        parts = module.name.split(".")
        paths = [".".join(parts[: index + 1]) for index in range(len(parts))]
        if any(path.endswith(name) for path in paths for name in names):
            found.append(Match(module, numbers_of(module)))
        elif any(character.isdigit() for name in names for character in name):
            numbers = [number for number in numbers_of(module) if _is_under(module.name_in(number), names)]
            found += [Match(module, numbers)] if numbers else []
    return found


def explain_no_match(modules: Sequence[Module], targets: str | tuple[str, ...]) -> BadInput:
    """The error for targets that no module has: what the model's linear modules are called."""
    asked = targets if isinstance(targets, str) else ",".join(targets)
    leaves = dict.fromkeys(module.name.rsplit(".", 1)[-1] for module in modules if module.kind == "linear")
    shown = [leaf for leaf in leaves if not leaf.isdigit()][:_SHOWN]
    return BadInput(f"targets {asked!r} match no module; this model has {', '.join(shown)}; or give all-linear")


def leaf_names(matches: Iterable[Match]) -> set[str]:
    """The last part of the names of what was matched."""
    return {match.module.name.rsplit(".", 1)[-1] for match in matches}


def numbers_of(module: Module) -> Layers:
    """The numbers of the module's layers; one None for a module outside the layers."""
    return [None] if module.layers is None else module.layers


def layers_among(module: Module, chosen: Sequence[int] | None) -> Layers:
    """The layers of a module that are among the chosen ones; what is in no layer is left out once any are."""
    return _in_layers(module, numbers_of(module), chosen)


def _is_plain_linear(module: Module) -> bool:
    return module.kind == "linear" and module.role != "output_head"


def _layers_by_name(module: Module, targets: tuple[str, ...], chosen: Sequence[int] | None) -> Layers:
    """The layers in which the module's name is one of the targets or ends with one; a whole name needs no layer."""
    if module.layers is None and module.name in targets:
        return [None]
    if not any(_has_number(target) for target in targets):
        is_match = any(_ends_with(module.name, target) for target in targets)
        return _in_layers(module, numbers_of(module), chosen) if is_match else []
    return [number for number in numbers_of(module) if _is_name_match(module, number, targets, chosen)]


def _is_name_match(module: Module, number: int | None, targets: tuple[str, ...], chosen: Sequence[int] | None) -> bool:
    name = module.name_in(number)
    if name in targets:
        return True
    return any(_ends_with(name, target) for target in targets) and bool(_in_layers(module, [number], chosen))


def _in_layers(module: Module, numbers: Layers, chosen: Sequence[int] | None) -> Layers:
    """Those layers that were chosen; what stands in no layer is left out as soon as layers are chosen."""
    if chosen is None:
        return numbers
    if module.layers is not None:
        return [number for number in numbers if number in chosen]
    found = _FIRST_NUMBER.match(module.name)
    return numbers if found and int(found[1]) in chosen else []


def _match_regex(modules: Sequence[Module], pattern: str) -> list[tuple[Module, Layers]]:
    compiled = compile_pattern(pattern)
    found: list[tuple[Module, Layers]] = [
        (module, [number for number in numbers_of(module) if compiled.fullmatch(module.name_in(number))])
        for module in modules
    ]
    if any(layers for _, layers in found):
        container = next((path for path in _containers(modules) if compiled.fullmatch(path)), None)
        if container:
            raise BadInput(f"targets {pattern!r} match {container}, which holds modules; match only linear ones inside")
    return found


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """Compile a person's regex.

    Raises:
        BadInput: it is malformed or very long.
    """
    if len(pattern) > 2000:
        raise BadInput(f"targets: a regex of {len(pattern)} characters; at most 2000 are allowed")
    try:
        return re.compile(pattern)
    except re.error as error:
        raise BadInput(f"targets {pattern!r}: not a regex ({error}); or give names with commas") from None


def _containers(modules: Sequence[Module]) -> dict[str, None]:
    """Names of what holds the modules, in the first and the last layer; a module's own name is none of them."""
    paths: dict[str, None] = {}
    for module in modules:
        numbers = numbers_of(module)
        for number in dict.fromkeys((numbers[0], numbers[-1])) if numbers else ():
            parts = module.name_in(number).split(".")
            paths |= dict.fromkeys(".".join(parts[:index]) for index in range(1, len(parts)))
    own = {module.name_in(number) for module in modules for number in numbers_of(module)}
    return {path: None for path in paths if path not in own}


def _refuse_containers(modules: Sequence[Module], targets: tuple[str, ...]) -> None:
    """PEFT refuses a target such as ``self_attn``; so does this, with what is inside."""
    for target in targets:
        inside = [module for module in modules if f".{target}." in f".{module.name}."]
        if inside and not any(_ends_with(module.name, target) for module in modules) and not _has_number(target):
            leaves = dict.fromkeys(module.name.rsplit(".", 1)[-1] for module in inside if module.kind == "linear")
            raise BadInput(f"target {target!r} holds modules; name them: {', '.join(list(leaves)[:_SHOWN])}")


def _without(module: Module, layers: Layers, adaptation: Adaptation) -> Layers:
    return [
        number
        for number in layers
        if not any(_ends_with(module.name_in(number), name) for name in adaptation.excluded)
        and not any(f".{name}." in f".{module.name_in(number)}." for name in adaptation.saved)
    ]


def _is_under(name: str, ends: Sequence[str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[: index + 1]).endswith(end) for index in range(len(parts)) for end in ends)


def _ends_with(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


def _has_number(target: str) -> bool:
    return any(part.isdigit() for part in target.split("."))
