"""The index of the recorded trainings on digits: what is wrong with each, and its plain numbers."""

import csv
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path

from recorder.digits import LOGS, RUNS

INDEX = "index.jsonl"
PAIR = re.compile(r"\| (step|loss|val_loss) (\S+)")
Row = dict[str, float]


def write_index() -> None:
    """Write the index of all recorded trainings."""
    paths = [
        path for path in sorted(LOGS.iterdir()) if path.suffix in (".log", ".csv", ".jsonl") and path.name != INDEX
    ]
    (LOGS / INDEX).write_text("".join(f"{json.dumps(make_entry(path))}\n" for path in paths), encoding="utf-8")


def make_entry(path: Path) -> dict[str, object]:
    """One line of the index."""
    run = RUNS[path.name.partition(".")[0]]
    told = {"either": run.either, "fair": run.fair, "facts": count_rows(read_rows(path, run.trainer))}
    return {
        "file": path.name,
        "labels": run.labels or ("healthy",),
        **{key: value for key, value in told.items() if value},
    }


def read_rows(path: Path, trainer: str) -> list[Row]:
    """The rows of a file that is plain enough to be read without a parser; none of bars."""
    text = path.read_text(encoding="utf-8")
    if trainer == "jsonl":
        return [json.loads(line) for line in text.splitlines()]
    if trainer == "lightning":
        return [number(row) for row in csv.DictReader(text.splitlines())]
    if trainer == "lines":
        return [number(dict(PAIR.findall(line))) for line in text.splitlines()]
    return []


def number(row: Mapping[str, str]) -> Row:
    """The cells of a row that are not empty."""
    return {name.replace("train_", ""): float(cell) for name, cell in row.items() if cell}


def count_rows(rows: list[Row]) -> dict[str, float]:
    """How many losses there are, the ends, and the lowest validation loss with its step."""
    losses = [row["loss"] for row in rows if "loss" in row]
    if not losses:
        return {}
    facts = {"n_points": len(losses), "first_loss": losses[0], "last_loss": losses[-1]}
    evals = [(row["val_loss"], row["step"]) for row in rows if "val_loss" in row]
    finite = [pair for pair in evals if math.isfinite(pair[0])]
    if finite:
        facts |= {"min_eval_loss": min(finite)[0], "min_eval_step": min(finite)[1], "last_eval_loss": evals[-1][0]}
    return facts


if __name__ == "__main__":
    write_index()
