"""What a rule is and what it may say: a finding, nothing, or why it cannot judge."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tools.run import Line, Point, Run

Severity = Literal["error", "warning", "note"]
Confidence = Literal["certain", "likely", "possible"]
Value = float | int | str | None

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Settled:
    """Which way a knob must go, and how far, as the run itself shows; amount is "" where it does not tell."""

    direction: Literal["raise", "lower"]
    amount: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a run, or worth knowing about it.

    Attributes:
        id: the pitfall's id, which is also its card's.
        summary: one or two sentences with the values, for a person.
        values: the numbers behind the summary, by name.
        evidence: the lines that show it.
        settles: by knob, what the run itself says about a move; it overrules the card's amount.
        consequences: ids of findings that follow from this one and are not told apart from it.
    """

    id: str
    severity: Severity
    confidence: Confidence
    summary: str
    values: Mapping[str, Value]
    evidence: tuple[Line, ...]
    settles: Mapping[str, Settled] = field(default_factory=dict)
    consequences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CannotJudge:
    """A rule's word that the input does not hold what it needs.

    Attributes:
        reason: what is missing, for a person.
        attach: what to hand over so that the rule can judge, "" where nothing would help.
    """

    reason: str
    attach: str = ""


Verdict = Finding | CannotJudge | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One check. ``judge`` gives a finding, the reason why it cannot judge, or None: checked, nothing found."""

    id: str
    needs: str
    judge: Callable[[Run], Verdict]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What all rules said about a run.

    Attributes:
        is_judged: whether anything could be checked at all.
        findings: worst first; a consequence stands inside its root, not here.
        checked: ids of the rules that judged; skipped: ids of those that could not, with their reason.
    """

    is_judged: bool
    findings: tuple[Finding, ...]
    checked: tuple[str, ...]
    skipped: Mapping[str, CannotJudge]
    unexplained: tuple[str, ...] = ()

    @property
    def is_healthy(self) -> bool | None:
        """False with a finding of severity warning or worse; None without a loss, or with an error not understood."""
        if any(finding.severity != "note" for finding in self.findings):
            return False
        is_open = not self.is_judged or self.unexplained or "loss_nan" not in self.checked
        return None if is_open else True


def quote(points: Iterable[Point | None]) -> tuple[Line, ...]:
    """The lines of some points, each once, in the order of the log."""
    lines = {(point.line.number, point.line.text): point.line for point in points if point is not None}
    return tuple(sorted(lines.values(), key=lambda line: line.number))
