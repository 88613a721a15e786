"""What a language model said in a turn, and what it said it from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from assistant.evidence import Evidence
    from assistant.excerpts import Excerpt


@dataclass(slots=True)
class Said:
    """What a model said.

    Attributes:
        words: sentences that passed the verifier, struck: those that did not, both as a person reads them.
        raw: every sentence as it came, with the fault for which it was struck or None.
        model: its name, None where it said nothing; mode: how it wrote.
    """

    words: list[str] = field(default_factory=list)
    struck: list[str] = field(default_factory=list)
    raw: list[tuple[str, str | None]] = field(default_factory=list)
    model: str | None = None
    mode: str = "compose"


@dataclass(frozen=True, slots=True)
class Told:
    """The grounds of a turn's words, and the words.

    Attributes:
        evidence: all facts, those that the model looked up itself last.
        excerpts: of the logs, as the model may quote them.
        messages: the prompt as it was sent: (role, text).
        versions: of what spoke.
    """

    evidence: "tuple[Evidence, ...]"
    excerpts: "tuple[Excerpt, ...]" = ()
    messages: tuple[tuple[str, str], ...] = ()
    said: Said = field(default_factory=Said)
    versions: Mapping[str, str] = field(default_factory=dict)
