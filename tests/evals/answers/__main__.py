"""Grade whole answers over the cases beside this file, without a model, with the embedded one, or with any other.

PYTHONPATH=tests python -m evals.answers                       both, and write docs/answers.json
PYTHONPATH=tests python -m evals.answers --llm none            one mode; nothing is written
PYTHONPATH=tests python -m evals.answers --llm FILE --case a01 any model, cases whose id begins so; nothing is written
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from assistant.parts import real_parts
from assistant.settings import NO_MODEL, load_settings
from evals.answers.case import AnswerCase, read_cases
from evals.answers.grade import Grade, grade
from evals.answers.report import ALL, compare_modes, count_mode, tell
from evals.answers.run import run_case
from evals.answers.stamp import stamp_answers
from knowledge.card import load_cards

RESULTS = Path(__file__).parents[3] / "docs" / "answers.json"
MODES = (NO_MODEL, "embedded")


def main() -> int:
    """Grade; gives 1 where nothing was graded, or where a bar that knows no exception was missed."""
    parser = argparse.ArgumentParser(description="Grade whole answers over cases with known answers.")
    parser.add_argument(
        "--llm", action="append", default=[], metavar="MODEL", help='"none", "embedded", a GGUF file ...'
    )
    parser.add_argument("--case", default="", metavar="ID", help="cases whose id begins so")
    given = parser.parse_args()
    cases = [case for case in read_cases() if case.id.startswith(given.case)]
    graded = {mode: grade_cases(cases, mode) for mode in given.llm or MODES}
    counted = {mode: count_mode(grades) for mode, grades in graded.items()}
    for mode, grades in graded.items():
        sys.stdout.write(tell(mode, counted[mode], grades) + "\n")
    if not given.llm and not given.case:
        told = {"cases": stamp_answers(), "num_cases": len(cases), "modes": counted}
        RESULTS.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return judge(graded)


def grade_cases(cases: Sequence[AnswerCase], mode: str) -> list[Grade]:
    """Run and grade every turn of the cases in one mode."""
    parts, cards = real_parts(load_settings({"model": mode})), load_cards()
    graded: list[Grade] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases:
            name = case.id
            graded += [grade(name, case.tags, answered, cards) for answered in run_case(case, parts, Path(folder))]
    return graded


def judge(graded: dict[str, list[Grade]]) -> int:
    """1 where a run graded nothing, or an answer did harm, made a number up, or is worse than without its model."""
    faults = [f"{mode}: nothing was graded" for mode, grades in graded.items() if not grades]
    counted = {mode: count_mode(grades)[ALL] for mode, grades in graded.items() if grades}
    for mode, row in counted.items():
        faults += [f"{mode}: {row[name]} {name}" for name in ("harmful", "unsupported_numbers", "unsafe") if row[name]]
        if row["citations"][0] != row["citations"][1]:
            faults.append(f"{mode}: {row['citations'][1] - row['citations'][0]} citations do not hold")
        if NO_MODEL in counted and mode != NO_MODEL:
            faults += [f"{mode}: {text}" for text in compare_modes(counted[NO_MODEL], row)]
    for fault in faults:
        sys.stderr.write(f"{fault}\n")
    return 1 if faults or not graded else 0


if __name__ == "__main__":
    sys.exit(main())
