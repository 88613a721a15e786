"""One turn: read, diagnose, ground, say. A generator of events; no front end, no printing."""

import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from assistant.answer import Answer
from assistant.compose import Draft, Section, ask_for, closing_sections, opening_sections
from assistant.conversation import Conversation, Exchange, remember
from assistant.data_reading import DataRead, find_max_length, read_data
from assistant.events import Event, SectionComposed, TurnEnded, WordsAwaited
from assistant.evidence import Evidence
from assistant.grounding import Cards, find_cards, list_asked, number_facts, plan_draft, recall_cards
from assistant.reading import (
    Judged,
    fill_in,
    is_unchanged,
    name_config,
    read_logs,
    tells_settings,
    without_findings,
)
from assistant.render import render_sections, render_words
from assistant.told import Told
from assistant.turn_input import LogMemory, NothingToSay, Parts, Request, Speaker
from assistant.turn_record import TurnRecord
from tools.diagnosis.finding import Finding

if TYPE_CHECKING:
    from assistant.measures import Measure
    from assistant.planner import Asked, Plan

__all__ = ["TEXT_WIDTH", "WORDS_HEADING", "LogMemory", "NothingToSay", "Parts", "Request", "Speaker", "Turn"]

TEXT_WIDTH = 100
WORDS_HEADING = "IN ANSWER TO YOUR QUESTION"


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a turn knows before the cards are searched.

    Attributes:
        is_new: a log was read in this turn, or nothing was said before; has_news: what the person told changed what
            is found in a log that was told before.
        findings: of the logs and of the data, worst first in each.
    """

    asked: "Asked"
    plan: "Plan"
    judged: Sequence[Judged]
    is_new: bool
    has_news: bool
    data: DataRead = field(default_factory=DataRead)
    measures: "Sequence[Measure]" = ()

    @property
    def findings(self) -> list[Finding]:
        """Of the logs, then of the data."""
        found = [finding for _, diagnosis in self.judged for finding in diagnosis.findings]
        return found + [finding for _, finding in self.data.findings]

    def is_aside(self, found: Cards) -> bool:
        """Whether the turn is about something else than what was found in a log that was told before."""
        return found.is_elsewhere or (not self.is_new and not self.has_news and bool(list_asked(self.findings, found)))


class Turn:
    """Runs one turn and keeps what it found."""

    def __init__(
        self,
        request: Request,
        parts: Parts,
        conversation: Conversation | None = None,
        memory: LogMemory | None = None,
    ) -> None:
        self._request, self._parts = request, parts
        self._conversation, self._memory = conversation or Conversation(), memory or LogMemory()
        self._record = TurnRecord(notes=[*request.notes, *self._conversation.notes])
        self._sections: list[Section] = []
        self._speaker: Speaker | None = None
        self._is_cancelled = threading.Event()

    def cancel(self) -> None:
        """Stop the language model, from any thread; what was said until then stands."""
        self._is_cancelled.set()
        if self._speaker:
            self._speaker.stop()

    def events(self) -> Generator[Event, None, None]:
        """Do the turn; closing the generator stops it, and leaves nothing running but a model that is being loaded.

        Raises:
            NothingToSay: no log could be read at all, and no card speaks to the question.
        """
        try:
            yield from self._run()
        finally:
            self.cancel()

    def _run(self) -> Iterator[Event]:
        judged, is_read = yield from self._read()
        is_early = is_read and not tells_settings(self._request.question)
        if is_early:
            yield from self._compose(opening_sections(self._draft(judged)))
        scene = yield from self._plan(judged, is_read=is_read, is_early=is_early)
        if scene.has_news or (scene.is_new and not is_early):
            yield from self._compose(opening_sections(self._draft(scene.judged, scene)))
        scene = yield from self._measure(scene)
        opened = self._open_speaker()
        found = yield from self._find_cards(scene)
        if self._request.logs and not scene.judged and not found.in_scope:
            raise NothingToSay(self._record.notes[-1])
        has_subject = found.in_scope or bool(scene.measures)
        is_covered = has_subject or not self._request.question or found.is_failed
        draft = yield from self._conclude(
            scene, found, replace(self._draft(scene.judged, scene), is_covered=is_covered)
        )
        evidence = number_facts(draft, scene.measures, scene.data, scene.plan.settings)
        told = yield from self._tell(opened if has_subject else None, scene, draft, evidence)
        answer = self._answer(scene, draft, found, told)
        exchange = Exchange(self._request.question, answer.text)
        after = remember(self._conversation, scene.plan.scene, scene.judged, answer.cards, exchange)
        yield TurnEnded(answer, after, told)

    def _conclude(self, scene: _Scene, found: Cards, draft: Draft) -> Generator[Event, None, Draft]:
        """Plan the moves, and tell what needs the cards: the rest of a first answer, or a follow-up in one piece.

        A question of its own about a log that was told before is answered from its card, and the log is not told again
        but where the question is about what was found in it.
        """
        from assistant.follow_ups import compose_follow_up

        is_aside = scene.is_aside(found)
        draft = plan_draft(draft, [] if is_aside else scene.findings, found, self._parts)
        shown = replace(draft, judged=without_findings(draft.judged)) if is_aside else draft
        is_told = scene.is_new or scene.has_news
        if scene.plan.follow_up:
            yield from self._compose(compose_follow_up(shown))
            yield from self._compose(closing_sections(draft) if is_told else [])
        else:
            yield from self._compose([] if is_told or is_aside else opening_sections(draft))
            yield from self._compose(closing_sections(shown))
        return draft

    def _read(self) -> "Generator[Event, None, tuple[Sequence[Judged], bool]]":
        """The logs of the turn, or those of the conversation; and whether any was read now."""
        request, before = self._request, self._conversation
        is_known = not request.settings and is_unchanged(request.logs, self._memory, before.judged)
        if not request.logs or is_known:
            return before.judged, False
        is_kept = self._parts.open_speaker is not None
        return (yield from read_logs(request, self._memory, self._record, is_kept=is_kept)), True

    def _plan(self, judged: Sequence[Judged], *, is_read: bool, is_early: bool) -> Generator[Event, None, _Scene]:
        """Read the question, and plan what can be computed; a log that was told already is not judged again."""
        from assistant.planner import Given, plan, read_question

        request, before = self._request, self._conversation
        asked, has_news = read_question(request.question), False
        planned = plan(Given(request.model, request.gpu, name_config(request), is_read), asked, before, judged)
        if not is_early:
            judged, has_news = yield from fill_in(judged, asked, self._record)
        if request.gpu and not planned.model:
            self._record.notes.append(f"{request.gpu}: no model was named, so there is nothing to estimate on it")
        return _Scene(asked, planned, judged, is_read or not before.exchanges, has_news and not is_read)

    def _measure(self, scene: _Scene) -> Generator[Event, None, _Scene]:
        """What the tools say that need no model: of the training data, and of the model and its memory."""
        from assistant.measuring import measure_model, measured_section

        data = DataRead()
        if self._request.data:
            known = [finding.id for finding in scene.findings]
            data = yield from read_data(self._request.data, self._record, known, find_max_length(scene.plan.settings))
            yield from self._compose([data.section()] if data.reports else [])
        measures = yield from measure_model(scene.plan, self._record)
        yield from self._compose([measured_section(measures)] if measures else [])
        return replace(scene, data=data, measures=measures)

    def _compose(self, sections: Sequence[Section]) -> Iterator[Event]:
        self._sections += sections
        yield from map(SectionComposed, sections)

    def _draft(self, judged: Sequence[Judged], scene: _Scene | None = None) -> Draft:
        findings = scene.findings if scene else [one for _, found in judged for one in found.findings]
        cards = {finding.id: self._parts.load_card(finding.id) for finding in findings}
        plan, words = (scene.plan, scene.asked) if scene else (None, None)
        return Draft(judged, (), (), cards, self._record.notes, plan=plan, words=words)

    def _find_cards(self, scene: _Scene) -> Generator[Event, None, Cards]:
        if scene.plan.follow_up and not scene.is_new:
            return (yield from recall_cards(self._conversation.cards, scene.findings, self._parts))
        is_told = not scene.is_new and not scene.has_news and not scene.measures
        return (
            yield from find_cards(self._request.question, scene.findings, self._parts, self._record, is_told=is_told)
        )

    def _open_speaker(self) -> "Future[Speaker] | None":
        """Load the model beside the search for cards."""
        from assistant.saying import open_beside

        if self._parts.open_speaker is None or not self._request.question:
            return None
        return open_beside(self._parts.open_speaker)

    def _tell(
        self, opened: "Future[Speaker] | None", scene: _Scene, draft: Draft, evidence: tuple[Evidence, ...]
    ) -> Generator[Event, None, Told]:
        """Let the model look further and write; without one, or with nothing to speak of, nothing is said."""
        from assistant.saying import Subject, await_speaker, tell

        told = Told(evidence)
        if opened is None or not evidence:
            return told
        yield WordsAwaited()
        speaker = yield from await_speaker(opened)
        if speaker is None or self._is_cancelled.is_set():
            return told
        self._speaker = speaker
        subject = Subject(
            self._request,
            scene.plan,
            draft,
            self._conversation.exchanges,
            self._parts,
            self._memory,
            self._record,
        )
        return (yield from tell(speaker, subject, evidence))

    def _answer(self, scene: _Scene, draft: Draft, found: Cards, told: Told) -> Answer:
        findings = [(run.name, finding) for run, diagnosis in scene.judged for finding in diagnosis.findings]
        findings += scene.data.findings
        named = [*(finding.id for _, finding in findings), *(hit.card_id for hit in found.hits)]
        named = [*(card.id for card in draft.asked), *named] if scene.is_aside(found) else named
        return Answer(
            question=self._request.question,
            text=_to_text(self._sections, told.said.words),
            words=" ".join(told.said.words),
            findings=tuple(findings),
            cards=tuple(dict.fromkeys(named)),
            moves=tuple(draft.moves),
            tools=tuple(self._record.calls),
            evidence=told.evidence,
            struck=tuple(told.said.struck),
            in_scope=found.in_scope,
            is_judged=self._is_judged(scene),
            questions=ask_for(draft),
            model=told.said.model,
            mode=told.said.mode,
            team_cards=frozenset(card.id for card in found.cards.values() if card.origin == "team"),
        )

    def _is_judged(self, scene: _Scene) -> bool:
        """Whether there were logs, and every one of them could be judged."""
        judged = [diagnosis.is_judged for _, diagnosis in scene.judged]
        return bool(judged) and all(judged) and len(judged) >= len(self._request.logs)


def _to_text(sections: Sequence[Section], words: Sequence[str]) -> str:
    """The whole answer: what was composed, and the model's words behind it."""
    text = render_sections(sections, TEXT_WIDTH)
    return f"{text}\n\n{render_words(WORDS_HEADING, words, TEXT_WIDTH)}" if words else text
