"""The figures of a run over the cases: a row for every tag, in a form that a document and a later run can read."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from evals.answers.case import TAGS
from evals.answers.grade import Grade

ALL = "all"
Counted = tuple[int, int]


def count_mode(grades: Sequence[Grade]) -> dict[str, dict[str, Any]]:
    """The figures of one mode, by tag; a tag that no case has is left out."""
    groups = {ALL: list(grades)} | {tag: [grade for grade in grades if tag in grade.tags] for tag in TAGS}
    return {name: _count(group) for name, group in groups.items() if group}


def _count(grades: Sequence[Grade]) -> dict[str, Any]:
    """Figures of some turns; a pair is (right, graded)."""
    waits = [grade.to_words for grade in grades if grade.to_words is not None]
    return {
        "turns": len(grades),
        "right": sum(grade.is_right for grade in grades),
        "first_cause": _right(grades, lambda grade: grade.is_first_right),
        "moves": _right(grades, lambda grade: grade.are_moves_right),
        "refused_rightly": _right(grades, lambda grade: grade.is_refused_rightly),
        "rest": _right(grades, lambda grade: grade.is_rest_right),
        "harmful": sum(len(grade.harmful) for grade in grades),
        "unsupported_numbers": sum(len(grade.unsupported) for grade in grades),
        "citations": (
            sum(grade.num_citations - len(grade.uncited) for grade in grades),
            sum(grade.num_citations for grade in grades),
        ),
        "unsafe": sum(grade.unsafe for grade in grades),
        "struck": sum(grade.num_struck for grade in grades),
        "seconds": round(statistics.median(grade.total_seconds for grade in grades), 3),
        "seconds_to_words": round(statistics.median(waits), 3) if waits else None,
    }


def _right(grades: Iterable[Grade], claim: Callable[[Grade], bool | None]) -> Counted:
    claims = [claim(grade) for grade in grades]
    return sum(one is True for one in claims), sum(one is not None for one in claims)


def tell(mode: str, counted: Mapping[str, Mapping[str, Any]], grades: Sequence[Grade]) -> str:
    """The figures of a mode as a table for a terminal, and every fault."""
    head = (
        f"{'tag':12}{'turns':>6}{'right':>7}{'first':>9}{'moves':>9}{'refused':>9}{'harm':>6}{'number':>8}{'cited':>11}"
    )
    lines = [f"== {mode}", head]
    for tag, row in counted.items():
        pairs = [_pair(row[name]) for name in ("first_cause", "moves", "refused_rightly")]
        lines.append(
            f"{tag:12}{row['turns']:>6}{row['right']:>7}{pairs[0]:>9}{pairs[1]:>9}{pairs[2]:>9}"
            f"{row['harmful']:>6}{row['unsupported_numbers']:>8}{_pair(row['citations']):>11}"
        )
    lines += [f"  {grade.case_id}: {'; '.join(grade.faults)}" for grade in grades if grade.faults]
    return "\n".join(lines)


def _pair(pair: Counted) -> str:
    return f"{pair[0]}/{pair[1]}" if pair[1] else ""


def compare_modes(without: Mapping[str, Any], with_model: Mapping[str, Any]) -> list[str]:
    """What a model makes worse than the answer without it, in words."""
    worse = [
        f"{name}: {with_model[name][0]} of {with_model[name][1]} with the model, {without[name][0]} without"
        for name in ("first_cause", "moves", "refused_rightly", "rest")
        if with_model[name][0] < without[name][0]
    ]
    worse += [
        f"{name}: {with_model[name]} with the model, {without[name]} without"
        for name in ("harmful", "unsupported_numbers", "unsafe")
        if with_model[name] > without[name]
    ]
    held = [(counted["citations"][1] - counted["citations"][0]) for counted in (without, with_model)]
    return worse + (
        [f"citations that do not hold: {held[1]} with the model, {held[0]} without"] if held[1] > held[0] else []
    )
