"""The answer that stands without a language model: findings, the lines that show them, moves, gaps, sources."""

from typing import TYPE_CHECKING

from assistant.draft import (
    Draft,
    Section,
    cite,
    find_gap,
    group_gaps,
    log_denies,
    tell_curves,
    tell_gap,
    tell_line,
)
from assistant.questions_back import ATTACH_LOG, ask_back
from tools.diagnosis.causes import tell_consequences
from tools.diagnosis.finding import Diagnosis
from tools.run import Line, Run

if TYPE_CHECKING:
    from knowledge.card import Card

__all__ = ["Draft", "Section", "ask_for", "closing_sections", "log_denies", "opening_sections", "tell_line"]

MAX_FINDINGS = 3
MAX_LINES = 4
MAX_SUSPECTS = 3
MAX_MOVES = 5
MAX_GAPS = 2
MAX_SOURCES = 2
PRECISE_SOURCES = ("arXiv", "documentation", "source:")
NO_CARD = "No card speaks to your words; what the log shows stands above. 'ftchat cards list' names the cards."
NOT_COVERED = (
    "The cards do not cover this, so it is not answered: they are about fine-tuning language models and how it fails. "
    "'ftchat cards list' names them all."
)


def opening_sections(draft: Draft) -> list[Section]:
    """What the diagnosis alone can say: what is wrong, and the lines that show it."""
    return [section for section in (_what_is_wrong(draft), _lines(draft)) if section.entries]


def closing_sections(draft: Draft) -> list[Section]:
    """What needs the cards: the question's own subject, moves, gaps and sources."""
    sections = (_about_the_question(draft), _moves(draft), _gaps(draft), _questions(draft), _sources(draft))
    return [section for section in sections if section.entries]


def ask_for(draft: Draft) -> tuple[str, ...]:
    """What to hand over or to tell so that more can be said, at most two."""
    return ask_back(draft)


def _what_is_wrong(draft: Draft) -> Section:
    entries: list[tuple[str, tuple[str, ...]]] = []
    for run, diagnosis in draft.judged:
        where = f" in {run.name}" if len(draft.judged) > 1 else ""
        for finding in diagnosis.findings[:MAX_FINDINGS]:
            title = draft.cards[finding.id].title if finding.id in draft.cards else finding.id
            head = f"{title}{where} ({finding.severity}, {finding.confidence}) [{finding.id}]"
            entries.append((head, (finding.summary, *tell_consequences(finding))))
        entries += [(f"A traceback{where} that no rule explains: {text}", ()) for text in diagnosis.unexplained[:2]]
        if all(finding.severity == "note" for finding in diagnosis.findings) and not diagnosis.unexplained:
            entries.insert(0, _nothing_found(run, diagnosis, where))
    return Section("WHAT IS WRONG", tuple(entries))


def _nothing_found(run: Run, diagnosis: Diagnosis, where: str) -> tuple[str, tuple[str, ...]]:
    if not diagnosis.is_judged:
        return (f"{run.name} could not be judged: no metric and no error message was recognised in it.", ())
    checked = ", ".join(diagnosis.checked)
    return (f"No fault{where}, as far as this log can show.", (f"Checked: {checked}.",))


def _lines(draft: Draft) -> Section:
    entries = []
    for run, diagnosis in draft.judged:
        chosen: dict[tuple[int, str], Line] = {}
        for finding in diagnosis.findings[:MAX_FINDINGS]:
            for line in finding.evidence:
                if len(chosen) < MAX_LINES:
                    chosen.setdefault((line.number, line.text), line)
        if chosen:
            ordered = sorted(chosen.values(), key=lambda line: line.number)
            head = f"{run.name}: {run.format}, {run.num_records} records in {run.num_lines} lines"
            entries.append((head, tuple(map(tell_line, ordered))))
    return Section("LINES THAT SHOW IT", tuple(entries))


def _about_the_question(draft: Draft) -> Section:
    """What the cards say to the question's words, where no finding answers it."""
    if not draft.is_covered:
        is_judged = any(diagnosis.is_judged for _, diagnosis in draft.judged)
        return Section("WHAT YOU ASK", ((NO_CARD if is_judged else NOT_COVERED, ()),))
    if not draft.asked:
        return Section("", ())
    card = draft.asked[0]
    if log_denies(card.id, draft.judged):
        return Section("WHAT YOU ASK", (_tell_denied(card, draft),))
    if draft.faults:
        also = f"Your words also fit: {card.title} {cite(card)}"
        return Section("WHAT YOU ASK", ((also, ()),))
    suspects = [f"Suspect: {one.cause}. Check: {one.check}" for one in card.suspects[:MAX_SUSPECTS]]
    gap = find_gap(card.id, draft.judged)
    if gap is not None:
        suspects.insert(0, f"This log cannot tell whether it is so: {gap.reason}.")
    head = f"By its words alone, your question is about: {card.title} {cite(card)}"
    return Section("WHAT YOU ASK", ((head, tuple(suspects)),))


def _tell_denied(card: "Card", draft: Draft) -> tuple[str, tuple[str, ...]]:
    """That a log was checked for what the question says and does not show it, with its numbers."""
    told = [(run.name, tell_curves(run)) for run, _ in draft.judged]
    several = len(told) > 1
    numbers = tuple(f"{name}: {curves}." if several else f"It shows: {curves}." for name, curves in told if curves)
    head = f"The log was checked for this and does not show it: {card.title} {cite(card)}"
    return head, (*numbers, f"It would show so: {card.signs[0]}.")


def _moves(draft: Draft) -> Section:
    """The moves; a card that gives all of them is cited once, in the heading. None for what the log denies."""
    found = {finding.id for finding in draft.findings}
    if draft.moves and all(move.card not in found and log_denies(move.card, draft.judged) for move in draft.moves):
        return Section("", ())
    cards = {move.card for move in draft.moves}
    heading = "WHAT TO DO, IN ORDER" + (f" [{draft.moves[0].card}]" if len(cards) == 1 else "")
    entries = tuple(
        (
            f"{number}. {move.text}" + (f" [{move.card}]" if len(cards) > 1 else ""),
            (f"Cost: {move.cost}.",) if number == 1 else (),
        )
        for number, move in enumerate(draft.moves[:MAX_MOVES], start=1)
    )
    return Section(heading, entries)


def _gaps(draft: Draft) -> Section:
    entries: list[tuple[str, tuple[str, ...]]] = [(note, ()) for note in draft.notes]
    if not draft.judged:
        entries.append(("No log was read: pipe it in or pass --log FILE, and it is checked.", ()))
    for run, diagnosis in draft.judged:
        gaps = list(group_gaps(diagnosis).items())[:MAX_GAPS]
        entries += [(tell_gap(gap, rules), ()) for gap, rules in gaps]
        entries += [(f"{run.name}: {note}.", ()) for note in run.notes]
    return Section("NOT CHECKED", tuple(entries))


def _questions(draft: Draft) -> Section:
    """What the person could tell or attach so that the case is decided; the missing log is told already."""
    asked = [text for text in ask_for(draft) if text != ATTACH_LOG]
    return Section("WHAT WOULD DECIDE IT", tuple((text, ()) for text in asked))


def _sources(draft: Draft) -> Section:
    """The findings' cards, or the question's where nothing was found, each with where its facts come from."""
    found = [finding.id for _, diagnosis in draft.judged for finding in diagnosis.findings if finding.id in draft.cards]
    names = list(dict.fromkeys(found)) or [card.id for card in draft.asked[:1]]
    entries = tuple((_tell_source(draft.cards[name]), ()) for name in names[:MAX_SOURCES])
    return Section("SOURCES", entries)


def _tell_source(card: "Card") -> str:
    """A card's most precise source: papers, documentation and code before general guides."""
    ordered = sorted(card.sources, key=lambda text: not any(word in text for word in PRECISE_SOURCES))
    return f"{cite(card)} {ordered[0]}; more: ftchat cards show {card.id}"
