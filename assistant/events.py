"""What happens during a turn, in order: the only thing that a front end sees of the agent."""

from collections.abc import Mapping
from dataclasses import dataclass

from assistant.answer import Answer
from assistant.compose import Section
from assistant.conversation import Conversation
from assistant.told import Told
from knowledge.retrieval import CardHit
from tools.diagnosis.finding import Finding


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """A tool begins to work."""

    name: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool is done; the result is short enough to show."""

    name: str
    arguments: Mapping[str, object]
    result: Mapping[str, object]
    seconds: float


@dataclass(frozen=True, slots=True)
class FindingFound:
    """The diagnosis found something."""

    source: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class CardsFound:
    """Retrieval named the cards of this turn."""

    hits: tuple[CardHit, ...]
    in_scope: bool


@dataclass(frozen=True, slots=True)
class SectionComposed:
    """A section of the answer that stands whatever the model says."""

    section: Section


@dataclass(frozen=True, slots=True)
class WordsAwaited:
    """The composed answer is complete, and the language model begins to read."""


@dataclass(frozen=True, slots=True)
class TextChunk:
    """A sentence of the language model that passed the verifier."""

    text: str


@dataclass(frozen=True, slots=True)
class Struck:
    """A sentence of the model that the verifier did not let through, and why."""

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a person should know and that is not part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The turn is over; the answer is complete.

    Attributes:
        conversation: what the next turn begins with.
        told: what the language model read and said, for whoever keeps the turn whole.
    """

    answer: Answer
    conversation: Conversation
    told: Told


Event = (
    ToolStarted
    | ToolFinished
    | FindingFound
    | CardsFound
    | SectionComposed
    | WordsAwaited
    | TextChunk
    | Struck
    | Notice
    | TurnEnded
)
