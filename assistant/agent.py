"""One turn: read, diagnose, ground, say. A generator of events; no front end, no printing."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.answer import Answer, ToolCall
from assistant.compose import Draft, Section, ask_for, closing_sections, opening_sections
from assistant.events import (
    CardsFound,
    Event,
    FindingFound,
    Notice,
    SectionComposed,
    Struck,
    TextChunk,
    ToolFinished,
    ToolStarted,
    TurnEnded,
    WordsAwaited,
)
from assistant.evidence import Evidence, cite_sources, collect_evidence
from assistant.measures import HEADING, Measure, measure, plan_flags, say_why_not
from assistant.moves import PlannedMove, plan_moves
from assistant.render import render_sections, render_words
from knowledge.card import Card, Knob
from knowledge.retrieval import FINDING_BOOST, CardHit, is_in_scope
from tools.diagnosis import diagnose
from tools.diagnosis.finding import Diagnosis, Finding
from tools.errors import BadInput, FtchatError, NotAvailable
from tools.log_formats.frames import ByteSource
from tools.log_parser import parse_log, parse_path
from tools.run import Run, Setting

if TYPE_CHECKING:
    from assistant.words import Writer

TEXT_WIDTH = 100
WORDS_HEADING = "IN ANSWER TO YOUR QUESTION"


class NothingToSay(BadInput):
    """Neither a log nor a card gives an answer; the notice of the last unreadable log has been given already."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asks and hands over.

    Attributes:
        logs: paths, or (name, stream) for what is piped in.
        settings: of the training config, by name.
        notes: what was handed over and cannot be used, in words.
        model, gpu: what to count and to estimate, by name; "" where nothing was named.
    """

    question: str
    logs: Sequence[Path | tuple[str, ByteSource]] = ()
    settings: Mapping[str, Setting] = field(default_factory=dict)
    notes: Sequence[str] = ()
    model: str = ""
    gpu: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """What a turn works with; each is opened when first needed, and kept for the next turn.

    Attributes:
        load_card: a card by its id.
        knobs: the vocabulary of moves.
        find: (question, ids of findings) -> hits; raises NotAvailable where there is no index.
        open_writer: gives the writer of words, None for answers without a language model.
    """

    load_card: Callable[[str], Card]
    knobs: Mapping[str, Knob]
    find: Callable[[str, Sequence[str]], list[CardHit]]
    open_writer: "Callable[[], Writer] | None"


class Turn:
    """Runs one turn and keeps what it found."""

    def __init__(self, request: Request, parts: Parts) -> None:
        self._request, self._parts = request, parts
        self._judged: list[tuple[Run, Diagnosis]] = []
        self._calls: list[ToolCall] = []
        self._measures: list[Measure] = []
        self._notes = list(request.notes)
        self._search_failed = False

    def events(self) -> Iterator[Event]:
        """Do the turn.

        Raises:
            NothingToSay: no log could be read at all, and no card speaks to the question.
        """
        yield from self._read_logs()
        findings = [finding for _, diagnosis in self._judged for finding in diagnosis.findings]
        cards = {finding.id: self._parts.load_card(finding.id) for finding in findings}
        draft = Draft(self._judged, (), (), cards, self._notes)
        yield from map(SectionComposed, opening := opening_sections(draft))
        opening += yield from self._measure()
        writer = self._open_writer()
        hits, in_scope = yield from self._find_cards(findings)
        if self._request.logs and not self._judged and not in_scope:
            raise NothingToSay(self._notes[-1])
        cards |= {hit.card_id: self._parts.load_card(hit.card_id) for hit in hits}
        is_covered = in_scope or not self._request.question or self._search_failed or bool(self._measures)
        draft = replace(self._draft(findings, hits, cards), is_covered=is_covered)
        yield from map(SectionComposed, closing := closing_sections(draft))
        evidence = self._collect_evidence(draft)
        words, struck, model = yield from self._say(writer, evidence if in_scope else (), draft.moves)
        cited = dict.fromkeys([*(finding.id for finding in findings), *(hit.card_id for hit in hits)])
        answer = Answer(
            question=self._request.question,
            text=_to_text([*opening, *closing], words),
            words=" ".join(words),
            findings=tuple((run.name, finding) for run, found in self._judged for finding in found.findings),
            cards=tuple(cited),
            moves=tuple(draft.moves),
            tools=tuple(self._calls),
            evidence=evidence,
            struck=tuple(struck),
            in_scope=in_scope,
            is_judged=self._is_judged(),
            questions=ask_for(draft),
            model=model,
            team_cards=frozenset(card.id for card in cards.values() if card.origin == "team"),
        )
        yield TurnEnded(answer)

    def _collect_evidence(self, draft: Draft) -> tuple[Evidence, ...]:
        measured = [(text, value, one.name) for one in self._measures for text, value in one.texts]
        signs = [(card.id, card.signs[0]) for card in draft.asked[:1]]
        return collect_evidence(self._judged, draft.moves, signs, measured)

    def _read_logs(self) -> Iterator[Event]:
        for log in self._request.logs:
            name = str(log) if isinstance(log, Path) else log[0]
            started = time.perf_counter()
            yield ToolStarted("parse_log", {"file": name})
            try:
                run = parse_path(log) if isinstance(log, Path) else parse_log(log[1], name)
            except BadInput as error:
                self._notes.append(str(error))
                yield Notice(str(error))
                yield self._finished("parse_log", {"file": name}, {"error": str(error)}, started)
                continue
            run = replace(run, settings={**run.settings, **self._request.settings})
            read = {"format": run.format, "records": run.num_records, "lines": run.num_lines}
            yield self._finished("parse_log", {"file": name}, read, started)
            started = time.perf_counter()
            yield ToolStarted("diagnose", {"file": name})
            diagnosis = diagnose(run)
            found = {"findings": [finding.id for finding in diagnosis.findings], "judged": diagnosis.is_judged}
            yield self._finished("diagnose", {"file": name}, found, started)
            self._judged.append((run, diagnosis))
            yield from (FindingFound(name, finding) for finding in diagnosis.findings)

    def _measure(self) -> Generator[Event, None, list[Section]]:
        """Count and estimate the model that was named, with the settings that are known."""
        if not self._request.model:
            return []
        settings = dict(self._request.settings)
        for run, _ in self._judged:
            settings = {**run.settings, **settings}
        for call in measure(plan_flags(self._request.model, self._request.gpu, settings)):
            started = time.perf_counter()
            try:
                found = call()
            except FtchatError as error:
                self._notes.append(say_why_not(error))
                yield Notice(self._notes[-1])
                break
            yield ToolStarted(found.name, found.arguments)
            yield self._finished(found.name, found.arguments, found.result, started)
            self._measures.append(found)
        if not self._measures:
            return []
        section = Section(HEADING, tuple((text, ()) for one in self._measures for text, _ in one.texts))
        yield SectionComposed(section)
        return [section]

    def _is_judged(self) -> bool:
        """Whether there were logs, and every one of them could be judged."""
        judged = [diagnosis.is_judged for _, diagnosis in self._judged]
        return bool(judged) and all(judged) and len(judged) == len(self._request.logs)

    def _finished(
        self, name: str, arguments: Mapping[str, object], result: Mapping[str, object], started: float
    ) -> ToolFinished:
        self._calls.append(ToolCall(name, arguments, result))
        return ToolFinished(name, arguments, result, time.perf_counter() - started)

    def _open_writer(self) -> "Future[Writer] | None":
        """Load the model beside the search for cards: it is another library's work, which frees Python's lock."""
        if self._parts.open_writer is None or not self._request.question:
            return None
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="model")
        opened = pool.submit(self._parts.open_writer)
        pool.shutdown(wait=False)
        return opened

    def _find_cards(self, findings: Sequence[Finding]) -> Generator[Event, None, tuple[list[CardHit], bool]]:
        ids = [finding.id for finding in findings]
        started = time.perf_counter()
        arguments: dict[str, object] = {"question": self._request.question, "findings": ids}
        yield ToolStarted("search_cards", arguments)
        try:
            hits = self._parts.find(self._request.question, ids)
        except NotAvailable as error:
            self._notes.append(f"cards could not be searched by your words: {error}")
            self._search_failed = True
            hits = []
        in_scope = bool(ids) or is_in_scope(hits)
        if not in_scope:
            hits = []
        yield self._finished("search_cards", arguments, {"cards": [hit.card_id for hit in hits]}, started)
        yield CardsFound(tuple(hits), in_scope)
        return hits, in_scope

    def _draft(self, findings: Sequence[Finding], hits: Sequence[CardHit], cards: Mapping[str, Card]) -> Draft:
        """Moves come from the findings; from the question's card only where no finding asks for a cure."""
        known = {name for finding in findings for name in (finding.id, *finding.consequences)}
        own = max((hit.score - FINDING_BOOST for hit in hits if hit.card_id in known), default=0.0)
        asked = [
            cards[hit.card_id] for hit in hits if hit.card_id not in known and is_in_scope([hit]) and hit.score > own
        ]
        has_fault = any(finding.severity != "note" for finding in findings)
        wanted = [card.id for card in asked[:1]] if not has_fault else []
        runs = [run for run, _ in self._judged]
        ordered = findings if has_fault or not wanted else []
        moves = plan_moves(ordered, wanted, cards, self._parts.knobs, runs)
        return Draft(self._judged, moves, asked, cards, self._notes)

    def _say(
        self, opened: "Future[Writer] | None", evidence: Sequence[Evidence], moves: Sequence[PlannedMove]
    ) -> Generator[Event, None, tuple[list[str], list[str], str | None]]:
        """Let the model write; without one, or with nothing to speak of, nothing is said."""
        words: list[str] = []
        struck: list[str] = []
        if opened is None or not evidence:
            return words, struck, None
        yield WordsAwaited()
        try:
            writer = opened.result()
            for sentence, fault in writer.write(self._request.question, evidence, moves):
                if fault is None:
                    words.append(cite_sources(sentence, evidence))
                    yield TextChunk(words[-1])
                else:
                    struck.append(sentence)
                    yield Struck(sentence, fault)
        except FtchatError as error:
            yield Notice(f"the language model was left out: {error}")
            return words, struck, None
        return words, struck, writer.name


def _to_text(sections: Sequence[Section], words: Sequence[str]) -> str:
    """The whole answer: what was composed, and the model's words behind it."""
    text = render_sections(sections, TEXT_WIDTH)
    return f"{text}\n\n{render_words(WORDS_HEADING, words, TEXT_WIDTH)}" if words else text
