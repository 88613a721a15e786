"""What the history writes, each inside a transaction of the caller's."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from assistant.history_ids import new_session_id
from assistant.history_records import FrontEnd
from assistant.history_search import forget_deleted
from assistant.history_tables import sessions, turns
from assistant.history_text import clean_text, make_title


def add_session(connection: Connection, front_end: FrontEnd, title: str, thread: str | None) -> str:
    """Add a conversation, or find the one that a service's thread has already; gives its id."""
    if thread is not None:
        mine = (sessions.c.front_end == front_end) & (sessions.c.thread == thread)
        found = connection.execute(select(sessions.c.id).where(mine)).scalar()
        if found is not None:
            return str(found)
    session_id = new_session_id()
    while connection.execute(select(sessions.c.id).where(sessions.c.id == session_id)).first():
        session_id = new_session_id()
    now = time.time()
    values = {"id": session_id, "title": make_title(title), "front_end": front_end, "thread": thread}
    connection.execute(insert(sessions).values(**values, created=now, updated=now))
    return session_id


def add_turn(connection: Connection, session_id: str, question: str) -> int:
    """Add a question that is about to be answered; gives the turn's id."""
    now = time.time()
    mine = turns.c.session_id == session_id
    number = int(connection.execute(select(func.coalesce(func.max(turns.c.number), 0)).where(mine)).scalar_one()) + 1
    values = {"session_id": session_id, "number": number, "status": "begun", "question": clean_text(question)}
    added = connection.execute(insert(turns).values(**values, begun=now).returning(turns.c.id)).scalar_one()
    connection.execute(update(sessions).where(sessions.c.id == session_id).values(updated=now))
    if number == 1:
        untitled = (sessions.c.id == session_id) & (sessions.c.title == "")
        connection.execute(update(sessions).where(untitled).values(title=make_title(question)))
    return int(added)


def end_turn(connection: Connection, turn_id: int, values: Mapping[str, Any]) -> None:
    """Write how a turn ended; one that was deleted meanwhile stays deleted."""
    ended = update(turns).where(turns.c.id == turn_id).values(**values)
    row = connection.execute(ended.returning(turns.c.session_id, turns.c.number, turns.c.question)).first()
    if row is None:
        return
    mine = sessions.c.id == row.session_id
    connection.execute(update(sessions).where(mine).values(updated=values["ended"]))
    if values.get("conversation_json"):
        older = (turns.c.session_id == row.session_id) & (turns.c.number < row.number)
        connection.execute(update(turns).where(older).values(conversation_json=None))
    first = str(values.get("findings") or "").split()[:1]
    if row.number == 1 and first:
        # A title that a person gave meanwhile is left alone.
        untouched = mine & (sessions.c.title == make_title(row.question))
        connection.execute(update(sessions).where(untouched).values(title=make_title(row.question, first)))


def delete_sessions(connection: Connection, session_ids: Sequence[str]) -> int:
    """Delete conversations with their turns and the words of these; gives how many there were."""
    removed = 0
    for session_id in session_ids:
        connection.execute(delete(turns).where(turns.c.session_id == session_id))
        removed += connection.execute(delete(sessions).where(sessions.c.id == session_id)).rowcount
    forget_deleted(connection)
    return removed
