"""Checks every sentence of a language model against the evidence before a person sees it.

Strict, a sentence repeats whole clauses of what it cites. Free, it may word them otherwise, and everything in it that
can do harm is checked on its own: numbers, movements, advice, negations, pitfalls, claimed work, names and commands;
any other word must come from the evidence or from one passage of a card.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from assistant.advice_check import (
    find_advice_fault,
    find_targets,
    is_description,
    speaks_of_doing,
)
from assistant.bindings import bind_numbers
from assistant.claimed_tools import find_claimed_tool
from assistant.claims import Manner, find_reversal, find_word_fault, has_content, read_clauses
from assistant.conditions import find_condition_fault, find_limit_fault, read_conditions
from assistant.directions import Turn, find_turns
from assistant.evidence import Evidence
from assistant.foreign_text import MAX_CHARACTERS, find_foreign
from assistant.ledger import Ledger, build_ledger
from assistant.moves import PlannedMove
from assistant.number_check import Demand, Known, find_number_fault, find_uncounted
from assistant.opposites import find_exchanged_time, find_opposite
from assistant.orders import find_exchanged_loss, find_order_fault
from assistant.pitfall_words import Known as Pitfalls
from assistant.pitfall_words import find_health_fault, find_pitfall_fault, is_abstaining, is_hedged, list_pitfall_words
from assistant.tokens import Reading, normalise, read_sentence
from assistant.trends import find_trend_fault, find_trends
from assistant.unnamed_knobs import resolve_turns
from assistant.value_check import find_misplaced_value
from assistant.whole_clauses import find_strict_fault
from knowledge.card import Card, Knob

_CLAIMING = frozenset({"your", "was", "were", "had", "run", "used", "trained", "currently", "you", "log"})
MIN_WORDS = 3
BRACKETS = re.compile(r"\s?\[([^\[\]\n]{0,200})\]")
_QUOTED = re.compile(r"[\"“]([^\"“”\n]{2,200})[\"”]")
_NAME = re.compile(r"E\d{1,6}|L\d{1,9}|[a-z][a-z0-9_]{1,59}")


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Grounds:
    """All that a turn's sentences may rest on.

    Attributes:
        cards: of the findings and of the question, by id.
        lines: log lines that may be cited, by their number.
        tools: names of the tools that were called.
    """

    evidence: Sequence[Evidence]
    moves: Sequence[PlannedMove]
    knobs: Mapping[str, Knob]
    cards: Mapping[str, Card]
    lines: Mapping[int, str]
    tools: Sequence[str]
    question: str


_ledgers: "WeakKeyDictionary[Grounds, Ledger]" = WeakKeyDictionary()


def find_fault(sentence: str, grounds: Grounds, *, is_strict: bool) -> str | None:
    """Check one sentence.

    Args:
        is_strict: it must repeat whole clauses of the evidence that it cites; otherwise it may word them freely.

    Returns:
        Why it must be struck, or None where everything in it is supported.
    """
    if is_strict:
        return _find_strict(sentence, grounds)
    if len(sentence) > MAX_CHARACTERS:
        return "is too long to be checked"
    ledger = _ledgers.get(grounds)
    if ledger is None:
        ledger = _ledgers[grounds] = build_ledger(grounds)
    bare, cited, fault = split_citations(sentence, ledger)
    bare = _QUOTED.sub(lambda match: " " if _is_quoted(match[1], ledger.quotable) else match[0], bare)
    return fault or find_foreign(sentence, bare, ledger.corpus) or _find_free(bare, cited, grounds, ledger)


def _is_quoted(text: str, quotable: str) -> bool:
    return len(text.split()) > 1 and " ".join(text.split()) in quotable


def _find_strict(sentence: str, grounds: Grounds) -> str | None:
    by_id = {item.id: item for item in grounds.evidence if item.kind != "log"}
    citations = re.findall(r"\[(E\d{1,6})\]", sentence[: 10 * MAX_CHARACTERS])
    if len(sentence) > 10 * MAX_CHARACTERS:
        return "is too long to be checked"
    if not citations:
        return "cites nothing"
    if unknown := [name for name in citations if name not in by_id]:
        return f"cites {unknown[0]}, which does not exist"
    bare = re.sub(r"\[E\d{1,6}\]", "", sentence)
    return find_strict_fault(bare, [by_id[name] for name in citations], grounds.moves, grounds.knobs)


def split_citations(sentence: str, ledger: Ledger) -> tuple[str, tuple[str, ...], str | None]:
    """A sentence without its citations, what it cites, and which of that does not exist."""
    cited: list[str] = []
    for inside in BRACKETS.findall(sentence):
        for name in re.split(r"[,;]\s{0,3}|\sand\s", inside.strip()):
            if not _NAME.fullmatch(name.strip()) or name.strip() not in ledger.owners:
                return sentence, (), f"cites {name.strip()[:40]}, which does not exist"
            cited.append(name.strip())
    return BRACKETS.sub("", sentence).strip(), tuple(cited), None


def _find_free(bare: str, cited: Sequence[str], grounds: Grounds, ledger: Ledger) -> str | None:
    text = normalise(bare)
    if not re.search(r"[a-z]{2}", text):
        return "says nothing"
    reading = read_sentence(bare.replace("`", ""), ledger.phrases)
    turns = find_turns(reading, ledger.knob_names)
    return (
        find_claimed_tool(text, grounds.tools)
        or find_pitfall_fault(text, Pitfalls(ledger.found, ledger.asked, ledger.facts, ledger.advice))
        or find_health_fault(text, is_faulty=ledger.is_faulty, is_clean=ledger.is_clean)
        or find_limit_fault(text, _text_of(cited, grounds), ledger.corpus)
        or find_condition_fault(read_conditions(reading), ledger.conditions)
        or find_exchanged_time([token.text for token in reading.tokens], ledger.corpus)
        or find_uncounted(reading, _list_known(cited, (), ledger))
        or _find_measured_fault(reading, turns, cited, ledger)
        or _find_wording_fault(text, reading, turns, cited, ledger)
        or _find_empty(text, reading, turns, cited)
    )


def _find_empty(text: str, reading: Reading, turns: Sequence[Turn], cited: Sequence[str]) -> str | None:
    """A sentence must say something that was checked: "yes" affirms whatever somebody planted before."""
    if is_abstaining(text) or reading.numbers or list_pitfall_words(text):
        return None
    is_advice = any(turn.knobs and turn.manner not in ("weak", "inspect") for turn in turns)
    if is_advice or find_trends(reading, ()) or any(has_content(token) for token in reading.tokens):
        return None
    words = [token for token in reading.tokens if token.kind == "word"]
    return None if cited and len(words) >= MIN_WORDS else "says nothing that can be checked"


def _find_measured_fault(reading: Reading, turns: Sequence[Turn], cited: Sequence[str], ledger: Ledger) -> str | None:
    """Advice, numbers and movements."""
    bound = bind_numbers(reading)
    resolved = resolve_turns(reading, turns, cited, ledger)
    if isinstance(resolved, str):
        return resolved
    if not cited and any(not (one.names or one.number.unit or one.roles) for one in bound):
        return "names a number and not what it is of"
    demand = Demand(
        _advises(reading, resolved, cited, ledger),
        find_targets(reading, resolved, bound),
        has_validation=ledger.has_validation,
        has_negated_turn=any(turn.is_negated for turn in resolved),
    )
    turned = {knob for turn in resolved if not is_description(reading, turn) for knob in turn.knobs}
    said = [trend for trend in find_trends(reading, bound) if not turned & set(trend.names)]
    return (
        find_misplaced_value(reading, ledger.setting_values)
        or find_order_fault(reading, ledger.last_values)
        or find_exchanged_loss(
            reading, frozenset().union(*(ledger.item_names[name] for name in cited if name[0] == "E"))
        )
        or find_advice_fault(reading, resolved, bound, ledger.rules, ledger.facts)
        or find_number_fault(reading, bound, _list_known(cited, turned, ledger), demand)
        or find_trend_fault(said, ledger.trends, _items_of(cited, ledger), has_validation=ledger.has_validation)
    )


def _advises(reading: Reading, turns: Sequence[Turn], cited: Sequence[str], ledger: Ledger) -> bool:
    """Whether a sentence says what to do, or only repeats moves that it cites, so that it may use the cards' words."""
    words = {token.text for token in reading.tokens}
    quotes = bool(cited) and all(name in ledger.move_ids for name in cited) and not words & _CLAIMING
    return quotes or speaks_of_doing(reading, turns)


def _list_known(cited: Sequence[str], turned: Collection[str], ledger: Ledger) -> list[Known]:
    """The numbers of what is cited, or of everything where nothing is; moves belong to their card.

    Where a knob is turned, what it is set to now may be named as well.
    """
    if not cited:
        return [known for listed in ledger.known.values() for known in listed]
    wanted = {item for name in cited for item in ledger.owners[name]}
    wanted |= {name for name in ledger.setting_ids if ledger.item_names[name] & set(turned)}
    prefixes = tuple(f"move:{name}:" for name in cited if not name.startswith(("E", "L")))
    return [
        known
        for name, listed in ledger.known.items()
        if name in wanted or (prefixes and name.startswith(prefixes))
        for known in listed
    ]


def _find_wording_fault(
    text: str, reading: Reading, turns: Sequence[Turn], cited: Sequence[str], ledger: Ledger
) -> str | None:
    """Words that come from nowhere, clauses that are turned round, opposites."""
    passed = list_pitfall_words(text)
    manner = Manner(_advises(reading, turns, cited, ledger), is_hedged(text), passed)
    fault = find_word_fault(reading, ledger.vocabulary, manner)
    if fault or is_abstaining(text):
        return fault
    if not any(turn.knobs for turn in turns):
        words = [token.text for token in reading.tokens]
        fault = find_opposite(words, _words_of(cited, ledger), passed)
    if fault or passed or any(turn.knobs for turn in turns):
        return fault
    is_order = any(turn.place == 0 for turn in turns) or (bool(cited) and set(cited) <= ledger.move_ids)
    clauses = [clause for clause in read_clauses(reading) if clause.is_negated or not is_order]
    facts = [*ledger.clauses, *ledger.advice_clauses] if is_order else ledger.clauses
    return find_reversal(clauses, facts, ledger.sign_clauses, ledger.parities)


def _text_of(cited: Sequence[str], grounds: Grounds) -> str:
    """The text of what is cited, or of all evidence, in small letters."""
    facts = [item for item in grounds.evidence if item.kind != "log"]
    return " ".join([item.text for item in facts if item.id in cited] or [item.text for item in facts]).lower()


def _items_of(cited: Sequence[str], ledger: Ledger) -> set[str]:
    return {item for name in cited for item in ledger.owners[name]}


def _words_of(cited: Sequence[str], ledger: Ledger) -> frozenset[str]:
    """The words of the items that are cited, or of all facts."""
    items = {item for name in cited for item in ledger.owners[name]} or set(ledger.item_words)
    return frozenset(word for item in items for word in ledger.item_words.get(item, ()))
