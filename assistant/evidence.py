"""The numbered facts of a turn: all that a language model may speak of."""

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.moves import PlannedMove
from tools.diagnosis.finding import Diagnosis
from tools.run import Run
from tools.units import format_number

MAX_FINDINGS = 4
MAX_MOVES = 6


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact.

    Attributes:
        id: E1, E2, ... as citations name it.
        value: the number behind it where there is one.
        source: where it comes from: a finding, a card, lines of a log.
    """

    id: str
    text: str
    value: float | int | str | None
    source: str


def collect_evidence(
    judged: Sequence[tuple[Run, Diagnosis]], moves: Sequence[PlannedMove], card_signs: Sequence[tuple[str, str]]
) -> tuple[Evidence, ...]:
    """Number the facts of a turn: findings first, then moves, then what was read, then what the cards say."""
    rows: list[tuple[str, float | int | str | None, str]] = []
    for run, diagnosis in judged:
        for finding in diagnosis.findings[:MAX_FINDINGS]:
            value = next((value for value in finding.values.values() if value is not None), None)
            lines = ", ".join(f"L{line.number}" for line in finding.evidence)
            rows.append((finding.summary, value, f"{finding.id}: {run.name} {lines}"))
        if not diagnosis.findings and diagnosis.is_healthy:
            rows.append(("Nothing wrong was found in the log.", None, f"diagnosis: {run.name}"))
    rows += [(f"Advice: {move.text}.", None, f"card {move.card}") for move in moves[:MAX_MOVES]]
    rows += [_facts(run) for run, _ in judged if run.num_records]
    rows += [(sign, None, f"card {card}") for card, sign in card_signs]
    return tuple(Evidence(f"E{number}", *row) for number, row in enumerate(rows, start=1))


def _facts(run: Run) -> tuple[str, float | int | str | None, str]:
    losses, evals = run.points("loss"), run.points("eval_loss")
    parts = [f"{len(losses)} training rows"]
    if losses:
        parts.append(f"first loss {format_number(losses[0].value)}, last loss {format_number(losses[-1].value)}")
    if evals:
        parts.append(f"{len(evals)} evaluations")
    return "The log holds " + ", ".join(parts) + ".", len(losses), f"log: {run.name}"
