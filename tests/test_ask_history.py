"""Questions from the command line and their history: kept, continued, left out, and never in the way of an answer."""

import io
import json
import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

import pytest

import assistant.ask_history
from assistant import ask, ask_command
from assistant.conversation import Conversation, conversation_to_json
from assistant.history import History
from assistant.history_text import hide_home, show_home
from assistant.settings import load_settings
from assistant.turn_input import Parts
from knowledge.card import card_by_id, load_knobs
from knowledge.retrieval import CardHit
from tools.errors import BadInput, NotAvailable

ROOT = Path(__file__).parent.parent
SECRET = "hf_" + "abcdefghij" * 3
LOG = "".join(
    f"{{'loss': '{2.0 * 0.6**epoch:.4g}', 'learning_rate': '0.0001', 'epoch': '{epoch}'}}\n"
    f"{{'eval_loss': '{2.0 + 0.1 * abs(epoch - 3):.4g}', 'epoch': '{epoch}'}}\n"
    for epoch in range(1, 9)
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A history of its own, and cards found without an index."""

    def find(_: str, finding_ids: Any) -> list[CardHit]:
        return [CardHit(name, 1.5, "", "finding") for name in finding_ids]

    monkeypatch.setattr(ask, "real_parts", lambda _: Parts(card_by_id, load_knobs(), find, None))
    monkeypatch.setenv("FTCHAT_HISTORY", str(tmp_path / "history.db"))
    (tmp_path / "train.log").write_text(LOG)
    return tmp_path / "history.db"


def parse(*arguments: str) -> Namespace:
    parser = ArgumentParser()
    ask_command.add_parser(parser.add_subparsers(dest="command"))
    return parser.parse_args(["ask", *arguments])


def answer(place: Path, question: str, *flags: str, log: bool = True) -> int:
    given = ["--log", str(place.with_name("train.log"))] if log else []
    return ask_command.run(parse(question, *given, "--no-llm", *flags))


def kept(place: Path) -> list[list[tuple[str, str]]]:
    """Question and status of every turn of every conversation, the oldest conversation first."""
    history = History(place)
    try:
        found = [history.load_turns(one.id) for one in reversed(history.sessions())]
    finally:
        history.close()
    return [[(turn.question, turn.status) for turn in turns] for turns in found]


def test_a_question_and_its_answer_are_kept(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert answer(place, "why?") == 0
    shown = capsys.readouterr()
    history = History(place)
    session = history.sessions()[0]
    turn = history.load_turns(session.id)[0]
    assert (session.title, turn.status, turn.findings) == ("why? (overfitting)", "finished", ("overfitting",))
    assert turn.text == shown.out.strip()
    assert shown.err == ""


def test_a_conversation_goes_on_with_what_it_knows(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answer(place, "will it fit?", "--model", "llama 3.1 8b", "--gpu", "RTX 4090", "--json")
    first = json.loads(capsys.readouterr().out)
    assert answer(place, "and with rank 64?", "-c", "--json", log=False) == 0
    second = json.loads(capsys.readouterr().out)
    assert second["session"] == first["session"]
    assert any(tool["arguments"].get("rank") == 64 for tool in second["tools"])
    assert [one["id"] for one in second["findings"]] == ["overfitting"]
    assert kept(place) == [[("will it fit?", "finished"), ("and with rank 64?", "finished")]]


def test_a_conversation_is_named_by_the_beginning_of_its_id(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for question in ("first?", "second?"):
        answer(place, question)
    first = History(place).sessions()[1].id
    answer(place, "third?", "--session", first)
    assert [[question for question, _ in turns] for turns in kept(place)] == [["second?"], ["first?", "third?"]]
    with pytest.raises(BadInput, match="no conversation 'zz'; nearest"):
        answer(place, "fourth?", "--session", "zz")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("how", ["--no-save", "none"])
def test_what_is_not_to_be_kept_leaves_no_file(place: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    if how == "none":
        monkeypatch.setenv("FTCHAT_HISTORY", "none")
    assert answer(place, "why?", *(["--no-save"] if how == "--no-save" else [])) == 0
    assert not place.exists()


def test_a_batch_keeps_nothing_and_goes_on_with_nothing(place: Path, tmp_path: Path) -> None:
    batch = tmp_path / "batch.jsonl"
    batch.write_text(json.dumps({"question": "why?", "log": str(tmp_path / "train.log")}) + "\n")
    assert ask_command.run(parse("--batch", str(batch), "--no-llm")) == 0
    assert not place.exists()
    with pytest.raises(BadInput, match="each question by itself"):
        ask_command.run(parse("--batch", str(batch), "-c"))


def test_the_first_question_with_c_begins_a_conversation_and_says_so(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(place, "why?", "-c") == 0
    assert "no conversation yet" in capsys.readouterr().err
    assert kept(place) == [[("why?", "finished")]]


@pytest.mark.parametrize("flags", [(), ("-c",), ("--json",)])
def test_a_history_that_cannot_be_opened_costs_one_line_and_nothing_else(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    assert answer(place, "why?", "--no-save", *(flag for flag in flags if flag == "--json")) == 0
    whole = capsys.readouterr().out
    monkeypatch.setenv("FTCHAT_HISTORY", "/dev/null/history.db")
    assert answer(place, "why?", *flags) == 0
    shown = capsys.readouterr()
    assert shown.out == whole
    assert {"/dev/null/history.db" in line for line in shown.err.splitlines()} == {True}


def test_a_damaged_history_is_set_aside_and_the_answer_is_kept_in_a_new_one(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place.write_bytes(b"no database" * 1000)
    assert answer(place, "why?") == 0
    assert ".damaged-" in capsys.readouterr().err
    assert kept(place) == [[("why?", "finished")]]


def test_a_question_that_nothing_answers_is_kept_as_failed(place: Path) -> None:
    place.with_name("train.log").write_bytes(b"")
    assert answer(place, "what?") == 2
    assert kept(place) == [[("what?", "failed")]]


def test_an_interrupted_answer_is_kept_with_what_was_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: str, __: Any) -> list[CardHit]:
        raise KeyboardInterrupt

    monkeypatch.setattr(ask, "real_parts", lambda _: Parts(card_by_id, load_knobs(), interrupt, None))
    with pytest.raises(KeyboardInterrupt):
        answer(place, "why?")
    assert kept(place) == [[("why?", "stopped")]]
    assert "WHAT IS WRONG" in History(place).load_turns(History(place).sessions()[0].id)[0].text


def test_a_search_that_fails_is_an_answer_all_the_same(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str, __: Any) -> list[CardHit]:
        raise NotAvailable("/cache: cannot be written")

    monkeypatch.setattr(ask, "real_parts", lambda _: Parts(card_by_id, load_knobs(), fail, None))
    assert answer(place, "why?") == 0
    assert kept(place) == [[("why?", "finished")]]


def test_a_secret_in_question_or_log_reaches_no_file(place: Path) -> None:
    log = place.with_name("train.log")
    log.write_text(f"login with {SECRET}\n" + LOG.replace("'epoch': '8'", f"'epoch': '8', 'note': '{SECRET}'"))
    answer(place, f"is {SECRET} the reason?")
    files = [path for path in place.parent.iterdir() if path != log]
    assert files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def test_a_path_under_the_home_folder_can_be_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    written = hide_home(conversation_to_json(Conversation(model="/home/ann/models/base", notes=("see /home/ann",))))
    assert "/home/ann/models" not in written
    loaded = json.loads(show_home(written))["conversation"]
    assert loaded["model"] == "/home/ann/models/base"
    assert loaded["notes"] == ["see /home/ann"]


def test_an_empty_pipe_is_no_log_for_a_follow_up(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(place, "why?")
    parser = ArgumentParser()
    ask_command.add_oneshot(parser, "ask")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b""))))
    assert ask_command.run_oneshot(parser.parse_args(["-c", "and why?", "--no-llm"])) == 0
    assert kept(place) == [[("why?", "finished"), ("and why?", "finished")]]


def test_a_turn_is_dumped_where_it_is_asked_for(place: Path, tmp_path: Path) -> None:
    for _ in range(2):
        answer(place, "why?", "--no-save", "--dump-turn", str(tmp_path / "turns.jsonl"))
    lines = (tmp_path / "turns.jsonl").read_text().splitlines()
    assert [json.loads(line)["question"] for line in lines] == ["why?", "why?"]


def test_the_place_is_the_setting(place: Path) -> None:
    assert load_settings({}).history == str(place)
    assert assistant.ask_history.find_past(parse("why?"), str(place)).session_id is None


def test_commands_that_keep_nothing_do_not_import_the_database(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text(LOG)
    check = (
        "import sys, assistant.cli, assistant.ask, assistant.history_recorder\n"
        f"assistant.cli.main(['check', {str(tmp_path / 'train.log')!r}])\n"
        "print('sqlalchemy' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.splitlines()[-1] == "False"
