"""The cases by which a language model is measured, as data."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

DATA = Path(__file__).with_name("probe_cases.jsonl")
GRADING = 1
"""Raised by one whenever prompts or rules of grading change, so that no score of other rules is used."""

GROUPS = ("choice", "tools", "numbers", "direction", "abstaining")
CHANCE: Mapping[str, float] = {
    "choice": 1 / 4,
    "tools": 1 / 5,
    "numbers": 1 / 3,
    "direction": 1 / 2,
    "abstaining": 1 / 2,
}
"""What a model gets right that takes one of the things at hand blindly."""
LETTERS = "ABCD"


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        id: its group and number.
        group: one of GROUPS.
        facts: what the model is told.
        question: what it is asked.
        rest: what the group needs besides: ``options`` as they are shown and ``letter`` of the right one; ``call``;
            ``number`` and ``unit``; ``move``, ``knob``, ``direction`` and ``current``; ``answer``.
    """

    id: str
    group: str
    facts: tuple[str, ...]
    question: str
    rest: Mapping[str, Any]


@cache
def load_cases() -> tuple[Case, ...]:
    """All cases; the right one of four causes stands at each place equally often."""
    cases: list[Case] = []
    for line in DATA.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        case = Case(item.pop("id"), item.pop("group"), tuple(item.pop("facts")), item.pop("question"), item)
        cases.append(_arrange(case, len(cases)) if case.group == "choice" else case)
    return tuple(cases)


@cache
def case_version() -> str:
    """Name this set of cases and rules; a score of another set says nothing here."""
    return f"{GRADING}.{hashlib.sha256(DATA.read_bytes()).hexdigest()[:12]}"


def _arrange(case: Case, number: int) -> Case:
    """Put the right cause, which the data name first, at a place that goes round from case to case."""
    right, *wrong = case.rest["options"]
    place, turn = number % len(LETTERS), number // len(LETTERS) % len(wrong)
    shown = [*wrong[turn:], *wrong[:turn]]
    shown.insert(place, right)
    return Case(case.id, case.group, case.facts, case.question, {"options": shown, "letter": LETTERS[place]})
