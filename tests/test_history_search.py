"""Words are found where they stand; nothing that a person types is syntax."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.history import History
from assistant.history_search import BEGIN_HIT, END_HIT


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path / "history.db")
    texts = {
        "why is the loss flat?": "The learning rate is 0. grad_norm stays at 0.",
        "gibberish after training": "The chat template differs: café, naïve.",
        "100% CPU": "a path like C:\\logs",
    }
    for question, text in texts.items():
        turn_id = opened.begin_turn(opened.start_session("cli"), question)
        opened.finish_turn(turn_id, {"answer": text, "findings": []})
    yield opened
    opened.close()


def found(history: History, words: str) -> list[str]:
    return [hit.title for hit in history.search(words)]


@pytest.mark.parametrize(
    ("words", "title"),
    [
        ("flat loss", "why is the loss flat?"),
        ("FLAT", "why is the loss flat?"),
        ("learn", "why is the loss flat?"),
        ("grad_norm", "why is the loss flat?"),
        ("cafe", "gibberish after training"),
        ("template gibberish", "gibberish after training"),
        ("100%", "100% CPU"),
    ],
)
def test_words_and_their_beginnings_are_found_in_questions_and_answers(
    history: History, words: str, title: str
) -> None:
    assert found(history, words) == [title]


@pytest.mark.parametrize("words", ["flat template", "nothing", "question:flat", "losses flat"])
def test_every_word_must_be_there(history: History, words: str) -> None:
    assert found(history, words) == []


@pytest.mark.parametrize(
    "words",
    [
        '"',
        "'",
        "*",
        "(",
        ")",
        "NEAR(",
        "AND",
        "NOT flat",
        "a OR",
        "^flat",
        "-flat",
        "{flat",
        "flat:",
        "\0",
        "\udc80",
        "%",
    ],
)
def test_nothing_is_syntax(history: History, words: str) -> None:
    assert len(found(history, words)) <= 1


def test_the_place_is_marked(history: History) -> None:
    snippet = history.search("rate")[0].snippet
    assert f"{BEGIN_HIT}rate{END_HIT} is 0" in snippet


def test_a_title_given_by_a_person_is_found(history: History) -> None:
    session = history.sessions()[0]
    history.rename(session.id, "the run with 50% of the data")
    hit = history.search("50% data")[0]
    assert (hit.session_id, hit.number) == (session.id, None)


def test_a_changed_answer_is_found_by_its_new_words_only(history: History) -> None:
    turn_id = history.begin_turn(history.start_session("cli"), "what now?")
    history.stop_turn(turn_id, "stopped", "halfway")
    history.finish_turn(turn_id, {"answer": "complete", "findings": []})
    assert found(history, "halfway") == []
    assert found(history, "complete") == ["what now?"]
