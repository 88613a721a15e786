"""Which cards speak to a turn, what moves follow, and the numbered facts that words may be written from."""

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from assistant.compose import Draft, log_denies
from assistant.data_reading import DataRead
from assistant.events import CardsFound, Event
from assistant.evidence import COUNTS, Evidence, Kind, collect_evidence
from assistant.moves import MAX_MOVES, PlannedMove, plan_moves
from assistant.turn_input import Parts
from assistant.turn_record import TurnRecord
from knowledge.card import Card, list_card_words
from knowledge.retrieval import FINDING_BOOST, CardHit, is_in_scope
from tools.diagnosis.causes import CURED_APART
from tools.diagnosis.finding import Finding
from tools.errors import NotAvailable
from tools.run import Setting

if TYPE_CHECKING:
    from assistant.measures import Measure
    from assistant.tool_reports import Lead

MAX_LINES = 60
NUM_MIXED = 3
"""Moves against what the log shows that go before those against what the data shows."""
RECALLED = "recalled"
"""Kind of a hit that the conversation names, and no search."""
FAILED = "cards could not be searched by your words: "


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of a turn.

    Attributes:
        hits: best first; cards: by id, those of findings as well.
        in_scope: whether a finding or a card speaks to the question.
        is_failed: the search itself could not be made.
        is_elsewhere: the question names a subject that neither the cards nor the log before it have.
    """

    hits: tuple[CardHit, ...]
    cards: Mapping[str, Card]
    in_scope: bool
    is_failed: bool = False
    is_elsewhere: bool = False


def find_cards(
    question: str, findings: Sequence[Finding], parts: Parts, record: TurnRecord, *, is_told: bool = False
) -> Generator[Event, None, Cards]:
    """Search the cards by the question's words; those of findings are always there.

    Args:
        question, findings: of the turn.
        parts, record: of the turn.
        is_told: the findings were told before this question, which need not be about them.
    """
    ids = list(dict.fromkeys(finding.id for finding in findings))
    begun, call = record.start("search_cards", {"question": question, "findings": ids})
    yield begun
    is_failed, hits = False, list[CardHit]()
    try:
        hits = parts.find(question, ids)
    except NotAvailable as error:
        record.notes.append(f"{FAILED}{error}")
        is_failed = True
    is_elsewhere = is_told and all(hit.kind == "finding" or hit.card_id in ids for hit in hits)
    is_elsewhere = is_elsewhere and names_other_subject(question)
    in_scope = not is_elsewhere and (bool(ids) or is_in_scope(hits))
    hits = hits if in_scope else []
    yield call.finish({"cards": [hit.card_id for hit in hits]})
    yield CardsFound(tuple(hits), in_scope)
    cards = _load(hits, findings, parts, in_scope=in_scope, is_failed=is_failed)
    return replace(cards, is_elsewhere=is_elsewhere)


def names_other_subject(question: str) -> bool:
    """Whether a question holds a word that is neither everyday English nor in any card.

    Example:
        >>> names_other_subject("and what do I do now?"), names_other_subject("What is the capital of Peru?")
        (False, True)
    """
    from assistant.neutral_words import COMMON, NEUTRAL

    words = set(re.findall(r"[a-z]{4,}", question.lower()))
    return bool(words - NEUTRAL - COMMON - list_card_words())


def recall_cards(names: Sequence[str], findings: Sequence[Finding], parts: Parts) -> Generator[Event, None, Cards]:
    """The cards of what the answer before was about: a follow-up has no subject of its own to search by.

    Args:
        names: cards of the answer before, the one that it was about first.
        findings: of the conversation; they are the subject unless that card is none of theirs.
        parts: for the cards.
    """
    ids = list(dict.fromkeys(finding.id for finding in findings))
    subject = ids if ids and (not names or names[0] in ids) else list(names)
    hits = [CardHit(name, 1.0, "", RECALLED) for name in subject]
    yield CardsFound(tuple(hits), bool(hits))
    return _load(hits, findings, parts, in_scope=bool(hits), is_failed=False)


def _load(
    hits: Sequence[CardHit], findings: Sequence[Finding], parts: Parts, *, in_scope: bool, is_failed: bool
) -> Cards:
    apart = [name for finding in findings for name in finding.consequences if name in CURED_APART]
    names = dict.fromkeys([*(finding.id for finding in findings), *(hit.card_id for hit in hits), *apart])
    return Cards(tuple(hits), {name: parts.load_card(name) for name in names}, in_scope, is_failed)


def plan_draft(draft: Draft, findings: Sequence[Finding], found: Cards, parts: Parts) -> Draft:
    """The draft with its moves: the findings'; the question's card gives them only where no finding asks for a cure.

    Args:
        draft: without moves.
        findings: that ask for a cure; none where the question has another subject than they.
        found: the cards of the turn; parts: for the vocabulary of moves.
    """
    asked = list_asked([*draft.findings, *findings], found)
    has_fault = any(finding.severity != "note" for finding in findings)
    wanted = [card.id for card in asked[:1] if not has_fault and not log_denies(card.id, draft.judged)]
    runs = [run for run, _ in draft.judged]
    ordered = findings if has_fault or not wanted else []
    logged = [finding for finding in ordered if finding in draft.findings]
    others = [finding for finding in ordered if finding not in draft.findings]
    moves = plan_moves(logged, wanted, found.cards, parts.knobs, runs)
    beside = plan_moves(others, (), found.cards, parts.knobs, runs)
    return replace(draft, moves=_mix(moves, beside), asked=asked, cards=found.cards)


def _mix(moves: Sequence[PlannedMove], beside: Sequence[PlannedMove]) -> tuple[PlannedMove, ...]:
    """The moves against what the log shows, and among the first of them the best against what the data shows."""
    knobs = {move.knob for move in moves}
    fresh = [move for move in beside if move.knob not in knobs]
    num_first = NUM_MIXED if moves else 0
    return (*moves[:num_first], *fresh[: MAX_MOVES - num_first], *moves[num_first:])[:MAX_MOVES]


def list_asked(findings: Sequence[Finding], found: Cards) -> list[Card]:
    """The cards that the question's words name beyond what was found: those that fit them better than any finding's."""
    known = {name for finding in findings for name in (finding.id, *finding.consequences)}
    own = max((hit.score - FINDING_BOOST for hit in found.hits if hit.card_id in known), default=0.0)
    return [
        found.cards[hit.card_id]
        for hit in found.hits
        if hit.card_id not in known and is_in_scope([hit]) and hit.score > own
    ]


def number_facts(
    draft: Draft, measures: "Sequence[Measure]", data: DataRead, settings: Mapping[str, Setting]
) -> tuple[Evidence, ...]:
    """Number the facts of a turn: findings, moves, what tools measured, what the log and the question's card say."""
    measured = [(text, value, one.name) for one in measures for text, value in one.texts]
    signs = [(card.id, card.signs[0]) for card in draft.asked[:1]]
    return collect_evidence(draft.judged, draft.moves, signs, [*measured, *data.facts], settings)


def add_lines(evidence: tuple[Evidence, ...], lines: Mapping[int, str]) -> tuple[Evidence, ...]:
    """The facts with lines of logs behind them, for a model to read."""
    numbered = enumerate(list(lines.items())[:MAX_LINES], start=len(evidence) + 1)
    added = (
        Evidence(f"E{place}", f"L{line}  {text}", None, f"{COUNTS}L{line}", "", "log")
        for place, (line, text) in numbered
    )
    return (*evidence, *added)


def cite_lines(sentence: str, evidence: Sequence[Evidence]) -> str:
    """Write a sentence's citations of log lines as the lines' own numbers.

    Example:
        >>> cite_lines("It ends there [E7].", [Evidence("E7", "L40  exit", None, "log: L40", "", "log")])
        'It ends there [L40].'
    """
    for item in evidence:
        if item.kind == "log":
            sentence = sentence.replace(f"[{item.id}]", f"[{item.source.removeprefix(COUNTS)}]")
    return sentence


def add_leads(evidence: Sequence[Evidence], leads: "Sequence[Lead]") -> tuple[Evidence, ...]:
    """The facts with what a model's own calls gave behind them; a fact that is there already is not said twice."""
    texts = {item.text for item in evidence}
    added = list(evidence)
    for lead in leads:
        for text, value, source, kind in _tell_lead(lead):
            if text not in texts:
                texts.add(text)
                added.append(Evidence(f"E{len(added) + 1}", text, value, source, "", kind))
    return tuple(added)


def _tell_lead(lead: "Lead") -> list[tuple[str, float | int | str | None, str, Kind]]:
    from assistant.tool_reports import tell_report

    report = lead.report
    if isinstance(report, tuple):
        return [(card.sign, None, f"card {card.id}", "card") for card in report if card.sign]
    return [(text, value, lead.name, "tool") for text, value in tell_report(report)]
