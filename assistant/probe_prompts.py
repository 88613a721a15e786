"""What a model is told and asked in a case of the probe, in the form in which turns are put to it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from assistant.probe_case import LETTERS, Case

_SYSTEM: Mapping[str, str] = {
    "choice": "You find the cause of a training run's trouble. Exactly one of four causes fits the facts. "
    "Answer with its letter only.",
    "tools": "You help people who fine-tune language models. Answer by calling the one tool that fits, with the values "
    "that the question names.",
    "numbers": "You answer from the facts. Write one short sentence with the number that is asked for, exactly as it "
    "stands in the facts and with its unit. Write no other number.",
    "direction": "You advise on a training run. Write one short sentence that says what to change and which way, as "
    "the card says it.",
    "abstaining": "You answer questions about a training run, from the facts only, in one short sentence. If the facts "
    "do not tell, write: The facts do not say. If the question is not about training, write: Out of scope.",
}
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer"}
_SIGNATURES: Sequence[tuple[str, str, Mapping[str, Mapping[str, Any]]]] = (
    (
        "estimate_vram",
        "Estimate the GPU memory that fine-tuning a model takes, and whether it fits on a GPU.",
        {"model": _TEXT, "gpu": _TEXT, "method": {"type": "string", "enum": ["full", "lora", "qlora"]}},
    ),
    (
        "count_parameters",
        "Count the parameters of a model that LoRA of a rank trains.",
        {"model": _TEXT, "rank": _NUMBER},
    ),
    (
        "parse_log_span",
        "Read a span of lines of the training log.",
        {"first_line": _NUMBER, "last_line": _NUMBER},
    ),
    ("inspect_dataset", "Look for defects in a file of training data.", {"file": _TEXT}),
    ("search_cards", "Search the cards of known pitfalls for words.", {"text": _TEXT}),
)


def list_tools() -> list[dict[str, Any]]:
    """The tools at hand, in the form of OpenAI's API; they are never run."""
    tools = []
    for name, description, arguments in _SIGNATURES:
        properties = {argument: dict(schema) for argument, schema in arguments.items()}
        parameters = {"type": "object", "properties": properties, "required": list(arguments)}
        function = {"name": name, "description": description, "parameters": parameters}
        tools.append({"type": "function", "function": function})
    return tools


def build_messages(case: Case) -> list[tuple[str, str]]:
    """The messages of a case as (role, text)."""
    facts = "".join(f"[E{number}] {fact}\n" for number, fact in enumerate(case.facts, start=1))
    human = f"{facts}Question: {case.question}"
    if case.group == "choice":
        options = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, case.rest["options"], strict=True))
        human = f"{human}\n{options}\nThe letter of the cause that fits:"
    elif case.group == "direction":
        human = f"{facts}Card: {case.rest['move']}\nQuestion: {case.question}"
    return [("system", _SYSTEM[case.group]), ("human", human)]


def build_choice_grammar() -> str:
    """A GBNF grammar that allows one of the letters and nothing else."""
    return f"root ::= {' | '.join(json.dumps(letter) for letter in LETTERS)}\n"
