"""Grade what the library says of a case against what is known of it."""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evals.case import Case
from tools.diagnosis import diagnose
from tools.diagnosis.finding import Finding
from tools.errors import BadInput
from tools.facts import Fact, collect_facts
from tools.run import Run

TOLERANCE = 0.005
"""How far a fact may be off: half a percent."""


@dataclass(frozen=True, slots=True)
class WrongFact:
    """A number that the library gave and what it should have been."""

    name: str
    got: Fact
    wanted: float

    def __str__(self) -> str:
        return f"{self.name}: got {self.got}, wanted {self.wanted}"


@dataclass(frozen=True, slots=True)
class Grade:
    """What the library made of one case.

    Attributes:
        findings: in its order, consequences inside their root.
        refusal: its words where it would not read the input; crash: the exception where it fell over.
        is_judged: whether any rule could judge.
        wrong_facts: facts outside the tolerance, of num_facts that were compared.
        num_steps_right: training losses that stand at their true step, of those that the case tells.
    """

    case: Case
    findings: tuple[Finding, ...] = ()
    refusal: str = ""
    crash: str = ""
    is_judged: bool = False
    wrong_facts: tuple[WrongFact, ...] = ()
    num_facts: int = 0
    num_steps_right: int = 0
    seconds: float = 0.0

    def ids(self, *, with_notes: bool) -> list[str]:
        """Ids of the findings, in order; without notes only what is a warning or worse."""
        return list(dict.fromkeys(one.id for one in self.findings if with_notes or one.severity != "note"))

    def followed(self) -> set[str]:
        """Ids that are told as consequences of a finding."""
        return {child for finding in self.findings for child in finding.consequences}

    @property
    def extras(self) -> list[str]:
        """Warnings and errors that are neither expected nor fair; none are wrong where the fault has no id."""
        known = {*self.case.labels, *self.case.either, *self.case.fair}
        return [] if self.case.is_outside else [one for one in self.ids(with_notes=False) if one not in known]

    @property
    def missed(self) -> list[str]:
        """What is wanted and not found at any severity."""
        return [label for label in self.wanted(with_notes=True) if label not in self.ids(with_notes=True)]

    def wanted(self, *, with_notes: bool) -> list[str]:
        """The labels; the first gives way to the ids that say the same, where one of them is found and it is not."""
        said, labels = self.ids(with_notes=with_notes), self.case.labels
        instead = [one for one in said if one in self.case.either]
        return [*instead[:1], *labels[1:]] if instead and labels[0] not in said else list(labels)

    @property
    def is_read(self) -> bool:
        """Whether records or problems were read, so that something could be judged."""
        return self.is_judged and not self.crash and not self.refusal

    @property
    def is_right(self) -> bool:
        """Whether everything expected was said, and nothing wrong beside it."""
        if self.crash:
            return False
        if self.case.may_be_refused and not self.is_read:
            return bool(self.refusal) or not self.findings
        return self.is_read and not self.missed and not self.extras


def grade(case: Case) -> Grade:
    """Read and judge a case and compare the outcome."""
    started = time.perf_counter()
    try:
        run = case.read()
        diagnosis = diagnose(run)
        facts = collect_facts(run)
    except BadInput as error:
        return Grade(case, refusal=str(error), wrong_facts=compare_facts(case, {}), num_facts=len(case.facts))
    except Exception as error:  # noqa: BLE001  a crash of the library is an outcome to be counted, not the run's end
        crash = f"{type(error).__name__}: {error}"
        return Grade(case, crash=crash, wrong_facts=compare_facts(case, {}), num_facts=len(case.facts))
    return Grade(
        case,
        findings=diagnosis.findings,
        is_judged=diagnosis.is_judged,
        wrong_facts=compare_facts(case, facts),
        num_facts=len(case.facts),
        num_steps_right=count_steps(case, run),
        seconds=time.perf_counter() - started,
    )


def compare_facts(case: Case, found: dict[str, Fact]) -> tuple[WrongFact, ...]:
    """Give the known facts of a case that were not found."""
    wrong = (WrongFact(name, found.get(name), wanted) for name, wanted in case.facts.items())
    return tuple(fact for fact in wrong if not is_close(fact.got, fact.wanted))


def count_steps(case: Case, run: Run) -> int:
    """Count the training losses at their true step, or without one where the format does not tell."""
    found = [point.step for point in run.points("loss")]
    unknown = object() if case.tells_steps else None
    return sum(got in (wanted, unknown) for got, wanted in zip(found, case.steps, strict=False))


def is_close(got: Fact, wanted: float) -> bool:
    """Whether a number is the wanted one within the tolerance; nan and inf are equal to themselves."""
    if isinstance(got, str) or got is None:
        return False
    if math.isnan(wanted) or math.isinf(wanted):
        return str(float(got)) == str(float(wanted))
    return math.isfinite(got) and abs(got - wanted) <= TOLERANCE * abs(wanted) + 1e-9


@dataclass(frozen=True, slots=True)
class Score:
    """How often an id was said rightly, wrongly, and not said."""

    id: str
    right: int
    wrong: int
    missed: int

    @property
    def precision(self) -> float:
        """Share of what was said that is right; 1 where nothing was said."""
        said = self.right + self.wrong
        return self.right / said if said else 1.0

    @property
    def recall(self) -> float:
        """Share of what was to be said that was said."""
        wanted = self.right + self.missed
        return self.right / wanted if wanted else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of both; 0 where nothing was said rightly."""
        return 2 * self.right / (2 * self.right + self.wrong + self.missed) if self.right else 0.0


def score_ids(grades: Sequence[Grade], *, with_notes: bool) -> list[Score]:
    """Score every id that is labelled or was said; fair extras count for nothing."""
    said = {id(one): set(one.ids(with_notes=with_notes)) for one in grades}
    wanted = {id(one): set(one.wanted(with_notes=with_notes)) for one in grades}
    names = sorted(set().union(*said.values(), *wanted.values()))
    return [
        Score(
            name,
            right=sum(name in said[id(one)] and name in wanted[id(one)] for one in grades),
            wrong=sum(
                name in said[id(one)] and name not in wanted[id(one)] | one.case.fair | one.case.either
                for one in grades
            ),
            missed=sum(name not in said[id(one)] and name in wanted[id(one)] for one in grades),
        )
        for name in names
    ]


def average_f1(scores: Iterable[Score]) -> float:
    """The mean F1 of the ids that are labelled; 0 where none is."""
    labelled = [score.f1 for score in scores if score.right + score.missed]
    return sum(labelled) / len(labelled) if labelled else 0.0
