"""Tools such as the product has, and a judge of the calls that a model makes to them."""

from collections import Counter
from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any, Literal

from jsonschema import Draft202012Validator
from langchain_core.messages import AIMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, Field


class Precision(Enum):
    BF16 = "bf16"
    FP16 = "fp16"
    EIGHT_BITS = "8 bit"


class Adapter(BaseModel):
    """How LoRA is set."""

    rank: Annotated[int, Field(ge=1, le=1024)]
    targets: Annotated[list[Literal["q_proj", "k_proj", "v_proj", "o_proj"]], Field(max_length=4)]
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class estimate_memory(BaseModel):  # noqa: N801  a tool is named as a function is
    """Estimate the memory that a training run takes."""

    model: Annotated[str, Field(min_length=1, max_length=40)]
    micro_batch: Annotated[int, Field(ge=1, le=512)]
    precision: Precision = Precision.BF16
    adapter: Adapter | None = None


def count_parameters(model: str, rank: int | None = None) -> str:
    """Count a model's parameters."""
    return f"{model} {rank}"


def search_cards(question: str, kind: Literal["memory", "loss", 'the "data"', "back\\slash"] = "loss") -> str:
    """Search the cards on pitfalls."""
    return question + kind


def list_files() -> str:
    """List what is attached."""
    return ""


def compare_rates(rates: dict[str, float], unit: Literal["step", "epoch"]) -> str:
    """Compare learning rates by their names."""
    return f"{rates} {unit}"


READ_LINES: dict[str, Any] = {
    "title": "read_lines",
    "description": "Read some lines of a log.",
    "type": "object",
    "$defs": {
        "place": {"type": "object", "properties": {"line": {"type": "integer", "minimum": 1}}, "required": ["line"]}
    },
    "properties": {
        "start": {"$ref": "#/$defs/place"},
        "end": {"$ref": "#/$defs/place"},
        "numbers_only": {"type": ["boolean", "null"]},
        "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        "name": {"type": "string", "pattern": "^[a-z][a-z_]{0,9}$"},
    },
    "required": ["start", "share", "name"],
    "additionalProperties": False,
}
TOOLS: list[Any] = [estimate_memory, count_parameters, search_cards, list_files, compare_rates, READ_LINES]
TOLD = [convert_to_openai_tool(tool) for tool in TOOLS]
SCHEMAS = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOLD}


def judge(answers: Iterable[AIMessage]) -> Counter[str]:
    """Count what answers are: valid calls, calls cut by the limit, texts, and whatever must not come out."""
    counts: Counter[str] = Counter()
    for answer in answers:
        kinds = [_judge_call(call["name"], call["args"]) for call in answer.tool_calls]
        kinds += [
            "cut" if str(call["args"]).startswith("was cut off") else "invalid" for call in answer.invalid_tool_calls
        ]
        kinds += ["text"] if answer.text else []
        if len(kinds) != 1:
            kinds = ["nothing"] if not kinds else ["several things"]
        counts.update(kinds)
    return counts


def _judge_call(name: str, arguments: dict[str, Any]) -> str:
    if name not in SCHEMAS:
        return "unknown tool"
    return "call" if Draft202012Validator(SCHEMAS[name]).is_valid(arguments) else "malformed"
