"""Grade the library over cases with known answers.

PYTHONPATH=tests python -m evals                  every group, and write the figures for docs/EVIDENCE.md
PYTHONPATH=tests python -m evals --group NAME     these groups only; nothing is written
PYTHONPATH=tests python -m evals FOLDER           the real logs of a folder with an index.jsonl; nothing is written
"""

import argparse
import sys
from pathlib import Path

from evals.grade import Grade, grade
from evals.groups import GROUPS
from evals.labelled import read_folder
from evals.report import tell
from evals.results import write_results


def main() -> int:
    """Grade what the command line names; gives 1 where nothing was graded."""
    parser = argparse.ArgumentParser(description="Grade the library over cases with known answers.")
    parser.add_argument("folders", nargs="*", type=Path, help="folders with an index.jsonl: file, labels, facts")
    parser.add_argument("--group", action="append", choices=[group.name for group in GROUPS], default=[])
    given = parser.parse_args()
    chosen = [group for group in GROUPS if group.name in (given.group or [one.name for one in GROUPS])]
    if given.folders:
        graded = {str(folder): [grade(case) for case in read_folder(folder)] for folder in given.folders}
    else:
        graded = {group.name: [grade(case) for case in group.make()] for group in chosen}
    for name, grades in graded.items():
        sys.stdout.write(tell(name, grades) + "\n")
    if not given.folders and not given.group:
        write_results(graded)
    return end(graded)


def end(graded: dict[str, list[Grade]]) -> int:
    """1 where a run graded nothing, which is no proof of anything."""
    if any(graded.values()):
        return 0
    sys.stderr.write("nothing was graded\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
