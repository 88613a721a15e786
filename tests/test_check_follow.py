"""Following a log that grows: what is told, when, and what survives."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from run_factory import descend, make_rows, parse, show_record

from assistant.cli import main
from assistant.follow import Change, Follower, check_followable, follow
from tools.diagnosis import diagnose
from tools.diagnosis.finding import Diagnosis
from tools.errors import BadInput
from tools.run import Run

ROOT = Path(__file__).parent.parent
HEALTHY = "".join(show_record(row) + "\n" for row in make_rows(descend(40)))
NAN_ROW = "{'loss': nan, 'grad_norm': nan, 'learning_rate': 0.0001, 'epoch': 2.1}\n"


def judge(path: Path) -> tuple[Run, Diagnosis]:
    raw = path.read_bytes()
    if not raw.strip():
        raise BadInput(f"{path}: is empty")
    run = parse(raw)
    return run, diagnose(run)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "train.log"
    path.write_text(HEALTHY)
    return path


def told_after(log: Path, *steps: Callable[[], object]) -> list[list[Change]]:
    """What each poll tells: at first, and after each of some changes to the log."""
    follower = Follower(log, judge)
    told = [list(follower.poll())]
    for step in steps:
        step()
        told.append(list(follower.poll()))
    return told


def append(log: Path, text: str) -> Callable[[], object]:
    def write() -> None:
        with log.open("a") as stream:
            stream.write(text)

    return write


def kinds(changes: list[Change]) -> list[tuple[str, str]]:
    return [(change.kind, change.finding.id if change.finding else "") for change in changes]


def test_a_finding_is_told_once_when_it_comes(log: Path) -> None:
    _, second, third = told_after(log, append(log, NAN_ROW * 3), append(log, NAN_ROW))
    assert ("found", "loss_nan") in kinds(second)
    assert ("found", "loss_nan") not in kinds(third)


def test_a_log_that_did_not_change_is_not_read_again(log: Path) -> None:
    calls: list[Path] = []

    def count(path: Path) -> tuple[Run, Diagnosis]:
        calls.append(path)
        return judge(path)

    follower = Follower(log, count)
    for _ in range(3):
        list(follower.poll())
    assert calls == [log]


def test_a_finding_that_the_log_shows_no_more_is_told(log: Path) -> None:
    def make_clean() -> None:
        text = log.read_text()
        log.write_text(text.replace(NAN_ROW, "{'loss': 1.0, 'epoch': 2.1}\n") + "x" * len(NAN_ROW) * 3 + "\n")

    log.write_text(HEALTHY + NAN_ROW * 3)
    _, second = told_after(log, make_clean)
    assert ("gone", "loss_nan") in kinds(second)


def test_a_log_that_became_shorter_is_read_from_its_beginning(log: Path) -> None:
    log.write_text(HEALTHY + NAN_ROW * 3)
    _, second, third = told_after(log, lambda: log.write_text(HEALTHY), append(log, NAN_ROW * 3))
    assert kinds(second)[0] == ("truncated", "")
    assert ("found", "loss_nan") in kinds(third)


def test_a_log_that_was_rotated_is_read_anew(log: Path) -> None:
    def rotate() -> None:
        log.rename(log.with_suffix(".1"))
        log.write_text(HEALTHY + NAN_ROW * 3)

    log.write_text(HEALTHY + NAN_ROW * 3)
    first, second = told_after(log, rotate)
    assert ("found", "loss_nan") in kinds(first)
    assert kinds(second)[0] == ("rotated", "")
    assert ("found", "loss_nan") in kinds(second)


def test_a_log_that_is_away_for_a_while_is_waited_for_and_said_once(log: Path) -> None:
    moved = log.with_suffix(".1")
    told = told_after(log, lambda: log.rename(moved), lambda: None, lambda: log.write_text(HEALTHY + NAN_ROW * 3))
    assert kinds(told[1]) == [("waiting", "")]
    assert "No such file" in told[1][0].text
    assert told[2] == []
    assert ("found", "loss_nan") in kinds(told[3])


def test_an_empty_log_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "new.log"
    log.write_text("")
    first, second = told_after(log, append(log, HEALTHY + NAN_ROW * 3))
    assert kinds(first) == [("waiting", "")]
    assert ("found", "loss_nan") in kinds(second)


def test_the_summary_is_the_last_word_when_a_person_interrupts(log: Path) -> None:
    told: list[Change] = []
    polls = iter([append(log, NAN_ROW * 3)])

    def sleep(seconds: float) -> None:
        step = next(polls, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    with pytest.raises(KeyboardInterrupt):
        follow(Follower(log, judge), told.append, 1.0, sleep)
    assert told[-1].kind == "summary"
    assert "loss_nan (error)" in told[-1].text
    assert "43 records in 43 lines" in told[-1].text


def test_a_log_that_takes_long_to_read_is_read_seldom(log: Path) -> None:
    follower, waited = Follower(log, judge), list[float]()

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            raise KeyboardInterrupt
        follower.busy_seconds = 2.0

    with pytest.raises(KeyboardInterrupt):
        follow(follower, lambda _: None, 1.0, sleep)
    assert waited == [1.0, pytest.approx(8.0)]


@pytest.mark.parametrize("name", ["nope.log", ""])
def test_what_cannot_grow_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="--follow takes"):
        check_followable(tmp_path / name)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--follow", "a.log", "b.log"), "--follow takes one file"),
        (("--follow", "-"), "--follow takes one file"),
        (("--follow", "nope.log"), "no such file"),
        (("--follow", "nope.log", "--format", "sarif"), "--follow cannot write sarif"),
    ],
)
def test_bad_usage_of_follow_is_one_line(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_command_follows_until_it_is_interrupted(log: Path, form: str) -> None:
    command = [
        sys.executable,
        "-m",
        "assistant.cli",
        "check",
        str(log),
        "--follow",
        "--interval",
        "0.05",
        "--format",
        form,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        lines: list[str] = []
        reader = threading.Thread(target=lines.extend, args=(process.stdout,))
        reader.start()
        wait_for(lambda: any("no_evaluation" in line for line in lines))
        append(log, NAN_ROW * 3)()
        wait_for(lambda: any("loss_nan" in line for line in lines))
        process.send_signal(signal.SIGINT)
        reader.join(timeout=60)
    assert process.returncode == 130
    assert "43 records" in lines[-1]
    if form == "json":
        loaded = [json.loads(line) for line in lines]
        assert {one["schema"] for one in loaded} == {"ftchat.check.follow/1"}
        assert [one["event"] for one in loaded if one.get("finding", {}).get("id") == "loss_nan"] == ["found"]
        assert loaded[-1]["event"] == "summary"


def wait_for(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
