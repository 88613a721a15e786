"""The tables of graded answers and of the model's speed, from the last `make evals` and `make bench`."""

import json
from pathlib import Path
from typing import Any

ANSWERS = Path(__file__).parent / "answers.json"
LLM = Path(__file__).parents[1] / "benchmarks" / "llm.json"


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


def tell_llm() -> str:
    """How fast the embedded model answers through ftchat, beside llama_cpp alone on the same prompt."""
    told = json.loads(LLM.read_text(encoding="utf-8"))
    alone = told["alone_tokens_per_second"]
    rows = [
        "| the model that comes along | measured | aim |",
        "| --- | --- | --- |",
        f"| writing, of what `llama_cpp` alone reaches ({alone:.0f} tokens/s) | {told['ratio']:.0%} | 90 % |",
        f"| first token of a first turn, {told['prompt_tokens']} tokens | {told['first_turn_seconds']:.2f} s | 1.5 s |",
        f"| first token of a follow-up | {told['follow_up_seconds']:.2f} s | 0.5 s |",
    ]
    return "\n".join(rows) + "\n"
