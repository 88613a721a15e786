"""The numbered facts of a turn: all that a language model may speak of."""

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.clauses import split_sentences
from assistant.moves import PlannedMove
from tools.diagnosis.finding import Diagnosis
from tools.run import Run
from tools.units import format_number

ADVICE = "Advice: "
COUNTS = "log: "
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
    judged: Sequence[tuple[Run, Diagnosis]],
    moves: Sequence[PlannedMove],
    card_signs: Sequence[tuple[str, str]],
    measured: Sequence[tuple[str, float | int, str]] = (),
) -> tuple[Evidence, ...]:
    """Number the facts of a turn, one sentence each: findings, moves, measures, what was read, what the cards say."""
    rows: list[tuple[str, float | int | str | None, str]] = []
    for run, diagnosis in judged:
        for finding in diagnosis.findings[:MAX_FINDINGS]:
            value = next((value for value in finding.values.values() if value is not None), None)
            lines = ", ".join(f"L{line.number}" for line in finding.evidence)
            source = f"{finding.id}: {run.name} {lines}"
            rows += [(sentence, value, source) for sentence in split_sentences(finding.summary)]
        if not diagnosis.findings and diagnosis.is_healthy:
            rows.append(("No fault was found in what the log shows.", None, f"diagnosis: {run.name}"))
    rows += [(f"{ADVICE}{move.text}.", None, f"card {move.card}") for move in moves[:MAX_MOVES]]
    rows += measured
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
    return "The log holds " + ", ".join(parts) + ".", len(losses), f"{COUNTS}{run.name}"


def cite_sources(sentence: str, evidence: Sequence[Evidence]) -> str:
    """Write a sentence's citations as what they stand for: a finding's or card's id, or the log.

    Example:
        >>> cite_sources("It climbs [E1].", [Evidence("E1", "It climbs.", 2.5, "overfitting: train.log L5")])
        'It climbs [overfitting].'
    """
    for item in evidence:
        name = item.source.removeprefix("card ").split(":")[0]
        sentence = sentence.replace(f"[{item.id}]", f"[{name}]")
    return sentence
