"""What a turn begins with: what a person asks and hands over, and the parts that it works with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.conversation import Exchange
from assistant.kept_logs import KeptLog
from knowledge.card import Card, Knob
from knowledge.retrieval import CardHit
from tools.errors import BadInput
from tools.log_formats.frames import ByteSource
from tools.run import Run, Setting

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from assistant.words import Writer

MAX_REMEMBERED = 8


class NothingToSay(BadInput):
    """Neither a log nor a card gives an answer; the notice of the last unreadable log has been given already."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks and hands over.

    Attributes:
        logs: paths, or (name, stream) for what is piped in.
        settings: of the training config, by name; config_name: what to call it, "" where there is none.
        notes: what was handed over and cannot be used, in words.
        model, gpu: what to count and to estimate, by name; "" where nothing was named.
        data: files of training data.
    """

    question: str
    logs: Sequence[Path | tuple[str, ByteSource]] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    notes: Sequence[str] = ()
    model: str = ""
    gpu: str = ""
    data: Sequence[Path] = ()
    config_name: str = ""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A language model made ready for one turn.

    Attributes:
        writer: writes words from the evidence, and verifies them.
        caller: the model, where it may call tools by itself; None where it may not.
        context_tokens: room for prompt and answer together.
        stop: stops it from any thread, in mid-answer and in the middle of a long prompt.
        versions: of what spoke, for whoever keeps the turn: the model's file hash, the probe's cases.
    """

    writer: "Writer"
    caller: "BaseChatModel | None" = None
    context_tokens: int = 4096
    stop: Callable[[], None] = lambda: None
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a turn works with; each is opened when first needed, and kept for the next turn.

    Attributes:
        load_card: a card by its id.
        knobs: the vocabulary of moves.
        find: (question, ids of findings) -> hits; raises NotAvailable where there is no index.
        open_speaker: makes the language model ready for a turn; None for answers without one.
    """

    load_card: Callable[[str], Card]
    knobs: Mapping[str, Knob]
    find: Callable[[str, Sequence[str]], list[CardHit]]
    open_speaker: "Callable[[], Speaker] | None"


@dataclass(slots=True)
class LogMemory:
    """What of one conversation stays in this process: no log is parsed twice, and each can be quoted from.

    Attributes:
        runs: by path and the file's stamp, as it was parsed; kept: by the log's name, how to read it again.
        spoken: questions, and the words of the language model as it wrote them, which it need not read again.
    """

    runs: dict[tuple[str, int, int], Run] = field(default_factory=dict)
    kept: dict[str, KeptLog | None] = field(default_factory=dict)
    spoken: list[Exchange] = field(default_factory=list)

    def keep(self, name: str, log: KeptLog | None) -> None:
        """Keep a log, and forget the oldest beyond MAX_REMEMBERED."""
        self.kept.pop(name, None)
        self.kept[name] = log
        for old in list(self.kept)[:-MAX_REMEMBERED]:
            del self.kept[old]

    def keep_run(self, stamp: tuple[str, int, int], run: Run) -> None:
        """Keep what a file was parsed to, and forget the oldest beyond MAX_REMEMBERED."""
        self.runs[stamp] = run
        for old in list(self.runs)[:-MAX_REMEMBERED]:
            del self.runs[old]


def stamp_file(path: Path) -> tuple[str, int, int] | None:
    """What tells that a file has not changed; None for a folder, or where it cannot be told."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (str(path), status.st_size, status.st_mtime_ns) if path.is_file() else None
