"""Whether the words of a sentence that carry a claim come from the evidence or a card, and are not turned round."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from assistant.bindings import ROLES, number_clauses
from assistant.direction_words import COMPARATIVES, VERBS
from assistant.neutral_words import COMMON, NEGATING, NEUTRAL, stem
from assistant.tokens import Reading, Token
from assistant.trends import LEARN_WORDS, MOVE_WORDS, TREND_WORDS

_CONDITIONS = frozenset({"if", "when", "unless", "until", "once", "where"})
_PREPOSITIONS = frozenset({"in", "of", "at", "on", "from", "to", "for", "with", "by", "after", "before", "until"})
_METHODS = frozenset({"full_fine_tuning", "training_method"})
"""Ways to train: where a sentence names both, it tells what holds for each; one alone must be this run's."""
_ENOUGH_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Clause:
    """A clause as a bag.

    Attributes:
        stems: of its words, and the names of its phrases.
        moves: it is judged elsewhere, as a movement.
        is_condition: it says when something holds, so that it must not be turned round, and need not be true.
        is_contrast: it denies something beside what the sentence says: ", not raise it".
    """

    stems: frozenset[str]
    is_negated: bool
    moves: bool = False
    is_contrast: bool = False
    is_condition: bool = False


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a card: a sign, a cause with its check, a move, a sentence.

    Attributes:
        sort: a sign may be said of the run; a doubt needs a hedge; advice is for sentences that say what to do.
    """

    card: str
    stems: frozenset[str]
    sort: Literal["sign", "doubt", "advice"]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a sentence's words may come from.

    Attributes:
        facts: stems of what is known of this run; advice: those of the moves.
        names: quantities and knobs that may be spoken of.
    """

    facts: frozenset[str]
    advice: frozenset[str]
    passages: Sequence[Passage]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Manner:
    """How a sentence speaks: of what to do, of what may be; passed are the words that another check has judged."""

    advises: bool
    is_hedged: bool
    passed: Collection[str]


def read_clauses(reading: Reading) -> list[Clause]:
    """The clauses of a sentence."""
    numbered = number_clauses(reading)
    groups: dict[int, list[int]] = {}
    part = 0
    for place, clause in enumerate(numbered):
        is_demonstrative = reading.word(place) == "that" and reading.word(place - 1) in _PREPOSITIONS
        part += reading.word(place) in (",", "that", "which", "means", "and", "or") and not is_demonstrative
        groups.setdefault(clause * 100 + part, []).append(place)
    clauses: list[Clause] = []
    for places in groups.values():
        words = [reading.word(place) for place in places]
        count = sum(word in NEGATING or word.endswith("n't") for word in words)
        stems = frozenset(list_stems(reading, places))
        if stems or count:
            moves = (count > 0 and any(word in LEARN_WORDS for word in words)) or any(
                word in TREND_WORDS or word in MOVE_WORDS for word in words
            )
            first = next((word for word in words if word not in (",", "and", "or", "but", ";")), "")
            is_contrast = bool(clauses) and first in ("not", "never", "rather", "no", "without", "nor")
            is_condition = words[0] in _CONDITIONS
            is_counted = any(place in reading.numbers for place in places) and all(one.startswith("#") for one in stems)
            clauses.append(Clause(stems, count % 2 == 1, moves or is_counted, is_contrast, is_condition))
    return clauses


def list_stems(reading: Reading, places: Iterable[int]) -> Iterable[str]:
    """The stems that carry a claim; a phrase counts by the first thing that it names."""
    for place in places:
        token = reading.tokens[place]
        if token.kind == "phrase":
            yield "#" + token.names[0]
        elif token.kind == "word" and place not in reading.numbers and token.text not in NEUTRAL:
            yield stem(token.text)


def find_word_fault(reading: Reading, vocabulary: Vocabulary, manner: Manner) -> str | None:
    """Tell which word comes from nowhere; those that are not in the evidence must stand in one passage together."""
    known = vocabulary.facts | vocabulary.advice if manner.advises or manner.is_hedged else vocabulary.facts
    open_stems: dict[str, str] = {}
    methods = {name for token in reading.tokens if token.kind == "phrase" for name in token.names} & _METHODS
    for place, token in enumerate(reading.tokens):
        if token.kind == "phrase":
            if not set(token.names) & vocabulary.names:
                return f"speaks of {token.text}, of which the evidence says nothing"
            is_lone = methods == {"full_fine_tuning"} and "full_fine_tuning" in token.names
            if is_lone and not {f"#{name}" for name in token.names} & known:
                return f"speaks of {token.text}, which is not what this run does"
        elif token.kind == "word" and place not in reading.numbers and not _is_neutral(token.text):
            is_open = token.text not in manner.passed and stem(token.text) not in known
            if is_open:
                open_stems[stem(token.text)] = token.text
    return _find_homeless(open_stems, vocabulary.passages, manner) if open_stems else None


def _find_homeless(open_stems: Mapping[str, str], passages: Sequence[Passage], manner: Manner) -> str | None:
    wanted = set(open_stems)
    fitting = {one.sort for one in passages if wanted <= one.stems}
    if "sign" in fitting or ("advice" in fitting and (manner.advises or manner.is_hedged)):
        return None
    if fitting and manner.is_hedged:
        return None
    if fitting:
        return f"'{next(iter(open_stems.values()))}' is said as a fact, and no evidence shows it"
    best = max((one.stems for one in passages), key=lambda stems: len(wanted & stems), default=frozenset[str]())
    missing = sorted(wanted - best) or sorted(wanted)
    return f"'{open_stems[missing[0]]}' does not follow from the evidence"


def has_content(token: Token) -> bool:
    """Whether a word carries a claim of its own."""
    return token.kind == "word" and not _is_neutral(token.text)


def _is_neutral(word: str) -> bool:
    if (
        word in NEUTRAL
        or word in COMMON
        or word in ROLES
        or word in TREND_WORDS
        or word in MOVE_WORDS
        or word in VERBS
        or word in COMPARATIVES
    ):
        return True
    return len(word) == 1 or word.endswith("n't")


def find_reversal(
    clauses: Sequence[Clause], facts: Sequence[Clause], signs: Sequence[Clause], parities: Mapping[str, set[bool]]
) -> str | None:
    """Tell which clause says the opposite of what it takes its words from."""
    for clause in clauses:
        matches = _find_matches(clause, facts) or (_find_matches(clause, signs) if clause.is_negated else set())
        if clause.moves or (clause.is_condition and not (clause.is_negated and matches)):
            continue
        if matches and clause.is_negated not in matches:
            return "turns round what the evidence says"
        if clause.is_negated and clause.stems and not matches and not clause.is_contrast:
            return "denies what the evidence does not deny"
        plain = [one for one in clause.stems if not one.startswith("#")]
        if plain and not clause.is_negated and all(parities.get(one) == {True} for one in plain):
            return f"leaves out the 'not' that the evidence has with '{plain[0]}'"
        if fault := _find_exchange(clause, facts):
            return fault
    return None


def _find_exchange(clause: Clause, facts: Sequence[Clause]) -> str | None:
    """Tell where a clause says of one thing what the evidence says of another."""
    subjects = {_SAME.get(one, one) for one in clause.stems if one.startswith("#")}
    plain = {one for one in clause.stems if not one.startswith("#")}
    owners = [one for one in facts if plain and plain <= one.stems]
    if not subjects or not owners:
        return None
    theirs = [{_SAME.get(name, name) for name in one.stems if name.startswith("#")} for one in owners]
    if all(names and not names & subjects for names in theirs):
        return f"says of {min(subjects)[1:]} what the evidence says of {min(theirs[0])[1:]}"
    return None


_SAME = {"#train_loss": "#loss", "#training_data": "#data_amount"}


def _find_matches(clause: Clause, held: Sequence[Clause]) -> set[bool]:
    """The polarities of the clauses that share most words with this one."""
    best, polarities = 0.0, set[bool]()
    for one in held:
        shared = len(clause.stems & one.stems)
        plain = [word for word in clause.stems if not word.startswith("#")]
        shared_plain = sum(word in one.stems for word in plain)
        is_enough = shared >= _ENOUGH_SHARE * len(clause.stems) or (plain and shared_plain == len(plain))
        if not clause.stems or not shared or not is_enough:
            continue
        if shared > best:
            best, polarities = shared, set()
        if shared == best:
            polarities.add(one.is_negated)
    return polarities
