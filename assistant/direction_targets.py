"""What a turning word is said of: the knobs behind it or before it."""

from assistant.bindings import BE, CLAUSE_MARKS
from assistant.direction_words import COMPARATIVES, VERBS, Manner
from assistant.tokens import Reading
from assistant.word_sets import word_set

BREAKS = CLAUSE_MARKS | word_set("but while whereas because since so where if when that which")
_REACH = 9
_NEVER_BACK = word_set("more less further extra additional")
_AFTER_COMPARED = word_set("than and or but by for in at if would to so here again now too still as from")
_PREPOSITIONS = word_set("for with at than during per against above below over beyond")


def find_targets_of(
    reading: Reading, place: int, manner: Manner, events: set[int], knob_names: frozenset[str]
) -> list[tuple[tuple[str, ...], int]]:
    """The knobs that the word at a place turns, each with the place of its phrase.

    Args:
        events: places of all turning words; knob_names: names of phrases that are knobs.
    """
    if manner in ("weak", "inspect"):
        return _look_ahead(reading, place, events, knob_names, _PREPOSITIONS)
    if _is_passive(reading, place):
        return _look_back(reading, place, knob_names)
    following = reading.tokens[place + 1] if place + 1 < len(reading.tokens) else None
    is_before_noun = manner == "compared" and following is not None and following.kind == "word"
    is_before_noun &= following is None or following.text not in _AFTER_COMPARED
    is_loose = (is_before_noun or reading.word(place) in _NEVER_BACK) and reading.tokens[place - 1].kind != "phrase"
    return (
        _look_ahead(reading, place, events, knob_names, _PREPOSITIONS)
        or ([] if is_loose else _look_back(reading, place, knob_names))
        or ([] if is_loose else _look_ahead(reading, place, events, knob_names, frozenset()))
    )


def _is_passive(reading: Reading, place: int) -> bool:
    """Whether what is turned stands before: "is cut", "should be raised", "is too high"."""
    word = reading.word(place)
    if word not in ("too", "enough", "cut") and not word.endswith("ed") and word not in COMPARATIVES:
        return False
    return any(reading.word(place - back) in BE for back in (1, 2, 3))


def _look_ahead(
    reading: Reading, place: int, events: set[int], knob_names: frozenset[str], breaks: frozenset[str]
) -> list[tuple[tuple[str, ...], int]]:
    found: list[tuple[tuple[str, ...], int]] = []
    for ahead in range(place + 1, min(place + _REACH, len(reading.tokens))):
        token = reading.tokens[ahead]
        is_event = ahead in events and (token.text in VERBS or token.text in COMPARATIVES)
        if token.text in BREAKS or (token.text in breaks and not found) or (is_event and not _is_weak(token.text)):
            break
        if (
            found
            and token.text not in ("and", "or", ",", "the", "a", "as", "well", "both", "nor")
            and token.kind != "phrase"
        ):
            break
        if token.text == "," and not found:
            break
        if token.kind == "phrase" and (knobs := tuple(name for name in token.names if name in knob_names)):
            found.append((knobs, ahead))
    return found


def _is_weak(word: str) -> bool:
    return word in VERBS and VERBS[word][1] in ("weak", "inspect")


def _look_back(reading: Reading, place: int, knob_names: frozenset[str]) -> list[tuple[tuple[str, ...], int]]:
    """ "The rank should be halved", "epochs lower": the knob stands before; several joined by "and" all count."""
    found: list[tuple[tuple[str, ...], int]] = []
    for back in range(place - 1, max(place - 12, -1), -1):
        token = reading.tokens[back]
        if token.text in BREAKS:
            break
        if token.kind == "phrase" and (knobs := tuple(name for name in token.names if name in knob_names)):
            found.append((knobs, back))
        elif token.kind == "phrase" or (found and token.text not in ("and", "or", ",", "the", "both")):
            break
    return found
