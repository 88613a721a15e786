"""Whether a sentence limits what it says the way that the evidence does: its conditions, "only", "not the case"."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from assistant.claims import list_stems
from assistant.neutral_words import NEGATING
from assistant.opposites import find_opposite
from assistant.tokens import Reading
from assistant.word_sets import word_set

_OPENERS = word_set("if when whenever where wherever unless once provided")
_ENDS = word_set(", ; : ( ) . then but")
_ENOUGH_SHARE = 0.6
_REFUSALS = re.compile(
    r"\b(?:(?:not|never|hardly|no longer|isn't) (?:\w{1,10} )?(?:the case|true|correct|right)|"
    r"(?:false|wrong|untrue|incorrect|mistaken|nonsense|a myth|a lie|a mistake|misleading)\s(?:that|to)|by no means|"
    r"anything but|far from (?:true|right|being|it)|the opposite of|the reverse of|quite the contrary)\b"
)
_ONLY = re.compile(r"\b(?:only|solely|exclusively|just) (?:at|in|on|during|after|before|until|from|for|once)\b")
_KEEP = re.compile(r"(?:^|[,;:] |\b(?:and|should|must|to|please|can|could|just|then) )(?:keep|retain|preserve|leave)\s")
_KEPT = re.compile(r"\b(?:keep|keeps|kept|keeping|leave|leaves|stay|stays)\b")
_KEPT_REACH = 30


@dataclass(frozen=True, slots=True)
class Condition:
    """What stands behind an "if": its stems, its words, and whether it is denied ("unless" denies as "not" does)."""

    stems: frozenset[str]
    words: frozenset[str]
    is_negated: bool


def read_conditions(reading: Reading) -> list[Condition]:
    """The conditions of a sentence."""
    found: list[Condition] = []
    for place, token in enumerate(reading.tokens):
        if token.text in _OPENERS:
            places = list(_span(reading, place + 1))
            words = frozenset(reading.word(other) for other in places)
            count = sum(word in NEGATING or word.endswith("n't") for word in (reading.word(other) for other in places))
            stems = frozenset(list_stems(reading, places))
            if stems:
                found.append(Condition(stems, words, (count + (token.text == "unless")) % 2 == 1))
    return found


def _span(reading: Reading, start: int) -> Iterable[int]:
    for place in range(start, len(reading.tokens)):
        if reading.word(place) in _ENDS or reading.word(place) in _OPENERS:
            return
        yield place


def find_condition_fault(said: Sequence[Condition], held: Sequence[Condition]) -> str | None:
    """Tell which condition turns round one that the evidence or a card has."""
    for one in said:
        near = [other for other in held if len(one.stems & other.stems) >= _ENOUGH_SHARE * len(one.stems)]
        if near and all(other.is_negated != one.is_negated for other in near):
            return "turns a condition round"
        if near and all(find_opposite(one.words, other.words, ()) for other in near):
            return "turns a condition round"
    return None


def find_limit_fault(text: str, held: str, corpus: str) -> str | None:
    """Tell where a sentence denies itself, or limits or keeps what no evidence limits or keeps.

    Args:
        text: the sentence in small letters; held: what it cites; corpus: all evidence and cards.
    """
    if match := _REFUSALS.search(text):
        return f"says '{match[0]}', which turns round what it is said of"
    if (match := _ONLY.search(text)) and not re.search(r"\b(?:only|solely|just|alone|none)\b", held):
        return f"says '{match[0]}', and the evidence does not say only"
    for match in _KEEP.finditer(text):
        nouns = [
            word for word in re.findall(r"[a-z][a-z-]+", text[match.end() : match.end() + 40]) if word not in _SMALL
        ]
        if nouns and not _is_kept(nouns[:3], corpus):
            return f"keeps {nouns[0]}, which no card does"
    return None


_SMALL = word_set("the a an all its it your these those this that as in at to of on and for them with every both")


def _is_kept(nouns: Collection[str], corpus: str) -> bool:
    near = [corpus[max(0, match.start() - _KEPT_REACH) : match.end() + _KEPT_REACH] for match in _KEPT.finditer(corpus)]
    return any(re.search(rf"\b{re.escape(noun.removesuffix('s'))}", span) for noun in nouns for span in near)
