"""Say in words and numbers how a group of cases went."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals.grade import Grade, Score, average_f1, score_ids

SLOW_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of a group of cases.

    Attributes:
        num_right: cases in which all that was expected was said, and nothing wrong beside it.
        num_found: faulty cases of which every label was found; num_first: whose first finding is a label.
        num_alarmed: fine cases with a warning or worse.
        f1_warnings: macro-F1 over the labelled ids, of what is a warning or worse; f1_all: notes as well.
    """

    name: str
    num_cases: int
    num_right: int
    num_faulty: int
    num_found: int
    num_first: int
    num_fine: int
    num_alarmed: int
    num_facts: int
    num_facts_right: int
    num_steps: int
    num_steps_right: int
    num_unread: int
    num_crashed: int
    f1_warnings: float
    f1_all: float


def summarise(name: str, grades: Sequence[Grade]) -> Summary:
    """Count what went how in a group of cases."""
    faulty = [one for one in grades if one.case.labels]
    fine = [one for one in grades if one.case.is_fine]
    num_facts = sum(one.num_facts for one in grades)
    return Summary(
        name=name,
        num_cases=len(grades),
        num_right=sum(one.is_right for one in grades),
        num_faulty=len(faulty),
        num_found=sum(not one.missed for one in faulty),
        num_first=sum(has_right_first(one) for one in faulty),
        num_fine=len(fine),
        num_alarmed=sum(bool(one.ids(with_notes=False)) for one in fine),
        num_facts=num_facts,
        num_facts_right=num_facts - sum(len(one.wrong_facts) for one in grades),
        num_steps=sum(len(one.case.steps) for one in grades),
        num_steps_right=sum(one.num_steps_right for one in grades),
        num_unread=sum(not one.is_read for one in grades),
        num_crashed=sum(bool(one.crash) for one in grades),
        f1_warnings=average_f1(score_ids(grades, with_notes=False)),
        f1_all=average_f1(score_ids(grades, with_notes=True)),
    )


def has_right_first(one: Grade) -> bool:
    """Whether the first thing that is said is one of the labels."""
    return bool(one.findings) and one.findings[0].id in (*one.case.labels, *one.case.either)


def tell(name: str, grades: Sequence[Grade]) -> str:
    """The figures, the table of ids and the misses of a group, for a terminal."""
    return "\n".join(
        [
            f"== {name}",
            *tell_summary(summarise(name, grades)),
            *tell_scores(score_ids(grades, with_notes=False), "warning or worse"),
            *tell_scores(score_ids(grades, with_notes=True), "notes as well"),
            *(miss for one in grades for miss in tell_misses(one)),
            "",
        ]
    )


def tell_summary(one: Summary) -> Iterator[str]:
    """The figures of a group, one a line."""
    yield f"cases                    {one.num_cases}, of which right {one.num_right}"
    yield f"faults found             {one.num_found} of {one.num_faulty}"
    yield f"first finding right      {one.num_first} of {one.num_faulty}"
    yield f"false alarms             {one.num_alarmed} of {one.num_fine} fine runs"
    yield f"facts right              {one.num_facts_right} of {one.num_facts}"
    yield f"steps right              {one.num_steps_right} of {one.num_steps} training losses"
    yield f"not read, crashed        {one.num_unread}, {one.num_crashed}"
    yield f"macro-F1                 {one.f1_warnings:.3f} (warning or worse), {one.f1_all:.3f} (notes as well)"


def tell_scores(scores: Sequence[Score], what: str) -> Iterator[str]:
    """Precision and recall by id."""
    yield f"{'id, ' + what:<36} precision  recall   F1     right wrong missed"
    for one in scores:
        counts = f"{one.right:5d} {one.wrong:5d} {one.missed:6d}"
        yield f"  {one.id:<34} {one.precision:9.2f} {one.recall:7.2f} {one.f1:6.2f}   {counts}"


def tell_misses(one: Grade) -> Iterator[str]:
    """What went wrong in a case, one a line."""
    said = ", ".join(f"{found.id} ({found.severity})" for found in one.findings) or "nothing"
    wanted = ", ".join(one.case.labels) or ("a fault without an id" if one.case.is_outside else "nothing")
    if one.crash:
        yield f"CRASH  {one.case.name}: {one.crash}"
    elif one.refusal and not one.case.may_be_refused:
        yield f"UNREAD {one.case.name}: wanted {wanted}; refused: {one.refusal}"
    elif not one.is_read and not one.case.may_be_refused:
        yield f"UNREAD {one.case.name}: wanted {wanted}; nothing was recognised"
    elif one.missed:
        beneath = "".join(f"; {label} is told as a consequence" for label in one.missed if label in one.followed())
        yield f"MISSED {one.case.name}: wanted {wanted}, got {said}{beneath}"
    elif one.case.labels and not has_right_first(one):
        yield f"ORDER  {one.case.name}: wanted {wanted} first, got {said}"
    if one.extras:
        yield f"EXTRA  {one.case.name}: wanted {wanted}, got {said}"
    if one.case.is_outside and one.ids(with_notes=False):
        yield f"OUTSIDE {one.case.name}: its fault has no id, got {said}"
    if one.num_steps_right < len(one.case.steps):
        yield f"STEPS  {one.case.name}: {one.num_steps_right} of {len(one.case.steps)} right"
    if one.wrong_facts:
        yield f"FACTS  {one.case.name}: {'; '.join(map(str, one.wrong_facts))}"
    if one.seconds > SLOW_SECONDS:
        yield f"SLOW   {one.case.name}: {one.seconds:.1f} s"
