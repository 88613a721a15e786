"""What each number of a sentence says: of which quantity, in which role, and which numbers go together."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.tokens import Number, Reading
from assistant.word_sets import word_set

CLAUSE_WORDS = word_set("while whereas but because since when where if though although as with then so")
CLAUSE_MARKS = frozenset(";:()")
BE = word_set("is are was were be been being has had have stands stand")
TIMELESS = ("step", "epoch", "rows", "examples", "times", "%", "values", "evaluations", "line", "percentile")

_ROLE_WORDS = {
    "low": "minimum minimal lowest smallest shortest bottom bottoms bottomed best",
    "middle": "median average",
    "high": "longest peak peaks peaked maximum highest largest top tops maximal worst",
    "first": "first initial initially begins began beginning start starts started starting opens",
    "last": "last final finally end ends ended ending finishes finished latest",
    "asked": "asked asks tried wanted wants requested needed attempted",
    "free": "free available left remaining",
    "total": "total capacity overall",
    "unused": "unused unallocated idle",
    "usable": "usable",
    "allocated": "allocated occupied",
    "usual": "usual usually typical typically normal normally recommended",
    "trained": "trains trained trainable",
}
ROLES = {word: role for role, words in _ROLE_WORDS.items() for word in words.split()}
_POSTFIX = frozenset({"free", "unused", "usable", "allocated", "total", "trained"})
_REACH_AHEAD, _REACH_BACK = 9, 6
_NOT_OF_NUMBERS = word_set("one ones over checkpoint thing move choice cure measure remedy option place reason")
_UNIT_PHRASES = word_set("epoch epochs steps rows examples samples evaluations sequences")
_BOUNDS = {"least": "low", "most": "high"}
_ROLE_BREAKS = word_set("and while but ; : ( )")
_CONTEXT = frozenset(
    {"base_model", "training_method", "full_fine_tuning", "hardware", "quantization", "package_versions", "checkpoint"}
)
_FILLERS = word_set("to at about around some only just roughly nearly almost as the a of its")


@dataclass(frozen=True, slots=True)
class Binding:
    """A number with what it is bound to.

    Attributes:
        names: of the quantity, () where none is named.
        partner: place of the number whose step or epoch this one is, -1 for none.
    """

    number: Number
    names: tuple[str, ...]
    roles: frozenset[str]
    partner: int
    clause: int


def bind_numbers(reading: Reading) -> list[Binding]:
    """Bind every number of a sentence."""
    clauses = number_clauses(reading)
    roles = _find_roles(reading)
    bound: list[Binding] = []
    for place in sorted(reading.numbers):
        number = reading.numbers[place]
        partner = _find_partner(reading, place, bound)
        own = roles.get(place, frozenset())
        names = find_names(reading, place, clauses)
        if partner >= 0:
            host = next(binding for binding in bound if binding.number.place == partner)
            own, names = own | host.roles, host.names or names
        if bound and _is_range(reading, bound[-1].number.place, place):
            shared = (own | bound[-1].roles) - {"from", "to"}
            bound[-1] = replace(bound[-1], roles=bound[-1].roles | shared)
            own |= shared
        if bound and _is_part(reading, bound[-1].number.place, place):
            bound[-1] = replace(bound[-1], roles=bound[-1].roles | {"part"})
            own |= {"whole"}
        number = _give_unit(number, names)
        bound.append(Binding(number, names, own, partner, clauses[place]))
    return bound


def number_clauses(reading: Reading) -> list[int]:
    """The clause of each token; "and" opens one where a quantity with its own verb follows, and after a bracket the
    clause before it goes on."""
    clauses, outer = [], list[int]()
    current = last = 0
    for place, token in enumerate(reading.tokens):
        if token.text == ")" and outer:
            clauses.append(current)
            current = outer.pop()
            continue
        opens = token.text in CLAUSE_WORDS or token.text in CLAUSE_MARKS
        if opens or (token.text in ("and", ",", "or") and _has_subject(reading, place)):
            if token.text == "(":
                outer.append(current)
            last += 1
            current = last
        clauses.append(current)
    return clauses


def _has_subject(reading: Reading, place: int) -> bool:
    """Whether a quantity with a verb of its own, or a pronoun, follows."""
    for ahead in range(place + 1, min(place + 5, len(reading.tokens))):
        token = reading.tokens[ahead]
        if token.text in ("it", "this", "that", "and"):
            return token.text != "and" or _has_subject(reading, ahead)
        if token.kind == "phrase":
            rest = [other.text for other in reading.tokens[ahead + 1 : ahead + 6]]
            return any(word in BE or (word.endswith(("s", "ed")) and word.isalpha()) for word in rest) or any(
                word in ("fell", "rose", "grew", "went", "goes", "to") for word in rest
            )
        if token.kind != "word" or token.text in ("from", "to", "of", "in", "by", "at"):
            return False
    return False


def find_names(reading: Reading, place: int, clauses: Sequence[int]) -> tuple[str, ...]:
    """The quantity nearest before a place in its clause, else nearest after, else the one before that clause."""
    here = clauses[place]
    named = [other for other in range(len(reading.tokens)) if _names_quantity(reading, other, place)]
    before = [other for other in named if other < place]
    inside = [other for other in before if clauses[other] == here]
    if inside:
        return reading.tokens[inside[-1]].names
    after = next((other for other in named if other > place and clauses[other] == here), -1)
    if after >= 0:
        return reading.tokens[after].names
    return reading.tokens[before[-1]].names if before else ()


def _names_quantity(reading: Reading, place: int, number: int) -> bool:
    """Whether a phrase may have this number; "for LoRA" only tells where, and "r" and "epoch" have the next one."""
    token = reading.tokens[place]
    if token.kind != "phrase":
        return False
    if set(token.names) & _CONTEXT:
        return token.names == ("package_versions",) and place + 1 == number
    if token.text in _UNIT_PHRASES and (place - 1 in reading.numbers or place + 1 in reading.numbers):
        return abs(place - number) == 1
    return token.text != "r" or (reading.word(place + 1) == "=" and place + 2 == number)


def _is_range(reading: Reading, first: int, second: int) -> bool:
    """Whether two numbers are the ends of a range: "1e-4 to 2e-4", "0.05-0.1"."""
    between = [token.text for token in reading.tokens[first + 1 : second]]
    joined = [word for word in between if word not in ("%", "gib", "mib")]
    return joined in (["to"], ["-"], [".."], ["and"], ["or"])


def _is_part(reading: Reading, first: int, second: int) -> bool:
    """Whether the first number counts a part of the second: "8 of 32", "23 out of 24"."""
    between = [token.text for token in reading.tokens[first + 1 : second]]
    return between in (["of"], ["of", "the"], ["out", "of"], ["of", "all"], ["out", "of", "the"])


def _give_unit(number: Number, names: tuple[str, ...]) -> Number:
    """A plain number of epochs counts epochs; a plain number of examples counts rows."""
    unit = number.unit
    if not unit and names == ("epochs",):
        unit = "epoch"
    if not unit and names and names[0] == "data_amount":
        unit = "rows"
    return Number(number.place, number.value, number.slack, number.digits, unit, number.text)


def _find_partner(reading: Reading, place: int, bound: Sequence[Binding]) -> int:
    """The value that stands at this step or epoch: "2.1 at step 30 (epoch 3)"."""
    if not bound or reading.numbers[place].unit not in ("step", "epoch"):
        return -1
    last = bound[-1]
    between = [token.text for token in reading.tokens[last.number.place + 1 : place]]
    joined = [word for word in between if word not in ("step", "epoch", "the", ",", "is", "which", "about", "-")]
    if len(joined) <= 1 and all(word in ("at", "(", "by", "in", "around", "after", "until") for word in joined):
        is_pair = bool(joined) or "which" in between
        return (last.partner if last.partner >= 0 else last.number.place) if is_pair else -1
    return -1


def _find_roles(reading: Reading) -> dict[int, frozenset[str]]:
    found: dict[int, set[str]] = {}
    for place, token in enumerate(reading.tokens):
        for word in token.text.split(" "):
            is_role = place not in reading.numbers and reading.word(place + 1) not in _NOT_OF_NUMBERS
            is_role &= not (word == "end" and reading.word(place + 1) == "of")
            is_role &= not reading.word(place + 1).endswith("ing")
            if (role := ROLES.get(word)) and is_role:
                target = _find_target(reading, place, role)
                if target >= 0:
                    found.setdefault(target, set()).add(role)
    for place in reading.numbers:
        found.setdefault(place, set()).update(_movement_roles(reading, place))
        is_plain = reading.numbers[place].unit != "times"
        if is_plain and reading.word(place - 2) == "at" and (bound := _BOUNDS.get(reading.word(place - 1))):
            found[place] |= {bound, "usual"}
    return {place: frozenset(roles) for place, roles in found.items()}


def _find_target(reading: Reading, place: int, role: str) -> int:
    """The number that a word like "minimum" or "free" is said of."""
    ahead = range(place + 1, min(place + _REACH_AHEAD, len(reading.tokens)))
    back = range(place - 1, max(place - _REACH_BACK, -1), -1)
    is_behind = role in _POSTFIX or (reading.word(place - 1) == "the" and reading.word(place - 2) in ("at", "in", "by"))
    for side in [back, ahead] if is_behind else [ahead, back]:
        for other in side:
            text = reading.tokens[other].text
            if side is back and role in ("free", "trained") and (whole := _whole_of(reading, other)) >= 0:
                return whole
            if other in reading.numbers and _takes_role(reading.numbers[other], role):
                return other
            is_other_role = text in ROLES and text not in ("first", "last")
            if text in _ROLE_BREAKS or is_other_role or (text == "," and side is back):
                break
    return -1


def _takes_role(number: Number, role: str) -> bool:
    if number.unit == "times" or (number.unit in ("rows", "examples") and role in ("first", "last")):
        return False
    return not (number.unit == "%" and role in ("low", "high", "usual"))


def _read_enough(reading: Reading, place: int) -> str:
    """ "15 epochs would have been enough": where to go; "were not enough": where it was."""
    words = [reading.word(other) for other in range(place + 1, place + 8)]
    for number, word in enumerate(words):
        if word in (",", ";", "and"):
            return ""
        if word in ("enough", "suffice", "suffices", "sufficient", "plenty"):
            is_denied = any(other in ("not", "hardly") or other.endswith("n't") for other in words[:number])
            return "from" if is_denied else "to"
    return ""


def _whole_of(reading: Reading, place: int) -> int:
    """The part before a whole: of "1.12 GiB of 23.68 GiB" the place of the first, given that of the second."""
    if place not in reading.numbers or reading.word(place - 1) != "of":
        return -1
    return next((other for other in range(place - 2, max(place - 5, -1), -1) if other in reading.numbers), -1)


def _movement_roles(reading: Reading, place: int) -> set[str]:
    """Where a number stands in a movement: "from 8", "to 3", "64 becomes 16", "in place of 2", "8 to 1"."""
    is_size = reading.word(place - 1) == "of" and reading.numbers[place].unit == "bytes"
    if is_size and reading.word(place - 2) in ("gib", "free", "mib"):
        return {"total"}
    before = place - 1
    while before >= 0 and (
        reading.word(before) in _FILLERS - {"to"} or reading.word(before) in ("step", "epoch", "rank", "r", "=")
    ):
        before -= 1
    word, following = reading.word(before), reading.word(place + 1)
    if following in ("becomes", "become"):
        return {"from", "example"}
    if word in ("from", "not"):
        return {"from"}
    if following in ("epochs", "epoch", "steps") and (verdict := _read_enough(reading, place)):
        return {verdict}
    if word in ("place", "instead", "than") and reading.word(before - 1) in ("in", "rather", "instead", "becomes", ","):
        return {"from"}
    if word == "instead" or (word == "of" and reading.word(before - 1) in ("place", "instead")):
        return {"from"}
    if word in ("to", "reaches", "reached", "becomes", "towards", "until"):
        earlier = next((other for other in range(before - 1, max(before - 6, -1), -1) if other in reading.numbers), -1)
        is_range = earlier >= 0 and reading.word(earlier - 1) != "from" and earlier >= before - 2
        return set() if is_range and reading.numbers[earlier].value <= reading.numbers[place].value else {"to"}
    return set()
