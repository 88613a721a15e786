"""The tables of the history, and the steps that bring an older database up to them."""

from collections.abc import Callable

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    insert,
    inspect,
    select,
    update,
)

from assistant.history_faults import HistoryFault
from assistant.history_search import create_search

metadata = MetaData()

schema = Table("ftchat_schema", metadata, Column("version", Integer, nullable=False))

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    Column("front_end", Text, nullable=False),
    # What another service calls this conversation, as a Slack thread; null for a person's own.
    Column("thread", Text),
    # Seconds since 1970, as everywhere here.
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    UniqueConstraint("front_end", "thread"),
    Index("sessions_by_update", "updated"),
)

turns = Table(
    "turns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("session_id", Text, ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("question", Text, nullable=False),
    # The answer as a person reads it; it is what is searched, and answer_json what programs read.
    Column("text", Text, nullable=False, default=""),
    Column("answer_json", Text),
    # What the next turn needs to know; kept for the last finished turn of a session only.
    Column("conversation_json", Text),
    Column("findings", Text, nullable=False, default=""),
    Column("model", Text),
    Column("mode", Text),
    Column("seconds", Float),
    Column("begun", Float, nullable=False),
    Column("ended", Float),
    UniqueConstraint("session_id", "number"),
    # A list of conversations reads this alone, and not the pages that hold the answers.
    Index("turns_told", "session_id", "findings"),
)


def _create_first(connection: Connection) -> None:
    for table in (sessions, turns):
        table.create(connection)
    create_search(connection)


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (_create_first,)
"""The step from each version to the next; a new database takes all of them."""


def needs_migration(connection: Connection) -> bool:
    """Whether the tables are missing or older than this program's.

    Raises:
        HistoryFault: the database is a newer program's, or another program's.
    """
    return _read_version(connection) < len(MIGRATIONS)


def migrate(connection: Connection) -> None:
    """Bring the tables up to date, inside the caller's transaction.

    Raises:
        HistoryFault: the database is a newer program's, or another program's.
    """
    version = _read_version(connection)
    if not inspect(connection).has_table(schema.name):
        schema.create(connection)
        connection.execute(insert(schema).values(version=0))
    for step in MIGRATIONS[version:]:
        step(connection)
    connection.execute(update(schema).values(version=len(MIGRATIONS)))


def _read_version(connection: Connection) -> int:
    found = inspect(connection)
    if not found.has_table(schema.name):
        if found.get_table_names():
            raise HistoryFault("it is the database of another program; name another file with FTCHAT_HISTORY")
        return 0
    version = int(connection.execute(select(schema.c.version)).scalar_one())
    if version > len(MIGRATIONS):
        raise HistoryFault(
            f"a newer ftchat wrote it (schema {version}, this one knows {len(MIGRATIONS)}); "
            "update ftchat, or name another file with FTCHAT_HISTORY"
        )
    return version
