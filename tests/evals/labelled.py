"""Real logs that lie in a folder with an index of what is known about each: `index.jsonl`."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from evals.case import NO_FAULT, OUTSIDE, Case
from tools.log_parser import parse_path

INDEX = "index.jsonl"
GIB = 2**30
FACTS = {  # the library's name: (the index's name, the index's unit in the library's)
    "num_points": ("n_points", 1),
    "first_loss": ("first_loss", 1),
    "last_loss": ("last_loss", 1),
    "min_eval_loss": ("min_eval_loss", 1),
    "last_eval_loss": ("last_eval_loss", 1),
    "min_eval_step": ("min_eval_step", 1),
    "oom_tried_bytes": ("oom_tried_gib", GIB),
    "gpu_total_bytes": ("gpu_total_gib", GIB),
}


def read_folder(folder: Path) -> Iterator[Case]:
    """Give a case for every entry of a folder's index.

    Raises:
        FileNotFoundError: the folder has no index.
    """
    for line in (folder / INDEX).read_text(encoding="utf-8").splitlines():
        yield make_case(json.loads(line), folder)


def make_case(entry: Mapping[str, Any], folder: Path) -> Case:
    """Make a case of one entry of an index: file, labels, facts."""
    known = {name: (entry.get("facts", {}).get(theirs), unit) for name, (theirs, unit) in FACTS.items()}
    return Case(
        name=entry["file"],
        read=partial(parse_path, folder / entry["file"]),
        labels=tuple(label for label in entry["labels"] if label not in (NO_FAULT, OUTSIDE)),
        either=frozenset(entry.get("either", ())),
        fair=frozenset(entry.get("fair", ())),
        facts={name: float(value) * unit for name, (value, unit) in known.items() if value is not None},
        is_outside=OUTSIDE in entry["labels"],
    )
