"""Grade the library over cases with known answers.

PYTHONPATH=tests python -m evals FOLDER...   the real logs of folders, each with an index.jsonl
"""

import argparse
import sys
from pathlib import Path

from evals.grade import grade
from evals.labelled import read_folder
from evals.report import tell


def main() -> int:
    """Grade what the command line names; gives 1 where nothing was graded."""
    parser = argparse.ArgumentParser(description="Grade the library over cases with known answers.")
    parser.add_argument("folders", nargs="+", type=Path, help="folders with an index.jsonl: file, labels, facts")
    given = parser.parse_args()
    num_graded = 0
    for folder in given.folders:
        grades = [grade(case) for case in read_folder(folder)]
        num_graded += len(grades)
        sys.stdout.write(tell(str(folder), grades) + "\n")
    if not num_graded:
        sys.stderr.write("nothing was graded: no index names a file\n")
    return 0 if num_graded else 1


if __name__ == "__main__":
    sys.exit(main())
