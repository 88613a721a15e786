"""What the history reads, each inside a transaction of the caller's."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, select

from assistant.history_records import Hit, PastTurn, Session
from assistant.history_search import find_turns
from assistant.history_tables import sessions, turns

SHOWN = (
    turns.c.id,
    turns.c.session_id,
    turns.c.number,
    turns.c.status,
    turns.c.question,
    turns.c.text,
    turns.c.answer_json,
    turns.c.findings,
    turns.c.model,
    turns.c.mode,
    turns.c.seconds,
    turns.c.begun,
    turns.c.ended,
)
"""The columns of a turn that its record holds: all but what the next turn needs."""


def load_sessions(connection: Connection, query: Select[Any]) -> list[Session]:
    """Two queries, whatever the number of conversations: these, and all their turns without the answers."""
    rows = connection.execute(query).all()
    ids = query.with_only_columns(sessions.c.id)
    told = select(turns.c.session_id, turns.c.findings).where(turns.c.session_id.in_(ids)).order_by(turns.c.id)
    found: dict[str, list[str]] = {row.id: [] for row in rows}
    for session_id, findings in connection.execute(told):
        found[session_id].append(findings)
    return [
        Session(
            row.id,
            row.title,
            row.front_end,
            row.thread,
            row.created,
            row.updated,
            len(found[row.id]),
            tuple(dict.fromkeys(" ".join(found[row.id]).split())),
        )
        for row in rows
    ]


def search_turns(connection: Connection, words: str, limit: int) -> list[Hit]:
    """Find turns by their words, the best first, then conversations by their titles."""
    hits = []
    for found in find_turns(connection, words, limit):
        joined = turns.join(sessions, turns.c.session_id == sessions.c.id)
        wanted = select(sessions.c.id, sessions.c.title, turns.c.number, turns.c.begun).select_from(joined)
        row = connection.execute(wanted.where(turns.c.id == found.turn_id)).first()
        if row is not None:
            hits.append(Hit(row.id, row.title, row.number, row.begun, found.snippet))
    seen = {hit.session_id for hit in hits}
    titled = select(sessions).order_by(sessions.c.updated.desc()).limit(limit)
    for word in words.split():
        titled = titled.where(sessions.c.title.icontains(word, autoescape=True))
    named = connection.execute(titled).all() if words.split() else []
    hits += [Hit(row.id, row.title, None, row.updated, "") for row in named if row.id not in seen]
    return hits[:limit]


def to_turn(row: Any) -> PastTurn:
    """The record of a row of the columns shown."""
    answer: Mapping[str, Any] | None = json.loads(row.answer_json) if row.answer_json else None
    findings: Sequence[str] = row.findings.split()
    return PastTurn(
        id=row.id,
        session_id=row.session_id,
        number=row.number,
        status=row.status,
        question=row.question,
        text=row.text,
        answer=answer,
        findings=tuple(findings),
        model=row.model,
        mode=row.mode,
        seconds=row.seconds,
        begun=row.begun,
        ended=row.ended,
    )
