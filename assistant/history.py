"""The history of conversations: one database for all front ends, redacted before it is written.

Importing this module costs SQLAlchemy, about 0.15 s; a front end does it late, or through ``history_recorder``.
"""

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select, update

from assistant.history_database import BUSY_SECONDS, Database
from assistant.history_faults import HistoryFault
from assistant.history_ids import choose_id
from assistant.history_reads import SHOWN, load_sessions, search_turns, to_turn
from assistant.history_records import FrontEnd, Hit, PastTurn, Session, Status
from assistant.history_tables import sessions, turns
from assistant.history_text import clean_text, clean_value, make_title
from assistant.history_writes import add_session, add_turn, delete_sessions, end_turn
from assistant.json_lines import to_json_line


class History:
    """Keeps conversations; every method is one transaction and may raise HistoryFault."""

    def __init__(self, place: str | Path, busy_seconds: float = BUSY_SECONDS) -> None:
        """Name the database; it is opened, and created, when first needed.

        Raises:
            HistoryFault: the place is not a file.
        """
        if "://" in str(place):
            raise HistoryFault("the history is kept in a file, not behind a URL; name a file with FTCHAT_HISTORY")
        self._database = Database(Path(place), busy_seconds)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def start_session(self, front_end: FrontEnd, title: str = "", thread: str | None = None) -> str:
        """Begin a conversation, or find the one that a service's thread has already; gives its id."""
        return self._database.write(lambda connection: add_session(connection, front_end, title, thread))

    def begin_turn(self, session_id: str, question: str) -> int:
        """Write a question down before it is answered; gives the turn's id."""
        return self._database.write(lambda connection: add_turn(connection, session_id, question))

    def finish_turn(
        self, turn_id: int, answer: Mapping[str, Any], conversation_json: str = "", seconds: float | None = None
    ) -> None:
        """Write the answer to a question, and what the next turn needs; a turn deleted meanwhile stays deleted."""
        told = clean_value(answer)
        values = {
            "status": "finished",
            "text": str(told.get("answer") or ""),
            "answer_json": to_json_line(told),
            "conversation_json": _clean_json(conversation_json),
            "findings": " ".join(str(one["id"]) for one in told.get("findings") or ()),
            "model": told.get("model"),
            "mode": told.get("mode"),
            "seconds": seconds,
            "ended": time.time(),
        }
        self._database.write(lambda connection: end_turn(connection, turn_id, values))

    def stop_turn(self, turn_id: int, status: Status, text: str = "", seconds: float | None = None) -> None:
        """Write that an answer did not come to its end, with what was said of it or why."""
        values = {"status": status, "text": clean_text(text), "seconds": seconds, "ended": time.time()}
        self._database.write(lambda connection: end_turn(connection, turn_id, values))

    def latest_session(self) -> Session | None:
        """The conversation that was last spoken in by the person who runs this program, not in a service's thread."""
        found = self.sessions(limit=1, threads=False)
        return found[0] if found else None

    def sessions(self, limit: int | None = None, *, threads: bool = True) -> list[Session]:
        """Conversations, the last spoken in first."""
        query = select(sessions).order_by(sessions.c.updated.desc(), sessions.c.id.desc()).limit(limit)
        if not threads:
            query = query.where(sessions.c.thread.is_(None))
        return self._database.read(lambda connection: load_sessions(connection, query))

    def find_session(self, wanted: str) -> Session:
        """The conversation of an id, or of the beginning of one.

        Raises:
            BadInput: none or several are meant.
        """
        newest = select(sessions.c.id).order_by(sessions.c.id.desc())
        ids = self._database.read(lambda connection: list(connection.execute(newest).scalars()))
        return self.load_session(choose_id(wanted, ids))

    def load_session(self, session_id: str) -> Session:
        """The conversation of an id.

        Raises:
            HistoryFault: it is not there.
        """
        query = select(sessions).where(sessions.c.id == session_id)
        found = self._database.read(lambda connection: load_sessions(connection, query))
        if not found:
            raise HistoryFault(f"conversation {session_id:.40} is not in the history")
        return found[0]

    def load_turns(self, session_id: str) -> list[PastTurn]:
        """The turns of a conversation in order."""
        query = select(*SHOWN).where(turns.c.session_id == session_id).order_by(turns.c.number)
        return self._database.read(lambda connection: [to_turn(row) for row in connection.execute(query)])

    def load_conversation(self, session_id: str) -> str:
        """What the next turn of a conversation needs to know, as JSON; "" where no turn was finished."""
        mine = (turns.c.session_id == session_id) & turns.c.conversation_json.is_not(None)
        query = select(turns.c.conversation_json).where(mine).order_by(turns.c.number.desc()).limit(1)
        return str(self._database.read(lambda connection: connection.execute(query).scalar()) or "")

    def search(self, words: str, limit: int = 20) -> list[Hit]:
        """Find turns by their words, the best first, then conversations by their titles."""
        wanted = clean_text(words)
        return self._database.read(lambda connection: search_turns(connection, wanted, limit))

    def rename(self, session_id: str, title: str) -> None:
        """Give a conversation another title."""
        change = update(sessions).where(sessions.c.id == session_id).values(title=make_title(title))
        self._database.write(lambda connection: connection.execute(change))

    def delete(self, session_ids: Iterable[str]) -> int:
        """Delete conversations with all that was said; gives how many. Their text is overwritten, not only unlinked."""
        wanted = list(session_ids)
        removed = self._database.write(lambda connection: delete_sessions(connection, wanted))
        self._database.shrink_log()
        return removed


def _clean_json(text: str) -> str | None:
    return to_json_line(clean_value(json.loads(text))) if text else None
