"""Keeps a turn in the history beside the answer. Whatever happens to the history, the answer goes on.

The database is opened and written in a thread of its own, because its libraries take 0.15 s to import.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from assistant.history_faults import HistoryDamaged, HistoryFault
from assistant.history_records import FrontEnd, Status
from tools.errors import FtchatError

if TYPE_CHECKING:
    from assistant.history import History

NO_HISTORY = "none"
"""The setting ``history`` of a person who wants nothing kept."""


class Recorder:
    """Writes one turn: the question while it is being answered, the answer when it is there.

    A fault of the history is reported in one line and costs nothing else.
    """

    def __init__(
        self, place: str, front_end: FrontEnd, report: Callable[[str], None], session_id: str | None = None
    ) -> None:
        """Name the database.

        Args:
            place: the database's file, "" to keep nothing.
            front_end: who asks.
            report: takes what a person should know, one line.
            session_id: the conversation that goes on, None for a new one.
        """
        self._place, self._front_end, self._report, self._session_id = place, front_end, report, session_id
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history") if place else None
        self._begun: Future[tuple[History, str, int]] | None = None
        self._said: list[str] = []
        self._is_over = False
        self._started = time.perf_counter()

    @contextmanager
    def keeping(self, question: str) -> Iterator[None]:
        """Keep the turn that runs inside; one that ends without an answer is kept as stopped or failed."""
        self.begin(question)
        try:
            yield
        except FtchatError as error:
            self.stop("failed", str(error))
            raise
        finally:
            self.stop("stopped", "\n\n".join(self._said))

    def begin(self, question: str) -> None:
        """Write the question down, without waiting for it."""
        if self._pool is not None:
            self._begun = self._pool.submit(self._begin, question)

    def hear(self, text: str) -> None:
        """Take in a part of the answer, for the case that no more follows."""
        self._said.append(text)

    def session_id(self) -> str | None:
        """The conversation's id, as soon as the question is written; None where nothing is kept."""
        if self._begun is None:
            return None
        try:
            return self._begun.result()[1]
        except HistoryFault:
            return None

    def finish(self, answer: Mapping[str, Any], conversation_json: str = "") -> None:
        """Write the answer, and wait until it is kept."""
        seconds = time.perf_counter() - self._started
        self._end(lambda history, turn_id: history.finish_turn(turn_id, answer, conversation_json, seconds))

    def stop(self, status: Status, text: str) -> None:
        """Write that there is no whole answer, with what was said of it or why; nothing where the turn is over."""
        seconds = time.perf_counter() - self._started
        self._end(lambda history, turn_id: history.stop_turn(turn_id, status, text, seconds))

    def _begin(self, question: str) -> "tuple[History, str, int]":
        from assistant.history import History

        history = History(self._place)
        try:
            return history, *self._add(history, question)
        except HistoryDamaged as fault:
            # The damaged file is out of the way now: the same question goes into a new one.
            self._report(str(fault))
            self._session_id = None
            return history, *self._add(history, question)

    def _add(self, history: "History", question: str) -> tuple[str, int]:
        session_id = self._session_id or history.start_session(self._front_end)
        return session_id, history.begin_turn(session_id, question)

    def _end(self, write: "Callable[[History, int], None]") -> None:
        if self._pool is None or self._begun is None or self._is_over:
            return
        self._is_over = True
        try:
            history, _, turn_id = self._begun.result()
            self._pool.submit(write, history, turn_id).result()
            self._pool.submit(history.close).result()
        except HistoryFault as fault:
            self._report(f"{fault}; this answer is not kept")
        finally:
            self._pool.shutdown(wait=False)
