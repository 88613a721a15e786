"""Kills writers of the history at random moments, and looks after each what is left.

As a program it does so many times, with processes of ``ftchat ask`` too: python tests/history_killing.py 200
"""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
WRITER = ROOT / "tests" / "history_writer.py"


@dataclass(slots=True)
class Tally:
    """What the writers said that they had begun and finished, and how the kills hit."""

    begun: set[str] = field(default_factory=set)
    finished: set[str] = field(default_factory=set)
    num_kills: int = 0
    num_in_mid_answer: int = 0


def kill_writers(database: Path, num_kills: int, moments: random.Random, tally: Tally) -> None:
    """Start a writer, kill it at a random moment after it is at work, look at the database; again and again."""
    for number in range(num_kills):
        command = [sys.executable, str(WRITER), str(database), f"w{tally.num_kills}"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
            assert process.stdout is not None
            # Every fourth is killed while it starts: opening, creating, migrating.
            first = process.stdout.readline() if number % 4 else b""
            time.sleep(moments.uniform(0.0, 0.25 if number % 4 else 0.5))
            process.send_signal(signal.SIGKILL)
            said = (first + process.stdout.read()).decode().splitlines()
        note(said, tally)
        check_database(database, tally)


def note(said: list[str], tally: Tally) -> None:
    """Add what one writer said before it was killed; a line that was cut in the middle says nothing."""
    for line in said:
        word, _, question = line.partition(" ")
        assert word in ("begun", "finished"), line
        (tally.begun if word == "begun" else tally.finished).add(question)
    tally.num_kills += 1
    tally.num_in_mid_answer += bool(said) and said[-1].startswith("begun")


def check_database(database: Path, tally: Tally) -> None:
    """Nothing that was said to be begun or finished is lost, and the file and its index of words are whole.

    It looks at a copy, so that the next writer meets what the killed one left: its write-ahead log.
    """
    if not database.exists():
        assert not tally.begun
        return
    with tempfile.TemporaryDirectory() as folder:
        for path in database.parent.glob(f"{database.name}*"):
            shutil.copy(path, folder)
        rows = read_turns(Path(folder) / database.name)
    kept = {question: (status, text) for question, status, text in rows}
    assert tally.begun <= kept.keys()
    for question in tally.finished:
        status, text = kept[question]
        assert status == "finished"
        assert text.count(question.partition(" ")[2]) == 5


def read_turns(database: Path) -> list[tuple[str, str, str]]:
    """Question, status and text of every turn, once the file is found whole."""
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'turns'").fetchall():
            return []
        connection.execute("INSERT INTO turn_words(turn_words) VALUES ('integrity-check')")
        return connection.execute("SELECT question, status, text FROM turns").fetchall()


def kill_questions(database: Path, num_kills: int, moments: random.Random) -> tuple[int, dict[str, int]]:
    """Kill real one-shot questions at random moments; gives the number kept and how their turns stand."""
    log = ROOT / "examples" / "overfit.log"
    command = [sys.executable, "-m", "assistant.cli", "ask", "why does it climb?", "--log", str(log), "--no-llm"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FTCHAT_HISTORY": str(database)}
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, env=environment, check=True)
    whole_seconds = time.perf_counter() - started
    least, states = 1, Counter[str]()
    for _ in range(num_kills):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
            time.sleep(moments.uniform(0.0, 1.2 * whole_seconds))
            process.kill()
        check_database(database, Tally())
        if database.exists():
            states = Counter(status for _, status, _ in read_turns(database))
            assert states.total() >= least, "an earlier turn is gone"
            least = states.total()
    return least, dict(states)


def main() -> None:
    """Kill as often as the argument says, and print what was hit."""
    num_kills, seed = int(sys.argv[1]), int(time.time())
    with tempfile.TemporaryDirectory() as folder:
        tally = Tally()
        kill_writers(Path(folder) / "writers.db", num_kills, random.Random(seed), tally)  # noqa: S311  no secret
        sys.stdout.write(
            f"writers: {tally.num_kills} kills, {tally.num_in_mid_answer} in the middle of an answer, "
            f"{len(tally.begun)} turns begun and {len(tally.finished)} finished, nothing lost\n"
        )
        kept, states = kill_questions(Path(folder) / "questions.db", num_kills, random.Random(seed))  # noqa: S311  no secret
        sys.stdout.write(f"questions: {num_kills} kills, {kept} turns kept: {states}\n")


if __name__ == "__main__":
    main()
