"""The language model's part of a turn: it is loaded beside other work, looks further where it may, and then writes."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from assistant.answer import ToolCall
from assistant.compose import Draft
from assistant.conversation import Exchange
from assistant.events import Event, Notice, Struck, TextChunk, ToolFinished
from assistant.evidence import Evidence, cite_sources
from assistant.excerpts import cut_excerpts, quotable_lines
from assistant.grounding import add_leads, add_lines, cite_lines
from assistant.measures import plan_flags
from assistant.planner import Plan
from assistant.render import make_visible
from assistant.told import Said, Told
from assistant.tool_reports import Lead
from assistant.turn_input import LogMemory, Parts, Request, Speaker
from assistant.turn_record import TurnRecord
from tools.errors import FtchatError

if TYPE_CHECKING:
    from langchain_core.language_models.chat_models import BaseChatModel

    from assistant.toolbox import Toolbox
    from assistant.verifier import Grounds

LEFT_OUT = "the language model was left out: "
MAX_EXCERPT_TOKENS = 2000
EXCERPT_SHARE = 4
"""One part in so many of a model's window is for the logs' own lines."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a turn is about.

    Attributes:
        draft: the composed answer; history: what was said before.
        parts: for the cards; memory: how to read the logs again; record: takes the model's calls.
    """

    request: Request
    plan: Plan
    draft: Draft
    history: Sequence[Exchange]
    parts: Parts
    memory: LogMemory
    record: TurnRecord


def open_beside(open_speaker: Callable[[], Speaker]) -> "Future[Speaker]":
    """Load the model in a thread: it is another library's work, which frees Python's lock.

    Two threads that import numpy at once can meet in the middle of it, and one of them fails; so it is imported before.
    """
    import_module("numpy")
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
    opened = pool.submit(open_speaker)
    pool.shutdown(wait=False)
    return opened


def await_speaker(opened: "Future[Speaker]") -> Generator[Event, None, Speaker | None]:
    """The model once it is ready; where it cannot be had, the turn goes on without."""
    try:
        return opened.result()
    except FtchatError as error:
        yield Notice(f"{LEFT_OUT}{error}")
        return None


def tell(speaker: Speaker, subject: Subject, evidence: tuple[Evidence, ...]) -> Generator[Event, None, Told]:
    """Let the model look further where it may, and write.

    Args:
        speaker: the model of this turn.
        subject: what the turn is about.
        evidence: the facts of the composed answer.
    """
    budget = min(MAX_EXCERPT_TOKENS, speaker.context_tokens // EXCERPT_SHARE)
    excerpts = cut_excerpts(subject.draft.judged, subject.memory.kept, budget)
    if speaker.caller is not None:
        leads = yield from _look_further(speaker.caller, subject, evidence)
        evidence = add_leads(evidence, leads)
    lines = quotable_lines(excerpts)
    shown = add_lines(evidence, lines) if speaker.writer.mode == "narrate" else evidence
    grounds = _make_grounds(subject, shown, lines)
    history = _recall(subject)
    messages = tuple(speaker.writer.messages(grounds.question, grounds, history))
    said = yield from _say(speaker, grounds, evidence, history)
    passed = " ".join(sentence for sentence, fault in said.raw if fault is None)
    subject.memory.spoken[:] = [*history, Exchange(grounds.question, passed)]
    return Told(evidence, excerpts, messages, said, speaker.versions)


def _recall(subject: Subject) -> list[Exchange]:
    """What was said before: in the model's own words where all of them are known, else as a person was told."""
    spoken, told = subject.memory.spoken, list(subject.history)
    return list(spoken) if [one.question for one in spoken] == [one.question for one in told] else told


def _look_further(
    model: "BaseChatModel", subject: Subject, evidence: Sequence[Evidence]
) -> Generator[Event, None, tuple[Lead, ...]]:
    """The model's own calls, kept with the turn's."""
    from assistant.research import look_further

    calls = look_further(model, _fill_toolbox(subject), subject.request.question, evidence)
    while True:
        try:
            event = next(calls)
        except StopIteration as end:
            leads: tuple[Lead, ...] = end.value
            return leads
        if isinstance(event, ToolFinished):
            subject.record.calls.append(ToolCall(event.name, event.arguments, event.result))
        yield event


def _fill_toolbox(subject: Subject) -> "Toolbox":
    """The tools over the logs and data of this conversation, each file under the name it has here."""
    from assistant.toolbox import Toolbox, name_files

    logs = {run.name: log for run, _ in subject.draft.judged if (log := subject.memory.kept.get(run.name)) is not None}
    data = {str(path): path for path in subject.request.data}
    names = {full: name for name, full in name_files([*logs, *data]).items()}
    return Toolbox(
        logs={names[full]: log for full, log in logs.items()},
        data={names[full]: path for full, path in data.items()},
        model=subject.plan.model,
        flags=plan_flags(subject.plan.model, subject.plan.gpu, subject.plan.settings),
        find=subject.parts.find,
        load_card=subject.parts.load_card,
    )


def _make_grounds(subject: Subject, evidence: Sequence[Evidence], lines: Mapping[int, str]) -> "Grounds":
    from assistant.verifier import Grounds

    return Grounds(
        evidence=evidence,
        moves=tuple(subject.draft.moves),
        knobs=subject.parts.knobs,
        cards={name: subject.draft.cards[name] for name in _list_cards(subject.draft)},
        lines=lines,
        tools=tuple(dict.fromkeys(call.name for call in subject.record.calls)),
        question=subject.request.question,
    )


def _list_cards(draft: Draft) -> Iterator[str]:
    """The cards that words may speak of: the findings', the moves' and the question's."""
    named = [*(finding.id for finding in draft.findings), *(move.card for move in draft.moves)]
    yield from dict.fromkeys([*named, *(card.id for card in draft.asked[:1])])


def _say(
    speaker: Speaker, grounds: "Grounds", evidence: Sequence[Evidence], history: Sequence[Exchange]
) -> Generator[Event, None, Said]:
    """Let the model write; each sentence is told as it passes the verifier or is struck.

    Args:
        speaker: of this turn.
        grounds: what the model reads; lines of logs among it may be quoted, and bear no claim.
        evidence: the facts whose ids a person is told.
        history: what was said before.
    """
    said = Said(mode=speaker.writer.mode)
    try:
        with closing(speaker.writer.write(grounds.question, grounds, history)) as sentences:
            for sentence, fault in sentences:
                said.raw.append((sentence, fault))
                if fault is None:
                    said.words.append(cite_sources(cite_lines(sentence, grounds.evidence), evidence))
                    yield TextChunk(said.words[-1])
                else:
                    said.struck.append(make_visible(sentence))
                    yield Struck(said.struck[-1], fault)
    except FtchatError as error:
        yield Notice(f"{LEFT_OUT}{error}")
        return said
    said.model = speaker.writer.name
    return said
