"""The store of conversations: what is kept, in which order, and what is gone once it is deleted."""

import json
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from assistant.history import History
from assistant.history_faults import HistoryFault
from tools.errors import BadInput

SECRET = "hf_" + "abcdefghij" * 3


def answer(text: str, *findings: str) -> dict[str, Any]:
    return {"answer": text, "findings": [{"id": name} for name in findings], "model": "scripted", "mode": "compose"}


def ask(history: History, session_id: str, question: str, text: str = "", *findings: str, left: str = "") -> int:
    turn_id = history.begin_turn(session_id, question)
    history.finish_turn(turn_id, answer(text, *findings), left, 1.5)
    return turn_id


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "history.db"


@pytest.fixture
def history(place: Path) -> Iterator[History]:
    opened = History(place)
    yield opened
    opened.close()


def test_a_turn_is_kept_as_it_was_answered(history: History) -> None:
    session_id = history.start_session("cli")
    ask(history, session_id, "why?", "The model overfits.", "overfitting")
    turn = history.load_turns(session_id)[0]
    assert (turn.number, turn.status, turn.question, turn.text) == (1, "finished", "why?", "The model overfits.")
    assert (turn.findings, turn.model, turn.mode, turn.seconds) == (("overfitting",), "scripted", "compose", 1.5)
    assert turn.answer == answer("The model overfits.", "overfitting")
    assert turn.ended is not None
    assert turn.begun <= turn.ended


def test_a_question_is_kept_before_its_answer(history: History, place: Path) -> None:
    history.begin_turn(history.start_session("cli"), "why?")
    other = History(place)
    latest = other.latest_session()
    assert latest is not None
    assert [(turn.question, turn.status) for turn in other.load_turns(latest.id)] == [("why?", "begun")]
    other.close()


def test_turns_are_numbered_and_only_the_last_keeps_what_the_next_needs(history: History, place: Path) -> None:
    session_id = history.start_session("cli")
    for number in (1, 2, 3):
        ask(history, session_id, f"question {number}", left=json.dumps({"turn": number}))
    history.stop_turn(history.begin_turn(session_id, "question 4"), "stopped", "half an")
    turns = history.load_turns(session_id)
    assert [turn.number for turn in turns] == [1, 2, 3, 4]
    assert (turns[3].status, turns[3].text) == ("stopped", "half an")
    assert json.loads(history.load_conversation(session_id)) == {"turn": 3}
    history.close()
    assert b'{"turn": 1}' not in place.read_bytes()


def test_the_latest_conversation_is_the_one_last_spoken_in_and_never_a_services_thread(history: History) -> None:
    first, second = history.start_session("cli"), history.start_session("tui")
    for session_id in (second, first):
        ask(history, session_id, "why?")
    ask(history, history.start_session("slack", thread="C1/17"), "why?")
    latest = history.latest_session()
    assert latest is not None
    assert latest.id == first
    assert [one.front_end for one in history.sessions()] == ["slack", "cli", "tui"]
    assert len(history.sessions(2)) == 2


def test_a_thread_is_one_conversation(history: History) -> None:
    first = history.start_session("slack", thread="C1/17")
    assert history.start_session("slack", thread="C1/17") == first
    assert history.start_session("slack", thread="C1/18") != first
    assert history.start_session("mcp", thread="C1/17") != first


def test_a_title_is_the_first_question_and_its_first_finding(history: History) -> None:
    session_id = history.start_session("cli")
    ask(history, session_id, "why does \n it climb?", "", "overfitting", "loss_spike")
    ask(history, session_id, "and now?", "", "loss_nan")
    session = history.load_session(session_id)
    assert session.title == "why does it climb? (overfitting)"
    assert session.findings == ("overfitting", "loss_spike", "loss_nan")


def test_a_title_is_bounded_and_one_that_a_person_gave_stays(history: History) -> None:
    session_id = history.start_session("cli")
    turn_id = history.begin_turn(session_id, "why " * 500)
    assert len(history.load_session(session_id).title) < 80
    history.rename(session_id, "rank 64")
    history.finish_turn(turn_id, answer("", "overfitting"))
    assert history.load_session(session_id).title == "rank 64"


def test_secrets_are_gone_from_every_text_before_it_is_written(history: History, place: Path) -> None:
    session_id = history.start_session("cli", title=f"with {SECRET}")
    turn_id = history.begin_turn(session_id, f"push with {SECRET}")
    nested = {**answer(f"said {SECRET}"), "tools": [{"arguments": {SECRET: [SECRET]}}]}
    history.finish_turn(turn_id, nested, json.dumps({"log": f"line {SECRET}"}))
    history.stop_turn(history.begin_turn(session_id, "again"), "failed", f"for {SECRET}")
    history.rename(session_id, f"named {SECRET}")
    history.close()
    assert not [path for path in place.parent.iterdir() if SECRET.encode() in path.read_bytes()]
    assert "HUB_TOKEN" in history.load_turns(session_id)[0].question


def test_what_a_key_announces_as_secret_is_gone_too(history: History, place: Path) -> None:
    session_id = history.start_session("cli")
    told = {**answer("said"), "settings": {"api_key": "c0ffee0123456789"}}
    history.finish_turn(history.begin_turn(session_id, "why?"), told, json.dumps({"password": "c0ffee0123456789"}))
    history.close()
    assert not [path for path in place.parent.iterdir() if b"c0ffee0123456789" in path.read_bytes()]


@pytest.mark.parametrize("text", ["\udc80 half", "a\0b", "\x1b[31m", "x" * 300_000, "日本語 🎉", ""])
def test_any_text_can_be_kept(history: History, text: str) -> None:
    session_id = history.start_session("cli", title=text)
    turn_id = history.begin_turn(session_id, text)
    history.finish_turn(turn_id, {**answer(text), "extra": text, "number": float("nan")}, json.dumps({"text": text}))
    assert history.load_turns(session_id)[0].status == "finished"
    assert len(history.load_turns(session_id)[0].text) < 210_000


def test_what_is_deleted_stands_nowhere_in_the_file(history: History, place: Path) -> None:
    kept, gone = history.start_session("cli"), history.start_session("cli")
    ask(history, kept, "pineapple", "the loss of the first", left='{"word": "pineapple"}')
    for number in range(20):
        ask(history, gone, f"zanzibar {number}", "zanzibar climbs " * 50, left='{"word": "zanzibar"}')
    assert history.delete([gone]) == 1
    assert history.search("zanzibar") == []
    assert [one.id for one in history.sessions()] == [kept]
    assert not [path for path in place.parent.iterdir() if b"zanzibar" in path.read_bytes()]
    assert any(b"pineapple" in path.read_bytes() for path in place.parent.iterdir())


def test_an_answer_to_a_conversation_deleted_meanwhile_is_let_go(history: History) -> None:
    session_id = history.start_session("cli")
    turn_id = history.begin_turn(session_id, "why?")
    history.delete([session_id])
    history.finish_turn(turn_id, answer("because"))
    assert history.sessions() == []
    with pytest.raises(HistoryFault, match="deleted meanwhile"):
        history.begin_turn(session_id, "and now?")


def test_ids_are_short_sorted_by_time_and_found_by_their_beginning(history: History) -> None:
    session_id = history.start_session("cli")
    assert len(session_id) == 11
    assert history.find_session(session_id[:9].upper()).id == session_id
    with pytest.raises(BadInput, match=f"no conversation 'zzz'; nearest: {session_id}"):
        history.find_session("zzz")


def test_a_beginning_of_several_ids_names_them(history: History) -> None:
    ids = [history.start_session("cli") for _ in range(3)]
    with pytest.raises(BadInput, match=r"is the beginning of 3 conversations: .*; give more of it"):
        history.find_session(ids[0][:2])
    with pytest.raises(BadInput, match="beginning of 3"):
        history.find_session("0")


def test_threads_share_one_history(history: History) -> None:
    session_id = history.start_session("tui")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: ask(history, session_id, f"question {number}"), range(40)))
    turns = history.load_turns(session_id)
    assert [turn.number for turn in turns] == list(range(1, 41))
    assert {turn.status for turn in turns} == {"finished"}


def test_file_and_folder_are_for_their_owner_alone(history: History, place: Path) -> None:
    history.start_session("cli")
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in place.parent.iterdir()} == {0o600}
