"""Which knobs a sentence turns, and which way: verbs, comparatives, "too high", negations, "instead of"."""

from collections.abc import Iterator
from dataclasses import dataclass

from assistant.bindings import BE
from assistant.direction_targets import BREAKS, find_targets_of
from assistant.direction_words import (
    BAD_ENDS,
    COMPARATIVES,
    DOWN_PARTICLES,
    NEGATORS,
    OFF_PARTICLES,
    ON_PARTICLES,
    PARTICLE_VERBS,
    TOLD_EVENTS,
    TOO_LITTLE,
    TOO_MUCH,
    UP_PARTICLES,
    VERBS,
    Manner,
)
from assistant.tokens import Reading
from assistant.word_sets import word_set

_PLACES = word_set("the a an your this its all older each one ampere hopper newer any")
_ARTICLES = word_set("a an the this each its their upper usual own no")


@dataclass(frozen=True, slots=True)
class Turn:
    """A word that turns something.

    Attributes:
        sign: 1 up or on, -1 down or off, 0 no way of its own; negations are already counted in.
        knobs: what it turns: alternatives of one phrase; () where nothing is named.
        place: of the word; target: of the phrase, -1 where none is named.
    """

    sign: int
    manner: Manner
    knobs: tuple[str, ...]
    place: int
    target: int
    word: str
    is_negated: bool


def find_turns(reading: Reading, knob_names: frozenset[str]) -> list[Turn]:
    """Everything that a sentence turns, in order; a verb may turn several knobs."""
    raw = list(_find_words(reading))
    places = {place for place, *_ in raw}
    turns: list[Turn] = []
    for place, sign, manner, word, own in raw:
        is_negated = _is_negated(reading, place, places)
        final = -sign if is_negated else sign
        targets = [(own, place)] if own else find_targets_of(reading, place, manner, places, knob_names)
        for knobs, target in targets or [((), -1)]:
            turns.append(Turn(final, manner, knobs, place, target, word, is_negated))
    turned = {turn.target for turn in turns if turn.manner not in ("weak", "inspect")}
    return [turn for turn in turns if turn.manner != "weak" or turn.target not in turned or turn.target < 0]


def _find_words(reading: Reading) -> Iterator[tuple[int, int, Manner, str, tuple[str, ...]]]:
    """(place, sign, manner, word, knobs that the word names by itself)"""
    place = 0
    while place < len(reading.tokens):
        told = _match_told(reading, place)
        if told:
            length, knobs, sign = told
            yield place + length - 1, sign, "amount", " ".join(reading.word(place + i) for i in range(length)), knobs
            place += length
            continue
        found = _read_word(reading, place)
        if found:
            yield (place, *found, ())
        place += 1


def _match_told(reading: Reading, place: int) -> tuple[int, tuple[str, ...], int] | None:
    words = [reading.word(place + ahead) for ahead in range(4)]
    for length in (4, 3, 2):
        if found := TOLD_EVENTS.get(tuple(words[:length])):
            return length, *found
    return None


def _read_word(reading: Reading, place: int) -> tuple[int, Manner, str] | None:
    token = reading.tokens[place]
    word = token.text
    if token.kind == "phrase":
        return None
    before, following = reading.word(place - 1), reading.word(place + 1)
    if word == "too" and following in TOO_MUCH | TOO_LITTLE:
        return (-1 if following in TOO_MUCH else 1), "amount", f"too {following}"
    if before == "too":
        return None
    if following == "enough" and word in TOO_MUCH | TOO_LITTLE:
        return (-1 if word in TOO_MUCH else 1), "amount", f"{word} enough"
    if word in ("beyond", "past") and place + 1 in reading.numbers and reading.numbers[place + 1].unit == "epoch":
        return 1, "amount", word
    if word == "another" and following.replace(".", "").isdigit():
        return 1, "amount", word
    if word in COMPARATIVES and before in ("%", "percent", "times") and following != "than":
        return None
    if word in COMPARATIVES and not (word == "lower" and _is_verb(reading, place)):
        return COMPARATIVES[word], "compared", word
    if word in ("without", "no") and reading.tokens[place + 1 : place + 4] and before not in BE | {"there", "shows"}:
        return _read_without(reading, place)
    if word not in VERBS or (before in _ARTICLES and not word.endswith(("ing", "ed"))):
        return None
    sign, manner, base = VERBS[word]
    particle = _find_particle(reading, place) if base in PARTICLE_VERBS else None
    return particle or (sign, manner, base)


def _read_without(reading: Reading, place: int) -> tuple[int, Manner, str] | None:
    """ "Without dropout" switches it off."""
    for ahead in range(place + 1, min(place + 4, len(reading.tokens))):
        token = reading.tokens[ahead]
        if token.kind == "phrase":
            is_statement = reading.word(place) == "no" and reading.word(ahead + 1) in BE
            return None if is_statement else (-1, "switch", reading.word(place))
        if token.text not in ("a", "an", "the", "any"):
            return None
    return None


def _find_particle(reading: Reading, place: int) -> tuple[int, Manner, str] | None:
    """ "Turn it off", "bring the rate down": a verb's second half."""
    word = reading.word(place)
    for ahead in range(place + 1, min(place + 8, len(reading.tokens))):
        text = reading.word(ahead)
        if text in BREAKS or text == "," or text in VERBS:
            return None
        for particles, sign, manner in _PARTICLES:
            if text in particles and not (text == "on" and ahead > place + 1 and _is_preposition(reading, ahead)):
                return sign, manner, f"{word} {text}"
    return None


_PARTICLES: tuple[tuple[frozenset[str], int, Manner], ...] = (
    (UP_PARTICLES, 1, "amount"),
    (DOWN_PARTICLES, -1, "amount"),
    (ON_PARTICLES, 1, "switch"),
    (OFF_PARTICLES, -1, "switch"),
)


def _is_preposition(reading: Reading, place: int) -> bool:
    """Whether "on" is followed by a place ("on the validation set") and so belongs to that."""
    following = reading.tokens[place + 1] if place + 1 < len(reading.tokens) else None
    return following is not None and (following.kind in ("phrase", "number") or following.text in _PLACES)


def _is_verb(reading: Reading, place: int) -> bool:
    """Whether "lower" is the verb: first, or after "to", "not", "and" or a helping verb, and before its object."""
    before = reading.word(place - 1)
    opens = before in (
        "",
        "to",
        "not",
        "then",
        "please",
        "and",
        "or",
        ",",
        ":",
        ";",
        "should",
        "must",
        "could",
        "would",
        "can",
        "you",
        "i",
        "we",
        "than",
        "n't",
        "don't",
        "never",
        "just",
        "also",
        "either",
        "first",
    )
    following = reading.tokens[place + 1] if place + 1 < len(reading.tokens) else None
    return opens and following is not None and following.text not in (".", ",", "than")


def _is_negated(reading: Reading, place: int, events: set[int]) -> bool:
    """Count what turns it round: before it up to the clause's start or another such word, and behind it a bad end."""
    count = 0
    for back in range(place - 1, max(place - 8, -1), -1):
        text = reading.word(back)
        if text in BREAKS or (text == "," and not _is_listing(reading, back)):
            break
        if back in events and not (reading.word(back) in VERBS and VERBS[reading.word(back)][1] == "weak"):
            if reading.word(place) in VERBS or reading.word(back) not in ("no", "without"):
                break
            continue
        count += _negates(reading, back)
    return (count + _count_bad_ends(reading, place, events)) % 2 == 1


def _is_listing(reading: Reading, place: int) -> bool:
    return reading.word(place + 1) in ("nor", "or")


def _negates(reading: Reading, place: int) -> int:
    text, following = reading.word(place), reading.word(place + 1)
    if text in ("only", "not") and following == "only":
        return 0
    if text in NEGATORS or text.endswith("n't") or text in ("dont", "doesnt", "shouldnt"):
        return 1
    if text in ("stop", "stopping", "quit", "cease") and following.endswith("ing"):
        return 1
    is_in_place = text == "place" and reading.word(place - 1) == "in"
    if (text == "instead" or is_in_place) and following == "of":
        return 1
    return 1 if text == "rather" and following == "than" else 0


def _count_bad_ends(reading: Reading, place: int, events: set[int]) -> int:
    """ "Would make it worse", "does not help", "is not needed" behind the word turn it round."""
    count = 0
    for ahead in range(place + 1, min(place + 14, len(reading.tokens))):
        text = reading.word(ahead)
        if (
            text in BREAKS - {"that"}
            or text == ","
            or (ahead in events and reading.word(ahead) in VERBS and VERBS[text][1] != "weak")
        ):
            break
        if text in ("rather", "instead") or (text == "place" and reading.word(ahead - 1) == "in"):
            break
        is_helping = text in ("not", "never", "hardly", "cannot") or text.endswith("n't")
        count += text in BAD_ENDS or (is_helping and not _starts_contrast(reading, ahead))
    return count


def _starts_contrast(reading: Reading, place: int) -> bool:
    """ "Lower it, not raise it": a "not" that denies another word."""
    following = reading.word(place + 1)
    if reading.word(place - 1) not in (",", "and", "but", ";"):
        return False
    return following in VERBS or following in COMPARATIVES or following in ("the", "to", "by")
