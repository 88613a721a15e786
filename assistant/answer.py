"""The answer of a turn, and its JSON form as programs read it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from tools.diagnosis.finding import Finding
from tools.run import Line

if TYPE_CHECKING:
    from assistant.evidence import Evidence
    from assistant.moves import PlannedMove

ASK_SCHEMA = "ftchat.ask/1"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that was called in this turn."""

    name: str
    arguments: Mapping[str, object]
    result: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that a turn found out and said.

    Attributes:
        text: what a person reads, composed part and verified words.
        words: the model's sentences that passed the verifier; struck: those that did not.
        cards: ids in the order of their weight.
        is_judged: whether every input could be judged.
        questions: what to hand over so that more can be said, at most two.
        model: name of the language model that wrote words, None without one.
        team_cards: which of the cards are the team's own.
    """

    question: str
    text: str
    words: str
    findings: tuple[tuple[str, Finding], ...]
    cards: tuple[str, ...]
    moves: "tuple[PlannedMove, ...]"
    tools: tuple[ToolCall, ...]
    evidence: "tuple[Evidence, ...]"
    struck: tuple[str, ...]
    in_scope: bool
    is_judged: bool
    questions: tuple[str, ...]
    model: str | None
    mode: str = "compose"
    team_cards: frozenset[str] = frozenset()


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """The answer as an object for programs, with its schema version."""
    return {
        "schema": ASK_SCHEMA,
        "question": answer.question,
        "answer": answer.text,
        "findings": [{"source": source, **finding_to_json(finding)} for source, finding in answer.findings],
        "cards": list(answer.cards),
        "card_sources": {name: "team" if name in answer.team_cards else "ftchat" for name in answer.cards},
        "moves": [asdict(move) for move in answer.moves],
        "tools": [asdict(tool) for tool in answer.tools],
        "evidence": [asdict(item) for item in answer.evidence],
        "struck": list(answer.struck),
        "in_scope": answer.in_scope,
        "judged": answer.is_judged,
        "questions": list(answer.questions),
        "model": answer.model,
        "mode": answer.mode,
    }


def finding_to_json(finding: Finding) -> dict[str, Any]:
    """One finding as an object; its lines keep number and text as they stand in the input."""
    return {
        "id": finding.id,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "summary": finding.summary,
        "values": dict(finding.values),
        "evidence": [line_to_json(line) for line in finding.evidence],
        "consequences": list(finding.consequences),
    }


def line_to_json(line: Line) -> dict[str, Any]:
    """A line with its number and text; where there are several files, with the one it stands in."""
    told: dict[str, Any] = {"line": line.number, "text": line.text}
    return {**told, "source": line.source} if line.source else told
