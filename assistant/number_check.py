"""Whether each number of a sentence stands in what it cites: value, unit, quantity and role."""

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.bindings import TIMELESS, Binding
from assistant.number_words import COUNTS
from assistant.quantities import LOSSES, are_compatible
from assistant.tokens import Reading
from assistant.word_sets import word_set

ROUNDED_DIGITS = 2
ROUGH_SHARE = 0.05
EXACT_UNITS = frozenset({"step", "epoch", "rows", "examples", "evaluations", "values", "line", "gpus", "times"})
_REACH = 10
_ENDS = frozenset(
    {",", ";", ":", "(", ")", "and", "but", "while", "which", "where", "that", "so", "if", "when", "or", "."}
)
_NEGATORS = frozenset({"not", "never", "hardly", "cannot"})
_NEAR_NEGATORS = frozenset({"no", "none", "nothing", "neither", "nor", "without"})
_NEAR = 3
HEDGES = frozenset({"about", "around", "roughly", "some", "nearly", "almost", "approximately", "circa", "close"})
_IMPLIED = {
    "first": {"first", "from"},
    "last": {"last", "to"},
    "low": {"low"},
    "middle": {"middle"},
    "high": {"high"},
    "asked": {"asked"},
    "free": {"free"},
    "unused": {"unused"},
    "usable": {"usable"},
    "allocated": {"allocated"},
    "usual": {"usual"},
    "trained": {"trained"},
}
_OPPOSED = {
    "from": {"to", "last"},
    "to": {"from", "first", "asked", "free"},
    "total": {"free", "asked", "allocated", "unused"},
    "part": {"whole"},
    "whole": {"part"},
}
_COUNTED = {
    "epoch": "epoch",
    "rows": "row",
    "examples": "example",
    "times": "factor",
    "parameters": "param",
    "gpus": "gpu",
}
_STATES = frozenset({"asked", "free", "unused", "usable", "allocated"})


@dataclass(frozen=True, slots=True)
class Known:
    """A number that the evidence holds: its binding, its item, and whether that tells what to do, or denies it."""

    binding: Binding
    item: str
    is_advice: bool
    is_negated: bool = False


@dataclass(frozen=True, slots=True)
class Demand:
    """What a sentence asks of its numbers.

    Attributes:
        advises: the sentence as a whole says what to do, so that the cards' amounts may be named.
        targets: places of numbers that a knob is to be set to: these only the moves may give.
    """

    advises: bool
    targets: frozenset[int]
    has_validation: bool
    has_negated_turn: bool


def find_number_fault(reading: Reading, bound: Sequence[Binding], known: Sequence[Known], demand: Demand) -> str | None:
    """Tell which number is not supported."""
    supports: dict[int, set[str]] = {}
    for binding in bound:
        same = [one for one in known if _is_same(reading, binding, one.binding)]
        text = binding.number.text
        if not same:
            return f"the number {text} does not stand in what it cites"
        fitting = [one for one in same if _fits(binding, one, demand)]
        if not fitting:
            return f"the number {text} is not said of that in what it cites"
        is_denied = is_under_negation(reading, binding.number.place) and "from" not in binding.roles
        if not demand.has_negated_turn and all(one.is_negated != is_denied for one in fitting):
            return f"the number {text} is denied, or what it is said of"
        supports[binding.number.place] = {one.item for one in fitting}
        if binding.partner >= 0 and not supports[binding.number.place] & supports.get(binding.partner, set()):
            return f"the number {text} does not go with the one before it"
    return None


MAX_BARE = 100
_UNCOUNTED = word_set(
    "one of more the them thing things way ways point points reason reasons part parts side sides loss losses curve "
    "curves option options choice choices remedies fix fixes sentence sentences word words hand hands piece pieces "
    "facts signs findings problems faults causes numbers values ends measures cases moves changes others"
)


def find_uncounted(reading: Reading, known: Sequence[Known]) -> str | None:
    """Tell which count in words ("six spikes") is of nothing that the evidence counts so."""
    values = {one.binding.number.value for one in known}
    for place, token in enumerate(reading.tokens):
        value = COUNTS.get(token.text)
        is_bare = value is not None and 1 < value < MAX_BARE and place not in reading.numbers and token.kind == "word"
        following = reading.word(place + 1)
        if is_bare and value not in values and following not in _UNCOUNTED and reading.tokens[-1] is not token:
            return f"counts {token.text} {following}, and the evidence does not"
    return None


def is_under_negation(reading: Reading, place: int) -> bool:
    """Whether the clause of a number denies something, commas and brackets being its ends."""
    count = 0
    for step in (-1, 1):
        other = place + step
        while 0 <= other < len(reading.tokens) and abs(other - place) <= _REACH:
            text = reading.word(other)
            if text in _ENDS:
                break
            is_near = step < 0 and (text in _NEAR_NEGATORS and (text != "no" or place - other <= _NEAR))
            count += text in _NEGATORS or is_near or text.endswith("n't")
            other += step
    return count % 2 == 1


def _is_same(reading: Reading, said: Binding, held: Binding) -> bool:
    first, second = said.number, held.number
    if first.unit != second.unit and not _may_stand_for(reading, said, held):
        return False
    if first.value == second.value:
        return True
    if (first.value < 0) != (second.value < 0) or first.slack == 0 or second.slack == 0:
        return False
    if first.unit in EXACT_UNITS and not _is_hedged(reading, first.place):
        return False
    apart = abs(first.value - second.value)
    if second.slack > first.slack * 1.0001:
        return False
    if apart <= first.slack * 1.0001 and first.digits >= ROUNDED_DIGITS:
        return True
    return _is_hedged(reading, first.place) and apart <= ROUGH_SHARE * abs(second.value) and first.slack >= apart


def _may_stand_for(reading: Reading, said: Binding, held: Binding) -> bool:
    """A number without a unit and without a quantity may be a count of what was named before."""
    if said.number.unit == "" and held.number.unit in _COUNTED:
        if said.names:
            return held.number.unit != "times" and bool(set(said.names) & set(held.names))
        return any(_COUNTED[held.number.unit] in token.text for token in reading.tokens)
    if said.number.unit == "rows" and held.number.unit == "examples":
        return True
    return {said.number.unit, held.number.unit} in ({"", "tokens"}, {"", "parameters"}, {"", "evaluations"})


def _is_hedged(reading: Reading, place: int) -> bool:
    return any(reading.word(place - back) in HEDGES for back in (1, 2, 3))


def _fits(said: Binding, known: Known, demand: Demand) -> bool:
    held = known.binding
    is_target = said.number.place in demand.targets
    if known.is_advice and not demand.advises and ("from" not in held.roles or "example" in held.roles):
        return False
    if is_target and not known.is_advice:
        return False
    if not _is_of_one_quantity(said, held, demand.has_validation):
        return False
    roles = held.roles
    for role in said.roles | ({"to"} if is_target else set()):
        if role in _IMPLIED and not (_IMPLIED[role] & roles) and (roles or said.number.unit != "%"):
            return False
        if roles & _OPPOSED.get(role, set()) and role not in roles:
            return False
    if said.number.unit == "%" and "first" in roles - said.roles:
        return False
    lost = roles & _STATES - said.roles
    return not (lost and said.roles & _STATES)


def _is_of_one_quantity(said: Binding, held: Binding, has_validation: bool) -> bool:
    if said.number.unit == "parameters" or said.number.unit == held.number.unit == "evaluations":
        return True
    if said.number.unit in TIMELESS or held.number.unit in TIMELESS:
        mine, theirs = set(said.names) & LOSSES, set(held.names) & LOSSES
        return are_compatible(mine, theirs, has_validation=has_validation)
    return are_compatible(said.names, held.names, has_validation=has_validation)
