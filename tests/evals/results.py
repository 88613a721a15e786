"""The figures of a run of the evaluation, kept beside docs/EVIDENCE.md and checked by the tests."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evals.case import OUTSIDE
from evals.grade import Grade, Score, score_ids
from evals.groups import GROUPS, PRIVATE, REAL
from evals.report import Summary, summarise, tell_misses
from evals.stamp import stamp_cases

FORMAT = re.compile(r" \[([^\]]+)\]")
RESULTS = Path(__file__).parents[2] / "docs" / "evidence.json"
REAL_LOGS = "real logs"
FAMILIES = {
    "made-up, state file": ("state", "variants", "drawn"),
    "made-up, other formats": ("console", "formats", "layers", "texts"),
    "recorded": ("recorded_state", "recorded_console", "recorded_4", "digits"),
    REAL_LOGS: (REAL,),
}
"""Groups whose scores by id stand in one column."""

Graded = Mapping[str, Sequence[Grade]]


def write_results(graded: Graded) -> None:
    """Write the figures of all groups; those of the real logs are kept where the logs are not at hand."""
    before = read_results() if RESULTS.is_file() else {"groups": {}, "ids": {}}
    fresh = make_results(graded)
    for part, private in (("groups", PRIVATE), ("ids", {REAL_LOGS})):
        kept = {name: figures for name, figures in before[part].items() if name in private - fresh[part].keys()}
        fresh[part] |= kept
    RESULTS.write_text(json.dumps(fresh, indent=1) + "\n", encoding="utf-8")


def read_results() -> dict[str, Any]:
    """Read the figures of the last run."""
    loaded: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8"))
    return loaded


def make_results(graded: Graded) -> dict[str, Any]:
    """Figures by group and by id, and what was missed; no times, so that two runs over the same code agree.

    Of logs that are not part of the project there are figures only, no names and no misses.
    """
    about = {group.name: group for group in GROUPS}
    families = {family: [one for name in names for one in graded.get(name, ())] for family, names in FAMILIES.items()}
    return {
        "cases": stamp_cases(),
        "groups": {
            name: {"title": about[name].title, "meaning": about[name].meaning, **show_summary(summarise(name, grades))}
            for name, grades in graded.items()
            if grades
        },
        "ids": {
            family: {score.id: show_score(score) for score in score_ids(grades, with_notes=True)}
            for family, grades in families.items()
            if grades
        },
        "recorded": show_recorded(graded),
        "misses": {name: list_misses(grades) for name, grades in graded.items() if name not in PRIVATE},
    }


def list_misses(grades: Sequence[Grade]) -> list[str]:
    """What was missed, a story once with the formats in which it was."""
    formats: dict[str, list[str]] = {}
    for line in (line for one in grades for line in tell_misses(one) if not line.startswith("SLOW")):
        found = FORMAT.search(line)
        shown = line.replace(found[0], "") if found else line
        formats.setdefault(shown, []).extend([found[1]] if found else [])
    return [f"{line}; in {', '.join(names)}" if names else line for line, names in formats.items()]


def show_summary(one: Summary) -> dict[str, Any]:
    """A summary with shares of three places."""
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(one).items()}


def show_score(one: Score) -> dict[str, Any]:
    """The counts of an id with their shares."""
    counts = {"right": one.right, "wrong": one.wrong, "missed": one.missed}
    return {**counts, "precision": round(one.precision, 3), "recall": round(one.recall, 3)}


def show_recorded(graded: Graded) -> dict[str, dict[str, Any]]:
    """What was said of each recorded run, by its name: from the state file and from the console."""
    shown: dict[str, dict[str, Any]] = {}
    for name in ("recorded_state", "recorded_console"):
        for one in graded.get(name, ()):
            run = shown.setdefault(one.case.name.partition(".")[0], {})
            run["labels"] = list(one.case.labels) or ([OUTSIDE] if one.case.is_outside else [])
            run[name] = {"is_right": one.is_right, "said": one.ids(with_notes=True)}
    return dict(sorted(shown.items()))
