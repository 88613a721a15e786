"""Several processes write into one database at once, and one is killed in the middle: nothing is lost."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from history_killing import Tally, kill_writers

from assistant.history import History

ROOT = Path(__file__).parent.parent
WRITER = """
import sys
from assistant.history import History
history, name = History(sys.argv[1]), sys.argv[2]
session_id = history.start_session("cli")
for number in range(int(sys.argv[3])):
    turn_id = history.begin_turn(session_id, f"{name} {number}")
    history.finish_turn(turn_id, {"answer": f"{name} {number} " * 200, "findings": []}, '{"left": "%s"}' % name)
"""


def write_at_once(place: Path, num_processes: int, num_turns: int) -> list[tuple[int, bytes]]:
    """Start writers together on a database that is not there yet; gives exit code and stderr of each."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(place), f"w{number}", str(num_turns)],
            stderr=subprocess.PIPE,
            env=environment,
        )
        for number in range(num_processes)
    ]
    return [(process.wait(), process.stderr.read() if process.stderr else b"") for process in processes]


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    place, num_processes, num_turns = tmp_path / "history.db", 6, 12
    assert write_at_once(place, num_processes, num_turns) == [(0, b"")] * num_processes
    history = History(place)
    found = [history.load_turns(one.id) for one in history.sessions()]
    assert len(found) == num_processes
    for turns in found:
        name = turns[0].question.split()[0]
        assert [turn.question for turn in turns] == [f"{name} {number}" for number in range(num_turns)]
        assert all(turn.status == "finished" and turn.text.startswith(turn.question) for turn in turns)


def test_turns_of_one_conversation_from_two_threads_of_work_keep_their_numbers(tmp_path: Path) -> None:
    one, other = History(tmp_path / "history.db"), History(tmp_path / "history.db")
    session_id = one.start_session("slack", thread="C1/17")
    assert other.start_session("slack", thread="C1/17") == session_id
    for history in (one, other) * 5:
        history.begin_turn(session_id, "why?")
    assert [turn.number for turn in one.load_turns(session_id)] == list(range(1, 11))


def test_killed_at_random_moments_nothing_earlier_is_lost(tmp_path: Path) -> None:
    tally = Tally()
    kill_writers(tmp_path / "history.db", 20, random.Random(int(time.time())), tally)  # noqa: S311  no secret
    assert tally.num_kills == 20
    assert tally.num_in_mid_answer
    assert tally.finished
