"""Strict checking: whole clauses of what a sentence cites, in their order, and no knob turned the other way."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from assistant.clauses import split_clauses, split_sentences
from assistant.evidence import Evidence
from assistant.moves import PlannedMove
from knowledge.card import Knob

_NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?%?")
_WORD = re.compile(r"[a-z]+(?:[-_'][a-z0-9]+)*")
_TOKEN = re.compile(f"{_NUMBER.pattern}|{_WORD.pattern}")
_ENDINGS = ("ing", "es", "ed", "s", "e", "ly")

_NEUTRAL = """
    a an the this that these those it its it's is are was were be been has have had does do and or of on in at to from
    for with by as than then which where when while your you model run log please also so advice here there
"""
_NEGATING = """
    no not never none nothing without neither nor cannot instead rather unless stop avoid hardly
"""
NEUTRAL_WORDS = frozenset(_NEUTRAL.split())
NEGATIONS = frozenset(_NEGATING.split())

_UP = "raise|increase|enlarge|higher|more|longer|bigger|larger|add|extend|enable"
_DOWN = "lower|reduce|decrease|shrink|fewer|less|shorter|smaller|remove|disable|drop|cut"
_ADVICE = re.compile(rf"\b(?:(?P<up>{_UP})|(?P<down>{_DOWN}))(?:s|ing|ed|d)?\b")
_DOWNWARD = frozenset({"lower", "remove", "disable"})
_UPWARD = frozenset({"raise", "add", "enable"})
_REACH_WORDS = 6
_REACH_END = re.compile(r"[,.;:()]\s|\bwith\b|\bthan\b|\bbecause\b")


def find_strict_fault(
    sentence: str, cited_items: Sequence[Evidence], moves: Sequence[PlannedMove], knobs: Mapping[str, Knob]
) -> str | None:
    """Check one sentence without its citations against the items that it cites.

    Returns:
        Why it must be struck, or None where everything in it is supported.
    """
    cited = " ".join(item.text for item in cited_items)
    return (
        _number_fault(sentence, cited)
        or _negation_fault(sentence, cited)
        or _direction_fault(sentence, moves, knobs)
        or _wording_fault(sentence, [item.text for item in cited_items])
    )


def _number_fault(sentence: str, cited: str) -> str | None:
    known = {_normal(number) for number in _NUMBER.findall(cited)}
    for number in _NUMBER.findall(sentence):
        if _normal(number) not in known:
            return f"the number {number} does not stand in what it cites"
    return None


def _normal(number: str) -> str:
    sign = "%" if number.endswith("%") else ""
    return f"{float(number.rstrip('%').replace(',', '')):.12g}{sign}"


def _negation_fault(sentence: str, cited: str) -> str | None:
    """A negation that was added turns a fact round; one that was left out breaks its clause."""
    said, given = _negations(sentence), _negations(cited)
    return "negates what it cites" if said - given else None


def _negations(text: str) -> set[str]:
    words = set(_WORD.findall(text.lower()))
    return {word for word in words if word in NEGATIONS or word.endswith("n't")}


def _direction_fault(sentence: str, moves: Sequence[PlannedMove], knobs: Mapping[str, Knob]) -> str | None:
    wanted = {move.knob: move.direction for move in moves}
    text = sentence.lower()
    for match in _ADVICE.finditer(text):
        reach = " ".join(_REACH_END.split(text[match.end() :])[0].split()[:_REACH_WORDS])
        for knob in _named_knobs(reach, knobs):
            direction = wanted.get(knob)
            if direction is None:
                continue
            if (match["up"] and direction in _DOWNWARD) or (match["down"] and direction in _UPWARD):
                return f"says '{match[0]}' of {knobs[knob].label}, and the card says {direction}"
    return None


def _named_knobs(text: str, knobs: Mapping[str, Knob]) -> Iterable[str]:
    for name, knob in knobs.items():
        if any(re.search(rf"\b{re.escape(alias.lower())}\b", text) for alias in knob.aliases):
            yield name


def _wording_fault(sentence: str, cited: Sequence[str]) -> str | None:
    """Everything that carries meaning must be whole clauses of the cited facts, in their order.

    The order and the whole clauses matter: "the validation loss goes from 1.61 to 0.412" could be put together from
    the words of a sentence that says so of the training loss.
    """
    said = _meaning(sentence)
    if not said:
        return "says nothing"
    clauses = [_meaning(clause) for text in cited for part in split_sentences(text) for clause in split_clauses(part)]
    rest = said
    for clause in clauses:
        if clause and rest[: len(clause)] == clause:
            rest = rest[len(clause) :]
    return f"'{rest[0]}' does not follow from what it cites" if rest else None


def _meaning(text: str) -> list[str]:
    """The words and numbers that carry meaning, words without their endings."""
    return [
        _normal(token) if token[0].isdigit() or token[0] in "+-" else _stem(token)
        for token in _TOKEN.findall(text.lower())
        if token not in NEUTRAL_WORDS
    ]


@cache
def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
