"""A move as the checks need it."""

import re
from dataclasses import dataclass

from assistant.moves import PlannedMove
from knowledge.card import Move

_ASIDE = re.compile(r"\w{1,40}=false")
_TARGET_END = re.compile(r"\b(?:if|where|unless|instead|in place|which|when|as)\b|;")
_CONDITION_START = re.compile(r"^[^a-z]{0,3}(?:if|when|where|wherever|unless|only)\b")
_CONDITION_END = re.compile(r",\s(?:only\s)?(?:if|when|unless)\s[^,;]{1,120}$")


@dataclass(frozen=True, slots=True)
class Rule:
    """A move as the check needs it.

    Attributes:
        target: words of what a knob is to be set to, without what holds only under a condition.
        is_planned: it stands in the answer; such a move overrules the cards' other ones.
        current: the run's own value, where the settings tell it.
        text: of the whole move, where it stands in the answer.
    """

    knob: str
    direction: str
    amount: str
    card: str
    is_planned: bool
    target: str
    needs_condition: bool
    current: float | None = None
    text: str = ""


def make_rule(move: PlannedMove | Move, card: str, *, is_planned: bool, current: float | None) -> Rule:
    """A rule from a move."""
    text = move.amount.lower()
    target = _TARGET_END.split(_ASIDE.sub("", text))[0]
    is_limited = bool(_CONDITION_START.search(text) or (_CONDITION_END.search(text) and " or " not in text))
    text_of_move = move.text.lower() if isinstance(move, PlannedMove) else ""
    return Rule(move.knob, move.direction, text, card, is_planned, target, is_limited, current, text_of_move)
