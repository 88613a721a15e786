"""What can be wrong with the file: one line each, nothing destroyed, and a question is answered all the same."""

import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from assistant import history_tables
from assistant.history import History
from assistant.history_faults import HistoryDamaged, HistoryFault
from assistant.history_recorder import Recorder

ROOT = Path(__file__).parent.parent
FILE_LIMIT_BYTES = 300_000


def fill(place: Path) -> str:
    """One conversation of one turn, closed."""
    history = History(place)
    session_id = history.start_session("cli")
    history.finish_turn(history.begin_turn(session_id, "the first question"), {"answer": "text", "findings": []})
    history.close()
    return session_id


def record(place: Path | str, question: str = "why?") -> list[str]:
    """Run a turn with a recorder; gives what it reported."""
    reported: list[str] = []
    recorder = Recorder(str(place), "cli", reported.append)
    with recorder.keeping(question):
        recorder.finish({"answer": "because", "findings": []})
    return reported


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    fill(place)
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("UPDATE ftchat_schema SET version = 99")
    before = place.read_bytes()
    with pytest.raises(HistoryFault, match=r"a newer ftchat wrote it .*schema 99.*update ftchat"):
        History(place).sessions()
    assert place.read_bytes() == before
    assert len(record(place)) == 1
    assert place.read_bytes() == before


def test_an_older_schema_is_brought_up_to_date_with_all_that_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session_id = fill(tmp_path / "history.db")

    def add_stars(connection: Connection) -> None:
        connection.execute(text("ALTER TABLE sessions ADD COLUMN stars INTEGER NOT NULL DEFAULT 3"))

    monkeypatch.setattr(history_tables, "MIGRATIONS", (*history_tables.MIGRATIONS, add_stars))
    for _ in range(2):
        history = History(tmp_path / "history.db")
        assert [turn.question for turn in history.load_turns(session_id)] == ["the first question"]
        history.close()
    with closing(sqlite3.connect(tmp_path / "history.db")) as connection:
        assert connection.execute("SELECT stars FROM sessions").fetchall() == [(3,)]


def test_a_migration_that_fails_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "history.db"
    session_id = fill(place)

    def fail(connection: Connection) -> None:
        connection.execute(text("DROP TABLE turns"))
        connection.execute(text("nonsense"))

    with monkeypatch.context() as patch:
        patch.setattr(history_tables, "MIGRATIONS", (*history_tables.MIGRATIONS, fail))
        with pytest.raises(HistoryFault, match="the database says"):
            History(place).sessions()
    assert len(History(place).load_turns(session_id)) == 1


def test_another_programs_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    place = tmp_path / "browser.db"
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("CREATE TABLE bookmarks(url)")
    before = place.read_bytes()
    assert ["another program" in line for line in record(place)] == [True]
    assert place.read_bytes() == before


@pytest.mark.parametrize("damage", ["no database", "first page", "cut off"])
def test_a_damaged_file_is_moved_aside_with_its_name_said_and_a_new_one_begins(tmp_path: Path, damage: str) -> None:
    place = tmp_path / "history.db"
    fill(place)
    whole = place.read_bytes()
    broken = {
        "no database": b"not a database\n" * 500,
        "first page": whole[:100] + os.urandom(3996) + whole[4096:],
        "cut off": whole[:8192] + bytes(len(whole) - 8192),
    }[damage]
    place.write_bytes(broken)
    reported = record(place)
    aside = [path for path in tmp_path.iterdir() if ".damaged-" in path.name]
    assert [path.read_bytes() for path in aside if path.suffix != "-wal"] == [broken]
    assert len(reported) == 1
    assert str(aside[0]) in reported[0]
    assert [one.title for one in History(place).sessions()] == ["why?"]


def test_a_file_damaged_twice_in_a_second_is_kept_twice(tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    for number in range(3):
        place.write_bytes(b"not a database %d" % number * 100)
        with pytest.raises(HistoryDamaged):
            History(place).sessions()
    assert len({path.read_bytes() for path in tmp_path.glob("history.db.damaged-*")}) == 3


def test_a_locked_file_is_one_line_and_the_turn_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "history.db"
    fill(place)
    monkeypatch.setattr(History.__init__, "__defaults__", (0.2,))
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        reported = record(place)
    assert len(reported) == 1
    assert "another program holds it locked" in reported[0]
    assert "this answer is not kept" in reported[0]


def test_a_lock_that_is_let_go_is_waited_for(tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    fill(place)
    hold = (
        "import sqlite3, sys, time\n"
        "connection = sqlite3.connect(sys.argv[1])\n"
        "connection.execute('BEGIN IMMEDIATE')\n"
        "print('held', flush=True)\n"
        "time.sleep(0.5)\n"
    )
    with subprocess.Popen([sys.executable, "-c", hold, str(place)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert record(place) == []


@pytest.mark.parametrize("place", ["/dev/null/history.db", "/proc/self/history.db", "/", "postgresql://server/db"])
def test_a_place_that_cannot_be_written_is_one_line(place: str) -> None:
    reported = record(place)
    assert len(reported) == 1
    assert "\n" not in reported[0]
    assert "FTCHAT_HISTORY" in reported[0]


def test_a_full_disk_is_one_line_and_leaves_what_was_kept(tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    session_id = fill(place)
    history = History(place)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT_BYTES, before[1]))
    kept = 0
    try:
        with pytest.raises(HistoryFault, match="the disk"):
            for kept in range(1000):  # noqa: B007  the count is what is looked at
                history.finish_turn(history.begin_turn(session_id, "more"), {"answer": "word " * 4000, "findings": []})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        history.close()
    finished = [turn for turn in History(place).load_turns(session_id) if turn.status == "finished"]
    assert len(finished) == kept + 1


def test_a_turn_that_fails_or_is_interrupted_is_kept_as_such(tmp_path: Path) -> None:
    place = tmp_path / "history.db"
    for error in (HistoryFault("no log could be read"), KeyboardInterrupt()):
        recorder = Recorder(str(place), "cli", lambda _: None)
        with pytest.raises(type(error)), recorder.keeping("why?"):
            recorder.hear("WHAT IS WRONG")
            raise error
    history = History(place)
    turns = [history.load_turns(one.id)[0] for one in history.sessions()]
    assert [(turn.status, turn.text) for turn in turns] == [
        ("stopped", "WHAT IS WRONG"),
        ("failed", "no log could be read"),
    ]
