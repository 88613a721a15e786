"""What a turn has done so far: its tool calls, and what a person should know about it."""

import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field

from assistant.answer import ToolCall
from assistant.events import Event, Notice, ToolFinished, ToolStarted


@dataclass(slots=True)
class TurnRecord:
    """Grows as the turn goes on.

    Attributes:
        calls: tools that were called, in order.
        notes: what could not be read or done, in words.
    """

    calls: list[ToolCall] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def start(self, name: str, arguments: Mapping[str, object]) -> "tuple[ToolStarted, OpenCall]":
        """Begin a call: the event to show, and what ends it."""
        return ToolStarted(name, arguments), OpenCall(self, name, arguments, time.perf_counter())

    def note(self, text: str) -> Generator[Event, None, None]:
        """Keep a note for the answer, and tell it now."""
        self.notes.append(text)
        yield Notice(text)


@dataclass(frozen=True, slots=True)
class OpenCall:
    """A call that was begun."""

    record: TurnRecord
    name: str
    arguments: Mapping[str, object]
    started: float

    def finish(self, result: Mapping[str, object]) -> ToolFinished:
        """End the call, and keep it."""
        self.record.calls.append(ToolCall(self.name, self.arguments, result))
        return ToolFinished(self.name, self.arguments, result, time.perf_counter() - self.started)
