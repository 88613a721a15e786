"""The answer that stands without a language model: findings, the lines that show them, moves, gaps, sources."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.diagnosis.finding import CannotJudge, Diagnosis, Finding
from tools.run import Line, Run

if TYPE_CHECKING:
    from assistant.moves import PlannedMove
    from knowledge.card import Card

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


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and its entries; an entry is a first line and lines that belong under it."""

    heading: str
    entries: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Draft:
    """What a composed answer is made of.

    Attributes:
        judged: each input with its diagnosis; asked: cards that the question named in words, best first.
        is_covered: whether a finding or a card speaks to the question.
    """

    judged: Sequence[tuple[Run, Diagnosis]]
    moves: "Sequence[PlannedMove]"
    asked: "Sequence[Card]"
    cards: "Mapping[str, Card]"
    notes: Sequence[str] = ()
    is_covered: bool = True


def opening_sections(draft: Draft) -> list[Section]:
    """What the diagnosis alone can say: what is wrong, and the lines that show it."""
    return [section for section in (_what_is_wrong(draft), _lines(draft)) if section.entries]


def closing_sections(draft: Draft) -> list[Section]:
    """What needs the cards: the question's own subject, moves, gaps and sources."""
    sections = (_about_the_question(draft), _moves(draft), _gaps(draft), _sources(draft))
    return [section for section in sections if section.entries]


def ask_for(draft: Draft) -> tuple[str, ...]:
    """What to hand over so that more can be said, at most two."""
    if not draft.judged:
        return ("Attach the training log: pipe it in, or pass --log FILE.",)
    gaps = [gap for _, diagnosis in draft.judged for gap in diagnosis.skipped.values() if gap.attach]
    wanted = list(dict.fromkeys(gap.attach for gap in gaps))
    return tuple(f"Attach {what}." for what in wanted[:2])


def _what_is_wrong(draft: Draft) -> Section:
    entries: list[tuple[str, tuple[str, ...]]] = []
    for run, diagnosis in draft.judged:
        where = f" in {run.name}" if len(draft.judged) > 1 else ""
        for finding in diagnosis.findings[:MAX_FINDINGS]:
            title = draft.cards[finding.id].title if finding.id in draft.cards else finding.id
            head = f"{title}{where} ({finding.severity}, {finding.confidence}) [{finding.id}]"
            entries.append((head, (finding.summary, *_consequences(finding))))
        entries += [(f"A traceback{where} that no rule explains: {text}", ()) for text in diagnosis.unexplained[:2]]
        if all(finding.severity == "note" for finding in diagnosis.findings) and not diagnosis.unexplained:
            entries.insert(0, _nothing_found(run, diagnosis, where))
    return Section("WHAT IS WRONG", tuple(entries))


def _consequences(finding: Finding) -> Iterable[str]:
    if finding.consequences:
        yield f"What follows from it and needs no cure of its own: {', '.join(finding.consequences)}."


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
            entries.append((head, tuple(f"L{line.number}  {line.text.strip()}" for line in ordered)))
    return Section("LINES THAT SHOW IT", tuple(entries))


def _about_the_question(draft: Draft) -> Section:
    """What the cards say to the question's words, where no finding answers it."""
    if not draft.is_covered:
        is_judged = any(diagnosis.is_judged for _, diagnosis in draft.judged)
        return Section("WHAT YOU ASK", ((NO_CARD if is_judged else NOT_COVERED, ()),))
    if not draft.asked:
        return Section("", ())
    card = draft.asked[0]
    if any(finding.severity != "note" for _, diagnosis in draft.judged for finding in diagnosis.findings):
        also = f"Your words also fit: {card.title} {_cite(card)}"
        return Section("WHAT YOU ASK", ((also, ()),))
    suspects = tuple(f"Suspect: {one.cause}. Check: {one.check}" for one in card.suspects[:MAX_SUSPECTS])
    head = f"By its words alone, your question is about: {card.title} {_cite(card)}"
    return Section("WHAT YOU ASK", ((head, suspects),))


def _moves(draft: Draft) -> Section:
    """The moves; a card that gives all of them is cited once, in the heading."""
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
        grouped: dict[CannotJudge, list[str]] = {}
        for rule, gap in diagnosis.skipped.items():
            grouped.setdefault(gap, []).append(rule)
        entries += [(_tell_gap(gap, rules), ()) for gap, rules in list(grouped.items())[:MAX_GAPS]]
        entries += [(f"{run.name}: {note}.", ()) for note in run.notes]
    return Section("NOT CHECKED", tuple(entries))


def _tell_gap(gap: CannotJudge, rules: Sequence[str]) -> str:
    attach = f"; attach {gap.attach}" if gap.attach else ""
    return f"{', '.join(rules)}: {gap.reason}{attach}."


def _sources(draft: Draft) -> Section:
    """The findings' cards, or the question's where nothing was found, each with where its facts come from."""
    found = [finding.id for _, diagnosis in draft.judged for finding in diagnosis.findings if finding.id in draft.cards]
    names = list(dict.fromkeys(found)) or [card.id for card in draft.asked[:1]]
    entries = tuple((_tell_source(draft.cards[name]), ()) for name in names[:MAX_SOURCES])
    return Section("SOURCES", entries)


def _tell_source(card: "Card") -> str:
    """A card's most precise source: papers, documentation and code before general guides."""
    ordered = sorted(card.sources, key=lambda text: not any(word in text for word in PRECISE_SOURCES))
    return f"{_cite(card)} {ordered[0]}; more: ftchat cards show {card.id}"


def _cite(card: "Card") -> str:
    """A card's id, with whose card it is where it is not ours."""
    return f"[{card.id}, your team's card]" if card.origin == "team" else f"[{card.id}]"
