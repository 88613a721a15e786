"""Full-text search of the turns, behind three functions: the only place that knows SQLite's FTS5.

The index holds no text of its own: it reads the turns, and triggers keep it in step with them. SQLAlchemy has no words
for its tables, so this is plain SQL.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, text

BEGIN_HIT, END_HIT = "\x02", "\x03"
_NUM_SNIPPET_WORDS = 16
_STATEMENTS = (
    """CREATE VIRTUAL TABLE turn_words USING fts5(
        question, text, content='turns', content_rowid='id', tokenize='unicode61 remove_diacritics 2')""",
    """CREATE TRIGGER turn_words_added AFTER INSERT ON turns BEGIN
        INSERT INTO turn_words(rowid, question, text) VALUES (new.id, new.question, new.text); END""",
    """CREATE TRIGGER turn_words_removed AFTER DELETE ON turns BEGIN
        INSERT INTO turn_words(turn_words, rowid, question, text)
        VALUES ('delete', old.id, old.question, old.text); END""",
    """CREATE TRIGGER turn_words_changed AFTER UPDATE OF question, text ON turns BEGIN
        INSERT INTO turn_words(turn_words, rowid, question, text)
        VALUES ('delete', old.id, old.question, old.text);
        INSERT INTO turn_words(rowid, question, text) VALUES (new.id, new.question, new.text); END""",
)
_FIND = text(
    f"""SELECT rowid AS turn_id, snippet(turn_words, -1, :begin, :end, ' ... ', {_NUM_SNIPPET_WORDS}) AS snippet
    FROM turn_words WHERE turn_words MATCH :words ORDER BY rank LIMIT :limit"""  # noqa: S608  a number of our own
)


@dataclass(frozen=True, slots=True)
class FoundTurn:
    """A turn that holds the words, with the place; each word found stands between BEGIN_HIT and END_HIT."""

    turn_id: int
    snippet: str


def create_search(connection: Connection) -> None:
    """Create the index and what keeps it in step; the tables are there already."""
    for statement in _STATEMENTS:
        connection.execute(text(statement))


def find_turns(connection: Connection, words: str, limit: int) -> list[FoundTurn]:
    """Find the turns that hold every word, or words that begin with them, the best first."""
    query = quote_words(words)
    if not query:
        return []
    values = {"words": query, "begin": BEGIN_HIT, "end": END_HIT, "limit": limit}
    return [FoundTurn(int(row.turn_id), str(row.snippet)) for row in connection.execute(_FIND, values)]


def forget_deleted(connection: Connection) -> None:
    """Take the words of deleted turns out of the index's pages: until it is merged, they would still stand there."""
    connection.execute(text("INSERT INTO turn_words(turn_words) VALUES ('optimize')"))


def quote_words(words: str) -> str:
    """Write a person's words as a query in which nothing is syntax: each is quoted, and may be a beginning.

    Example:
        >>> quote_words("loss OR (nan")
        '"loss"* "OR"* "(nan"*'
    """
    return " ".join('"' + word.replace('"', '""') + '"*' for word in words.split())
