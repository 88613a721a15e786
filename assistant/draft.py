"""What a composed answer is made of, and the small pieces of text that its sections share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.diagnosis.finding import CannotJudge, Diagnosis, Finding
from tools.facts import collect_facts
from tools.run import Line, Run
from tools.units import format_number

if TYPE_CHECKING:
    from assistant.moves import PlannedMove
    from assistant.planner import Plan
    from assistant.question import Asked
    from knowledge.card import Card


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
        plan: what the turn computes; words: what the question tells; None where nothing was planned.
    """

    judged: Sequence[tuple[Run, Diagnosis]]
    moves: "Sequence[PlannedMove]"
    asked: "Sequence[Card]"
    cards: "Mapping[str, Card]"
    notes: Sequence[str] = ()
    is_covered: bool = True
    plan: "Plan | None" = None
    words: "Asked | None" = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, worst first in each log."""
        return tuple(finding for _, diagnosis in self.judged for finding in diagnosis.findings)

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that are more than a note."""
        return tuple(finding for finding in self.findings if finding.severity != "note")


def log_denies(card_id: str, judged: Sequence[tuple[Run, Diagnosis]]) -> bool:
    """Whether the rule of a card judged every log and found nothing in any."""
    return bool(judged) and all(
        card_id in diagnosis.checked and not _is_found(card_id, diagnosis) for _, diagnosis in judged
    )


def find_gap(card_id: str, judged: Sequence[tuple[Run, Diagnosis]]) -> CannotJudge | None:
    """Why the rule of a card could not judge, None where it did or where there is no such rule."""
    return next((diagnosis.skipped[card_id] for _, diagnosis in judged if card_id in diagnosis.skipped), None)


def _is_found(card_id: str, diagnosis: Diagnosis) -> bool:
    return any(card_id in (finding.id, *finding.consequences) for finding in diagnosis.findings)


def tell_curves(run: Run) -> str:
    """The numbers of a run that show how it went, "" where it holds none."""
    return ", ".join(_curve_parts(run))


def _curve_parts(run: Run) -> Iterator[str]:
    facts = collect_facts(run)
    first, last = facts["first_loss"], facts["last_loss"]
    if isinstance(first, float) and isinstance(last, float):
        yield f"training loss {format_number(first)} at first and {format_number(last)} at last"
    lowest, final = facts["min_eval_loss"], facts["last_eval_loss"]
    if isinstance(lowest, float) and isinstance(final, float):
        step = facts["min_eval_step"]
        where = f" (step {step})" if step is not None else ""
        yield f"validation loss {format_number(lowest)} at its lowest{where} and {format_number(final)} at last"
    norms = run.values("grad_norm")
    if norms:
        yield f"gradient norm at most {format_number(max(norms))}"


def tell_line(line: Line) -> str:
    """A quoted line behind its number, and its file's name where there are several."""
    where = f"{line.source} " if line.source else ""
    return f"{where}L{line.number}  {line.text.strip()}"


def tell_gap(gap: CannotJudge, rules: Sequence[str]) -> str:
    """Which rules could not judge, why, and what would let them."""
    attach = f"; attach {gap.attach}" if gap.attach else ""
    return f"{', '.join(rules)}: {gap.reason}{attach}."


def group_gaps(diagnosis: Diagnosis) -> dict[CannotJudge, list[str]]:
    """Rules by the reason why they could not judge; those that nothing would help only where nothing was judged."""
    grouped: dict[CannotJudge, list[str]] = {}
    for rule, gap in diagnosis.skipped.items():
        if gap.attach or not diagnosis.is_judged:
            grouped.setdefault(gap, []).append(rule)
    return grouped


def cite(card: "Card") -> str:
    """A card's id, with whose card it is where it is not ours."""
    return f"[{card.id}, your team's card]" if card.origin == "team" else f"[{card.id}]"
