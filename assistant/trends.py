"""What a sentence says of how a quantity moves, and whether the evidence says the same."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from assistant.bindings import Binding, number_clauses
from assistant.direction_words import COMPARATIVES
from assistant.quantities import MEASURED, are_compatible
from assistant.tokens import Reading
from assistant.word_sets import word_set

UP, DOWN, FLAT, NAN, LOW, HIGH = 1, -1, 0, 2, 3, 4
_STATES = {"nan": NAN, "lowest": LOW, "minimum": LOW, "bottomed": LOW, "highest": HIGH, "peaks": HIGH, "peaked": HIGH}
FLAT_SHARE = 0.02  # a smaller change from the first value to the last is none that a person would call a fall
_STEMS = {
    UP: "rise rises rose risen rising climb climbs climbed climbing grow grows grew grown growing increase increases "
    "increased increasing jump jumps jumped jumping soar soars soared surge surges surged creeps "
    "bounces bounced shoots shot "
    "balloons worsen worsens worsened worsening deteriorates deteriorated degrades degraded worse",
    DOWN: "fall falls fell fallen falling drop drops dropped dropping decrease decreases decreased "
    "decreasing decline "
    "declines declined declining decays decaying decayed sinks sank sinking shrinks shrank shrinking "
    "descends descending improve improves "
    "improved improving better recovers recovered recovering recover",
    FLAT: "flat plateau plateaus plateaued stall stalls stalled stuck unchanged stagnates stagnated "
    "stagnant steady stable",
}
TREND_WORDS: Mapping[str, int] = {word: way for way, words in _STEMS.items() for word in words.split()}
MOVE_WORDS = word_set("move moves moved moving change changes changed changing budge budges budged")
LEARN_WORDS = word_set("learn learns learned learnt")
GONE = word_set("go goes went going gone come comes came")
_DENY = word_set("not never no without stop stops stopped fails failed cannot neither nor nothing none ceases")
_STAYS = word_set("stays stayed remains remained stay remain")
_MODALS = word_set("may might could can would should to")
_BARELY = word_set("barely hardly scarcely little")
_CONDITIONS = word_set("if when until once whether unless whenever before")
_MEASURED = frozenset(MEASURED) - {"noise"}
_REWARDS = frozenset({"reward", "accuracy", "margins", "logps"})


@dataclass(frozen=True, slots=True)
class Trend:
    """A movement.

    Attributes:
        ways: the movements that would bear it out: one for "falls", two for "does not fall".
        names: of the quantity, () where none is named.
        item: the fact that tells it.
    """

    ways: frozenset[int]
    names: tuple[str, ...]
    word: str
    place: int
    item: str = ""


def find_trends(reading: Reading, bound: Sequence[Binding], *, is_evidence: bool = False) -> list[Trend]:
    """The movements that a sentence tells; those under a condition are left out."""
    clauses = number_clauses(reading)
    found: list[Trend] = []
    for place, token in enumerate(reading.tokens):
        way = _read_way(reading, place)
        if way is None or (_is_conditional(reading, place, clauses) and not is_evidence):
            continue
        ways = way if token.text in LEARN_WORDS else _turn_round(reading, place, way, clauses)
        names = _find_subject(reading, place, clauses)
        if token.text in LEARN_WORDS:
            names = ()
        if names is not None and (names or token.text not in MOVE_WORDS):
            found.append(Trend(_mirror(ways, names, token.text), names, token.text, place))
    return found + _find_pairs(bound, is_evidence=is_evidence)


def _read_way(reading: Reading, place: int) -> frozenset[int] | None:
    word, following = reading.word(place), reading.word(place + 1)
    if word in TREND_WORDS:
        return None if following == "than" else frozenset({TREND_WORDS[word]})
    if word in MOVE_WORDS:
        return frozenset({UP, DOWN}) if place else None
    if word in _STATES and reading.word(place - 1) not in ("usual", "normal", "recommended", "the usual"):
        return frozenset({_STATES[word]})
    if word in LEARN_WORDS and any(reading.word(place - back) in ("nothing", "not", "never") for back in (1, 2, 3)):
        return frozenset({FLAT})
    if word in COMPARATIVES and reading.word(place - 1) in ("%", "percent", "times") and following != "than":
        return frozenset({COMPARATIVES[word]})
    if word in _STAYS and following in ("where", "the", "put", "there", "flat", "at", "as"):
        return frozenset({FLAT})
    if word in GONE and following in ("up", "down", "back"):
        return frozenset({UP if following == "up" else DOWN})
    if word == "constant" and reading.word(place - 1) in ("stays", "remains", "is", "nearly"):
        return frozenset({FLAT})
    return None


def _turn_round(reading: Reading, place: int, way: frozenset[int], clauses: Sequence[int]) -> frozenset[int]:
    for back in range(place - 1, max(place - 5, -1), -1):
        text = reading.word(back)
        if clauses[back] != clauses[place] or text in (",", "and"):
            break
        if text in _BARELY:
            return frozenset({FLAT})
        if text in _DENY or text.endswith("n't"):
            return frozenset({UP, DOWN, FLAT, NAN, LOW, HIGH}) - way
    return way


def _is_conditional(reading: Reading, place: int, clauses: Sequence[int]) -> bool:
    near = [back for back in range(max(place - 8, 0), place) if clauses[back] == clauses[place]]
    is_possible = any(reading.word(back) in _MODALS for back in near if place - back <= 4)
    return is_possible or any(reading.word(back) in _CONDITIONS for back in near)


def _find_subject(reading: Reading, place: int, clauses: Sequence[int]) -> tuple[str, ...] | None:
    """The quantity that moves: before the word, else right after it, else that of the clause before.

    None where a knob is turned and nothing moves.
    """
    named = [
        other
        for other in range(len(reading.tokens))
        if reading.tokens[other].kind == "phrase" and reading.tokens[other].names != ("noise",)
    ]
    before = [other for other in named if other < place and clauses[other] == clauses[place]]
    after = [other for other in named if place < other <= place + 2]
    carried = [other for other in named if other < place and _is_measured(reading.tokens[other].names)]
    chosen = before[-1] if before else after[0] if after else carried[-1] if carried else -1
    if chosen < 0:
        return ()
    names = reading.tokens[chosen].names
    return names if _is_measured(names) else None


def _is_measured(names: Sequence[str]) -> bool:
    return bool(set(names) & (_MEASURED | {"learning_rate"}))


def _mirror(ways: frozenset[int], names: Sequence[str], word: str) -> frozenset[int]:
    """A better reward is a higher one, a better loss a lower one."""
    is_judgement = word.startswith(("improv", "wors", "better", "deterior", "degrad", "recover"))
    return frozenset(-way for way in ways) if is_judgement and set(names) & _REWARDS else ways


def _find_pairs(bound: Sequence[Binding], *, is_evidence: bool) -> list[Trend]:
    """ "From 2.1 to 0.4", and what is said of the first and the last value."""
    found: list[Trend] = []
    for begin, end in (("from", "to"), ("first", "last")):
        for first in (one for one in bound if begin in one.roles and one.partner < 0):
            for last in (one for one in bound if end in one.roles and one.partner < 0):
                is_same = first.names == last.names and first.number.unit == last.number.unit == ""
                if is_same and _is_measured(first.names) and first.number.place != last.number.place:
                    ways = _compare(first.number.value, last.number.value, is_evidence=is_evidence)
                    found.append(Trend(ways, first.names, f"{begin} .. {end}", first.number.place))
    return found


def _compare(first: float, last: float, *, is_evidence: bool) -> frozenset[int]:
    way = (last > first) - (last < first)
    if abs(last - first) > FLAT_SHARE * abs(first):
        return frozenset({way})
    return frozenset({FLAT}) if is_evidence else frozenset({FLAT, way})


def find_trend_fault(
    said: Sequence[Trend], held: Sequence[Trend], cited: Collection[str], *, has_validation: bool
) -> str | None:
    """Tell which movement the evidence does not show; one without a subject must be told by what is cited."""
    for trend in said:
        near = [one for one in held if trend.names or not cited or one.item in cited]
        same = [one for one in near if are_compatible(trend.names, one.names, has_validation=has_validation)]
        denies = len(trend.ways) > 1 and any(not one.ways & trend.ways for one in same)
        if denies or not any(one.ways & trend.ways for one in same):
            return f"'{trend.word}' is not what the evidence says of it"
    return find_clash(said)


def find_clash(said: Sequence[Trend]) -> str | None:
    """A verb against its own numbers: "falls from 3 to 10"."""
    for pair in (one for one in said if ".." in one.word):
        for verb in (one for one in said if ".." not in one.word):
            if verb.names == pair.names and verb.ways in (frozenset({UP}), frozenset({DOWN})):
                near = abs(verb.place - pair.place) <= 4
                if near and not verb.ways & pair.ways:
                    return f"'{verb.word}' does not agree with its numbers"
    return None
