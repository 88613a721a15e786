"""The tables of graded answers, from the figures of the last `make evals`."""

import json
from pathlib import Path
from typing import Any

ANSWERS = Path(__file__).parent / "answers.json"


def load_answers() -> dict[str, Any]:
    """The figures of the last `make evals` over whole answers."""
    loaded: dict[str, Any] = json.loads(ANSWERS.read_text(encoding="utf-8"))
    return loaded


def tell_answers() -> str:
    """How whole answers were graded, a row a model."""
    loaded = load_answers()
    rows = [_tell_answers_row(f"`{mode}`", counted["all"]) for mode, counted in loaded["modes"].items()]
    return "\n".join([*_answers_head("model"), *rows]) + f"\n\n{loaded['num_cases']} conversations.\n"


def tell_answers_by_tag() -> str:
    """The same by tag."""
    modes = load_answers()["modes"]
    rows = [
        _tell_answers_row(f"{tag.replace('_', ' ')}, `{mode}`", counted[tag])
        for tag in next(iter(modes.values()))
        for mode, counted in modes.items()
    ]
    return "\n".join([*_answers_head("kind, model"), *rows]) + "\n"


def _answers_head(first: str) -> list[str]:
    columns = "turns, right, first cause, moves, refused rightly, harmful, unsupported, citations, struck"
    return [f"| {first} | {columns.replace(', ', ' | ')} |", f"|{' --- |' * 10}"]


def _tell_answers_row(name: str, row: dict[str, Any]) -> str:
    pairs = [f"{row[key][0]} of {row[key][1]}" if row[key][1] else "" for key in _PAIRS]
    cells = [name, row["turns"], row["right"], *pairs[:3], row["harmful"], row["unsupported_numbers"], pairs[3]]
    return f"| {' | '.join(map(str, [*cells, row['struck']]))} |"


_PAIRS = ("first_cause", "moves", "refused_rightly", "citations")
