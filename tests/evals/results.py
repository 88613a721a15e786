"""The figures of a run of the evaluation, kept beside docs/EVIDENCE.md and checked by `make docs`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evals.grade import Grade, Score, score_ids
from evals.groups import GROUPS
from evals.report import Summary, summarise, tell_misses

RESULTS = Path(__file__).parents[2] / "docs" / "evidence.json"
REAL = "real"
"""Of logs that are not part of the project only figures are kept, no names and no misses."""


def write_results(graded: Mapping[str, Sequence[Grade]]) -> None:
    """Write the figures of all groups."""
    RESULTS.write_text(json.dumps(make_results(graded), indent=1) + "\n", encoding="utf-8")


def make_results(graded: Mapping[str, Sequence[Grade]]) -> dict[str, Any]:
    """Figures by group and by id, and what was missed; no times, so that two runs over the same code agree."""
    own = [one for name, grades in graded.items() if name != REAL for one in grades]
    titles = {group.name: group for group in GROUPS}
    return {
        "groups": [
            {**show_summary(summarise(name, grades)), "title": titles[name].title, "meaning": titles[name].meaning}
            for name, grades in graded.items()
            if grades
        ],
        "ids": [show_score(score) for score in score_ids(own, with_notes=True)],
        "real_ids": [show_score(score) for score in score_ids(graded.get(REAL, ()), with_notes=True)],
        "misses": [line for one in own for line in tell_misses(one) if not line.startswith("SLOW")],
    }


def show_summary(one: Summary) -> dict[str, Any]:
    """A summary with shares of three places."""
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(one).items()}


def show_score(one: Score) -> dict[str, Any]:
    """A score with its shares."""
    return {**asdict(one), "precision": round(one.precision, 3), "recall": round(one.recall, 3)}
