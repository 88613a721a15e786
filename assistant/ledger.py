"""What a turn's evidence and cards hold, read once, so that each sentence is checked quickly."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assistant.bindings import Binding, bind_numbers
from assistant.card_facts import read_card_conditions, read_passages, read_rules, read_sign_clauses
from assistant.claims import Clause, Vocabulary, list_stems, read_clauses
from assistant.conditions import Condition
from assistant.evidence import ADVICE, NO_FAULT, Evidence
from assistant.move_rules import Rule
from assistant.neutral_words import stem
from assistant.number_check import Known, is_under_negation
from assistant.orders import list_last_values
from assistant.quantities import MEASURED, SETTING_OF_KNOB, Phrases, build_phrases
from assistant.tokens import Reading, read_sentence
from assistant.trends import Trend, find_trends

if TYPE_CHECKING:
    from assistant.verifier import Grounds

_ALWAYS = ("loss", "train_loss", "eval_loss", "speed", "total_steps", "noise", "patience")
_WORD = re.compile(r"[a-z][a-z0-9_]*(?:[-/.'][a-z0-9_]+)*")


@dataclass(frozen=True, slots=True)
class Ledger:
    """The facts of a turn as the checks need them.

    Attributes:
        known: numbers by the id of what holds them: an item's id, a card's id, "L12".
        owners: by citation name, the item ids that it stands for.
        trends, clauses, parities, stems: of the facts about this run.
        found: ids of findings; asked: ids of cards without a finding.
        corpus: all text in small letters; quotable: the lines of logs, of which only a quotation may come.
    """

    phrases: Phrases
    knob_names: frozenset[str]
    known: Mapping[str, Sequence[Known]]
    owners: Mapping[str, frozenset[str]]
    item_names: Mapping[str, frozenset[str]]
    item_words: Mapping[str, frozenset[str]]
    move_ids: frozenset[str]
    move_knobs: Mapping[str, str]
    setting_ids: frozenset[str]
    last_values: Mapping[str, float]
    setting_values: Mapping[str, frozenset[str]]
    trends: Sequence[Trend]
    clauses: Sequence[Clause]
    sign_clauses: Sequence[Clause]
    advice_clauses: Sequence[Clause]
    conditions: Sequence[Condition]
    parities: Mapping[str, set[bool]]
    vocabulary: Vocabulary
    rules: Mapping[str, Sequence[Rule]]
    found: frozenset[str]
    asked: frozenset[str]
    facts: str
    advice: str
    corpus: str
    quotable: str
    has_validation: bool
    is_clean: bool
    is_faulty: bool


def build_ledger(grounds: "Grounds") -> Ledger:
    """Read the evidence, the moves and the cards of a turn; lines of logs may be quoted, and bear no claim."""
    owners, quotable = _owners(grounds), _quotable(grounds)
    grounds = replace(grounds, evidence=[item for item in grounds.evidence if item.kind != "log"], lines={})
    phrases = build_phrases(grounds.knobs)
    items = {item.id: item for item in grounds.evidence}
    readings = {name: read_sentence(item.text.removeprefix(ADVICE), phrases) for name, item in items.items()}
    facts = [name for name, item in items.items() if item.kind not in ("move", "card")]
    clauses = [clause for name in facts for clause in read_clauses(readings[name])]
    parities: dict[str, set[bool]] = {}
    for clause in clauses:
        for one in clause.stems:
            parities.setdefault(one, set()).add(clause.is_negated)
    found = frozenset(_find_ids(grounds.evidence)) & frozenset(grounds.cards) | _found_alone(grounds)
    known = _read_numbers(grounds, readings, phrases)
    corpus = _corpus(grounds)
    vocabulary = Vocabulary(
        _stems(readings, items, facts),
        _stems(readings, items, [name for name in items if name not in facts]),
        read_passages(grounds.cards),
        _names(readings.values(), grounds, phrases, corpus),
    )
    mentioned = {name for reading in readings.values() for token in reading.tokens for name in token.names}
    return Ledger(
        phrases=phrases,
        knob_names=frozenset(grounds.knobs),
        known=known,
        owners=owners,
        quotable=quotable,
        item_names={
            name: frozenset(one for token in reading.tokens for one in token.names)
            for name, reading in readings.items()
        },
        item_words={
            name: frozenset(_WORD.findall(item.text.lower())) for name, item in items.items() if item.kind != "card"
        },
        move_ids=frozenset(name for name, item in items.items() if item.kind == "move"),
        move_knobs=_move_knobs(grounds),
        setting_values=_setting_values(readings, items),
        last_values=list_last_values(one.binding for name in facts for one in known[name]),
        setting_ids=frozenset(name for name, item in items.items() if item.kind == "setting"),
        trends=_trends(readings, items, facts),
        clauses=clauses,
        advice_clauses=[clause for name in items if name not in facts for clause in read_clauses(readings[name])],
        sign_clauses=read_sign_clauses(grounds, found, phrases),
        conditions=read_card_conditions(grounds, readings.values(), phrases),
        parities=parities,
        vocabulary=vocabulary,
        rules=read_rules(grounds),
        found=found,
        asked=frozenset(grounds.cards) - found,
        advice=" ".join(item.text for item in grounds.evidence if item.kind in ("move", "card")).lower(),
        facts=" ".join(item.text for item in grounds.evidence if item.kind not in ("move", "card")).lower(),
        corpus=corpus,
        has_validation="eval_loss" in mentioned and "train_loss" in mentioned,
        is_clean=any(item.text == NO_FAULT for item in grounds.evidence),
        is_faulty=any(item.kind == "finding" and item.text != NO_FAULT for item in grounds.evidence),
    )


def _stems(readings: Mapping[str, Reading], items: Mapping[str, Evidence], names: Sequence[str]) -> frozenset[str]:
    """The stems of some items: those of their words, and the names of their phrases."""
    named = {one for name in names for one in list_stems(readings[name], range(len(readings[name].tokens)))}
    return frozenset(named | {stem(word) for name in names for word in _WORD.findall(items[name].text.lower())})


def _trends(readings: Mapping[str, Reading], items: Mapping[str, Evidence], facts: Sequence[str]) -> list[Trend]:
    """The movements that the facts tell; first and last values count where no finding speaks of that quantity."""
    found: list[Trend] = []
    for name in sorted(facts, key=lambda one: items[one].kind == "metric"):
        told = find_trends(readings[name], bind_numbers(readings[name]), is_evidence=True)
        told = [replace(trend, item=name) for trend in told]
        if items[name].kind == "metric":
            known = {one for trend in found for one in trend.names}
            told = [trend for trend in told if not known & set(trend.names)]
        found += told
    return found


def _setting_values(readings: Mapping[str, Reading], items: Mapping[str, Evidence]) -> dict[str, frozenset[str]]:
    """The values in words of the settings, with what they are values of."""
    values: dict[str, frozenset[str]] = {}
    for name, item in items.items():
        if item.kind == "setting" and isinstance(item.value, str):
            names = frozenset(one for token in readings[name].tokens for one in token.names)
            values[item.value.lower()] = values.get(item.value.lower(), frozenset()) | names
    return values


def _move_knobs(grounds: "Grounds") -> dict[str, str]:
    """The knob of each item that is a move."""
    knobs = {f"{ADVICE}{move.text}.": move.knob for move in grounds.moves}
    return {item.id: knobs[item.text] for item in grounds.evidence if item.text in knobs}


def _find_ids(evidence: Iterable[Evidence]) -> Iterable[str]:
    return (item.source.split(":")[0] for item in evidence if item.kind == "finding")


def _found_alone(grounds: "Grounds") -> frozenset[str]:
    return frozenset(name for name in _find_ids(grounds.evidence) if re.fullmatch(r"[a-z_]+", name))


def _read_numbers(grounds: "Grounds", readings: Mapping[str, Reading], phrases: Phrases) -> dict[str, list[Known]]:
    """Numbers of the evidence by item, and those of the moves by "move:card"."""
    known: dict[str, list[Known]] = {}
    move_knobs = _move_knobs(grounds)
    for item in grounds.evidence:
        is_advice = item.kind in ("move", "card")
        reading = readings[item.id]
        known[item.id] = [
            Known(one, item.id, is_advice, is_under_negation(reading, one.number.place))
            for one in _bind_to_knob(bind_numbers(reading), move_knobs.get(item.id, ""))
        ]
    texts = [(move.card, move.knob, move.text) for move in grounds.moves]
    for card in grounds.cards.values():
        texts += [
            (card.id, move.knob, f"{move.direction} {grounds.knobs[move.knob].label} {move.amount}")
            for move in card.moves
        ]
    for number, (card_id, knob, text) in enumerate(texts):
        name = f"move:{card_id}:{number}"
        known[name] = [
            Known(one, name, is_advice=True) for one in _bind_to_knob(bind_numbers(read_sentence(text, phrases)), knob)
        ]
    return known


def _bind_to_knob(bound: Sequence[Binding], knob: str) -> list[Binding]:
    """Give the numbers of a move that seem to be of something measured to the knob that it turns."""
    if not knob:
        return list(bound)
    return [replace(one, names=(knob, *one.names)) if set(one.names) <= set(MEASURED) else one for one in bound]


def _owners(grounds: "Grounds") -> dict[str, frozenset[str]]:
    """What each citation stands for."""
    owners: dict[str, set[str]] = {item.id: {item.id} for item in grounds.evidence}
    for number in grounds.lines:
        owners[f"L{number}"] = {f"L{number}"}
    for item in grounds.evidence:
        name = item.source.removeprefix("card ").split(":")[0]
        owners.setdefault(name, set()).add(item.id)
        for line in re.findall(r"\bL\d{1,9}\b", item.source):
            owners.setdefault(line, set()).add(item.id)
    for card in grounds.cards:
        owners.setdefault(card, set())
    return {name: frozenset(ids) for name, ids in owners.items()}


def _quotable(grounds: "Grounds") -> str:
    shown = [item.text for item in grounds.evidence if item.kind == "log"]
    return "\n".join(" ".join(text.split()) for text in [*grounds.lines.values(), *shown])


def _corpus(grounds: "Grounds") -> str:
    parts = [item.text for item in grounds.evidence] + [move.text for move in grounds.moves]
    for card in grounds.cards.values():
        parts += [card.title, card.id, *card.signs, *card.sections.values()]
        parts += [f"{one.cause} {one.check}" for one in card.suspects] + [move.amount for move in card.moves]
        parts += [alias for move in card.moves for alias in grounds.knobs[move.knob].aliases]
    parts += [alias for move in grounds.moves for alias in grounds.knobs[move.knob].aliases]
    parts += [*SETTING_OF_KNOB.values(), "grad_norm eval_loss train_loss"]
    return " ".join(" ".join(parts).lower().split())


def _names(readings: Iterable[Reading], grounds: "Grounds", phrases: Phrases, corpus: str) -> frozenset[str]:
    """Everything that a sentence may speak of: what the evidence and the cards name, what the moves turn."""
    names = {name for reading in readings for token in reading.tokens for name in token.names}
    names |= {move.knob for card in grounds.cards.values() for move in card.moves} | {
        move.knob for move in grounds.moves
    }
    measured = {words: listed[0] for words, listed in phrases.items() if listed[0] in MEASURED}
    names |= {name for words, name in measured.items() if f" {' '.join(words)} " in f" {corpus} "}
    return frozenset(names | set(_ALWAYS) | _SPEAKABLE)


_SPEAKABLE = frozenset(
    (
        "data_amount",
        "training_data",
        "validation_set",
        "epochs",
        "checkpoint",
        "hardware",
        "training_method",
        "base_model",
    )
) | {"full_fine_tuning"}
