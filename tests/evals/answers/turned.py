"""Looks for advice in the wrong direction by a reading of its own: the verifier is not checked by itself."""

import re
from collections.abc import Iterator, Mapping

from assistant.answer import Answer
from knowledge.card import Card, load_knobs

UP = r"raise|increase|enlarge|lengthen|boost|bump|extend|double|more|higher|longer|larger|bigger|enable|add"
DOWN = r"lower|reduce|decrease|shrink|shorten|cut|halve|drop|fewer|less|shorter|smaller|disable|remove"
ADVICE = re.compile(
    rf"\b(?:(?P<up>{UP})|(?P<down>{DOWN}))(?:s|d|ed|ing)?\b(?P<rest>(?:\s+[\w/()-]+){{1,5}})", re.IGNORECASE
)
NEGATED = re.compile(
    r"\b(?:not|never|no|n't|without|instead of|rather than|avoid|stop|than)\s+(?:\w+\s+){0,2}$", re.IGNORECASE
)
UPWARD, DOWNWARD = {"raise", "add", "enable"}, {"lower", "remove", "disable"}


def find_turned_advice(answer: Answer, cards: Mapping[str, Card]) -> Iterator[str]:
    """Give the model's sentences that turn a knob against the answer's moves, or else against its cards."""
    ways: dict[str, set[str]] = {}
    for move in answer.moves:
        ways.setdefault(move.knob, set()).add(move.direction)
    moved = frozenset(ways)
    for name in answer.cards[:3]:
        for one in cards[name].moves if name in cards else ():
            if one.knob not in moved:
                ways.setdefault(one.knob, set()).add(one.direction)
    for sentence in re.split(r"(?<=[.!?])\s+", answer.words):
        yield from (f"{sentence!r} of {knob}" for knob in _turned_knobs(sentence, ways))


def _turned_knobs(sentence: str, ways: Mapping[str, set[str]]) -> Iterator[str]:
    knobs = load_knobs()
    for match in ADVICE.finditer(sentence):
        if NEGATED.search(sentence[: match.start()]):
            continue
        for knob, directions in ways.items():
            if not any(
                re.search(rf"\b{re.escape(alias)}\b", match["rest"], re.IGNORECASE) for alias in knobs[knob].aliases
            ):
                continue
            wrong = DOWNWARD if match["up"] else UPWARD
            if directions & wrong and not directions - wrong:
                yield knob
