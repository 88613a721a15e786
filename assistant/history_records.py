"""What the history gives back: conversations, their turns, and the places where words were found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

FrontEnd = Literal["cli", "tui", "slack", "mcp"]
Status = Literal["begun", "finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation; times are seconds since 1970.

    Attributes:
        thread: what a service calls it, None for a person's own.
        findings: ids of what was found in it, in order, each once.
    """

    id: str
    title: str
    front_end: FrontEnd
    thread: str | None
    created: float
    updated: float
    num_turns: int
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PastTurn:
    """A question and what became of it.

    Attributes:
        status: "begun" is being answered, or was when its process died.
        text: the answer as a person reads it; of a turn that was stopped or failed, what was said until then.
        answer: the answer as programs read it, None where there is none.
    """

    id: int
    session_id: str
    number: int
    status: Status
    question: str
    text: str
    answer: Mapping[str, Any] | None
    findings: tuple[str, ...]
    model: str | None
    mode: str | None
    seconds: float | None
    begun: float
    ended: float | None


@dataclass(frozen=True, slots=True)
class Hit:
    """A turn, or a title where ``number`` is None, that holds the words.

    Attributes:
        snippet: the place in its turn; each word found stands between the marks of ``history_search``.
    """

    session_id: str
    title: str
    number: int | None
    moment: float
    snippet: str
