"""Gives each turning word its knob: "lower it" means the one before or the one of the cited move."""

import re
from collections.abc import Sequence
from dataclasses import replace

from assistant.advice_check import is_compared_so
from assistant.bindings import number_clauses
from assistant.directions import Turn
from assistant.ledger import Ledger
from assistant.quantities import MEASURED
from assistant.tokens import Reading
from assistant.trends import GONE, TREND_WORDS

_OPPOSED = {
    "more": ("less", "fewer"), "less": ("more",), "fewer": ("more",), "larger": ("smaller",), "smaller": ("larger",),
    "higher": ("lower",), "lower": ("higher",), "longer": ("shorter",), "shorter": ("longer",),
}  # fmt: skip
_LOOSE = frozenset({"more", "further", "extra", "additional", "longer", "stronger"})


def resolve_turns(reading: Reading, turns: Sequence[Turn], cited: Sequence[str], ledger: Ledger) -> list[Turn] | str:
    """Give "lower it" the knob that was named before, or that of the move which is cited."""
    resolved: list[Turn] = []
    last: tuple[str, ...] = ()
    for turn in turns:
        if turn.knobs or turn.manner in ("weak", "inspect"):
            resolved.append(turn)
            last = turn.knobs or last
        elif turn.manner == "compared":
            if (fault := _find_other_amount(reading, turn.place, ledger)) is not None:
                return fault
            if not _is_comparison(reading, turn.place) or _is_compared_so(reading, turn, ledger):
                continue
            if knobs := _cited_knobs(cited, ledger):
                resolved.append(replace(turn, knobs=knobs))
            else:
                return f"compares by '{turn.word}', which no evidence does"
        elif not _moves_by_itself(reading, turn.place) and not _repeats(turn, ledger):
            knobs = last or _cited_knobs(cited, ledger)
            if not knobs:
                return f"does not say what to {turn.word}"
            resolved.append(replace(turn, knobs=knobs))
    return resolved


def _find_other_amount(reading: Reading, place: int, ledger: Ledger) -> str | None:
    """Tell where a sentence says "less memory" and the cards say "more memory" only."""
    word, noun = reading.word(place), " ".join(reading.word(place + ahead) for ahead in (1, 2))
    others = [other for other in _OPPOSED.get(word, ()) if f"{other} {noun}" in ledger.corpus]
    if others and f"{word} {noun}" not in ledger.corpus:
        return f"says '{word} {noun}' where the card says '{others[0]} {noun}'"
    return None


def _is_compared_so(reading: Reading, turn: Turn, ledger: Ledger) -> bool:
    """Whether the facts compare by the same word, or the word only says which case is meant ("where it was lower")."""
    is_case = bool({"where", "if", "when"} & {reading.word(turn.place - back) for back in (1, 2, 3)})
    return is_case or turn.word in _LOOSE or is_compared_so(reading, turn.place, turn.word, ledger.facts)


def _is_comparison(reading: Reading, place: int) -> bool:
    """Whether something is compared, as against an adjective before a noun."""
    following = reading.tokens[place + 1] if place + 1 < len(reading.tokens) else None
    is_last = following is None or following.kind == "mark"
    return is_last or reading.word(place + 1) in ("than", "one", "time") or reading.word(place - 1) == "times"


def _moves_by_itself(reading: Reading, place: int) -> bool:
    """Whether a measured quantity is the subject, so that the word tells a movement, which is checked as one."""
    if reading.word(place) not in TREND_WORDS and reading.word(place) not in GONE:
        return False
    clauses = number_clauses(reading)
    near = [
        other for other in range(place) if reading.tokens[other].kind == "phrase" and clauses[other] == clauses[place]
    ]
    return not near or bool(set(reading.tokens[near[-1]].names) & set(MEASURED))


def _repeats(turn: Turn, ledger: Ledger) -> bool:
    """Whether a word that turns nothing named stands so in the facts or in a move: "answers are cut"."""
    return not turn.is_negated and re.search(rf"\b{re.escape(turn.word)}", ledger.corpus) is not None


def _cited_knobs(cited: Sequence[str], ledger: Ledger) -> tuple[str, ...]:
    found = {ledger.move_knobs[name] for name in cited if name in ledger.move_knobs}
    return tuple(found) if len(found) == 1 else ()
