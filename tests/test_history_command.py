"""``ftchat history`` as people and programs meet it."""

import io
import json
import re
import sqlite3
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from assistant import history_command
from assistant.history import History
from assistant.history_export import tell_as_markdown
from assistant.history_view import tell_age
from tools.errors import BadInput

HOSTILE = (
    "<script>x</script>",
    "![x](http://example.org/x.png)",
    "```\n# heading\n[a](http://example.org)\n```",
    "~~~~~~\nhttp://example.org",
    "\x1b]8;;http://example.org\x07click\x1b]8;;\x07",
    "a\u2028# b",
    "`" * 40 + "\n[a](http://example.org)",
)

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command; gives what it wrote on stdout."""
    monkeypatch.setenv("FTCHAT_HISTORY", str(tmp_path / "history.db"))

    def do(*arguments: str) -> str:
        parser = ArgumentParser()
        history_command.add_parser(parser.add_subparsers(dest="command"))
        assert history_command.run(parser.parse_args(["history", *arguments])) == 0
        return capsys.readouterr().out

    return do


@pytest.fixture
def ids(tmp_path: Path, run: Run) -> list[str]:
    """Two conversations of two turns each, the oldest first."""
    history = History(tmp_path / "history.db")
    made = []
    for question, finding in (("why is it flat?", "lr_too_low"), ("why nan?", "loss_nan")):
        session_id = history.start_session("cli")
        answer = {"answer": f"WHAT IS WRONG\n  It is {finding}.", "findings": [{"id": finding}], "model": None}
        history.finish_turn(history.begin_turn(session_id, question), answer, "", 1.0)
        history.stop_turn(history.begin_turn(session_id, "and now?"), "stopped", "half an answer")
        made.append(session_id)
    history.close()
    return made


def age(tmp_path: Path, session_id: str, seconds: float) -> None:
    with closing(sqlite3.connect(tmp_path / "history.db")) as connection, connection:
        connection.execute("UPDATE sessions SET updated = updated - ? WHERE id = ?", (seconds, session_id))


def test_list_shows_id_age_turns_and_title_newest_first(run: Run, ids: list[str], tmp_path: Path) -> None:
    age(tmp_path, ids[0], 3 * 86_400)
    lines = run("list").splitlines()
    assert lines[0].split() == ["ID", "AGE", "TURNS", "TITLE"]
    assert lines[1] == f"{ids[1]}     now      2  why nan? (loss_nan)"
    assert lines[2] == f"{ids[0]}     3 d      2  why is it flat? (lr_too_low)"
    assert len(run("list", "-n", "1").splitlines()) == 2


def test_list_speaks_json(run: Run, ids: list[str]) -> None:
    loaded = json.loads(run("list", "--json"))
    assert loaded["schema"] == "ftchat.history/1"
    assert [one["id"] for one in loaded["sessions"]] == ids[::-1]
    assert loaded["sessions"][0]["findings"] == ["loss_nan"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", loaded["sessions"][0]["created"])


def test_show_reads_as_a_conversation_the_last_one_where_none_is_named(run: Run, ids: list[str]) -> None:
    text = run("show")
    order = [text.index(part) for part in ("1> why nan?", "It is loss_nan.", "2> and now?", "half an", "(stopped)")]
    assert order == sorted(order)
    assert "1> why is it flat?" in run("show", ids[0])
    assert "1> why is it flat?" in run("show", ids[0][:-1])


def test_show_speaks_json(run: Run, ids: list[str]) -> None:
    loaded = json.loads(run("show", ids[0], "--json"))
    assert (loaded["schema"], loaded["session"]["id"]) == ("ftchat.history/1", ids[0])
    assert [turn["status"] for turn in loaded["turns"]] == ["finished", "stopped"]
    assert loaded["turns"][0]["answer"]["findings"] == [{"id": "lr_too_low"}]


def test_search_names_conversation_turn_and_place(run: Run, ids: list[str]) -> None:
    assert run("search", "half", "answer").count("  turn 2  ") == 2
    hit = json.loads(run("search", "loss_nan", "--json"))["hits"][0]
    assert (hit["id"], hit["turn"]) == (ids[1], 1)
    assert "It is loss_nan." in hit["snippet"]
    assert "no conversation holds" in run("search", "zanzibar")


def test_flags_may_stand_before_the_words(run: Run, ids: list[str]) -> None:
    assert json.loads(run("search", "--json", "-n", "1", "half", "answer"))["hits"][0]["turn"] == 2
    assert "1> why nan?" in run("show", ids[1])
    assert json.loads(run("delete", "--yes", "--json", *ids))["deleted"] == ids


def test_export_writes_a_new_file_and_never_over_one(run: Run, ids: list[str], tmp_path: Path) -> None:
    target = tmp_path / "run.md"
    run("export", ids[0], "--output", str(target))
    assert target.read_text().startswith(f"# Conversation {ids[0]}\n")
    with pytest.raises(BadInput, match="is there already"):
        run("export", ids[0], "--output", str(target))
    assert json.loads(run("export", ids[0], "--format", "json"))["session"]["id"] == ids[0]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_an_export_is_markup_a_link_or_an_escape_code(run: Run, tmp_path: Path, text: str) -> None:
    history = History(tmp_path / "history.db")
    session_id = history.start_session("cli", text)
    history.finish_turn(history.begin_turn(session_id, text), {"answer": text, "findings": [], "model": text}, "")
    markdown = tell_as_markdown(history.load_session(session_id), history.load_turns(session_id))
    tokens = MarkdownIt("commonmark", {"html": True}).parse(markdown)
    inner = [child.type for token in tokens for child in token.children or ()]
    assert set(inner) <= {"text", "code_inline", "softbreak"}
    assert [token.type for token in tokens if token.type in ("html_block", "heading_open")] == ["heading_open"] * 2
    assert [token.type for token in tokens if token.type == "fence"] == ["fence"] * 2
    assert "\x1b" not in markdown
    for shown in (run("show"), run("list"), run("search", "example", "org")):
        assert "\x1b" not in shown


def test_delete_asks_for_a_clear_yes_where_nobody_can_be_asked(
    run: Run, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(BadInput, match=r"delete 1 conversation\(s\) with 2 turn\(s\)\? Add --yes"):
        run("delete", ids[0])
    assert len(json.loads(run("list", "--json"))["sessions"]) == 2


@pytest.mark.parametrize(("said", "num_left"), [("y\n", 1), ("yes\n", 1), ("\n", 2), ("n\n", 2), ("", 2)])
def test_delete_on_a_terminal_asks_back(
    run: Run, ids: list[str], monkeypatch: pytest.MonkeyPatch, said: str, num_left: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(said))
    run("delete", ids[0])
    assert len(json.loads(run("list", "--json"))["sessions"]) == num_left


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (("{0}",), [1]),
        (("{0}", "{1}"), []),
        (("--all",), []),
        (("--older-than", "2d"), [1]),
        (("--older-than", "8w"), [0, 1]),
    ],
)
def test_delete_takes_what_was_meant(
    run: Run, ids: list[str], tmp_path: Path, arguments: tuple[str, ...], left: list[int]
) -> None:
    age(tmp_path, ids[0], 3 * 86_400)
    gone = json.loads(run("delete", *(one.format(*ids) for one in arguments), "--yes", "--json"))["deleted"]
    assert sorted(gone) == sorted(one for number, one in enumerate(ids) if number not in left)
    rest = json.loads(run("list", "--json"))["sessions"]
    assert {one["id"] for one in rest} == {ids[number] for number in left}


def test_rename_gives_another_title(run: Run, ids: list[str]) -> None:
    assert run("rename", ids[0], "the", "run", "with", "rank", "64") == f"{ids[0]} is called: the run with rank 64\n"
    assert "the run with rank 64" in run("list")


def test_an_empty_history_says_so(run: Run) -> None:
    assert run("list") == "no conversation is kept yet\n"
    assert run("delete", "--all", "--yes") == "0 conversation(s) deleted\n"
    with pytest.raises(BadInput, match="ask something first"):
        run("show")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "zzz"), "no conversation 'zzz'; nearest"),
        (("show", "0"), "is the beginning of 2 conversations"),
        (("show", "0", "1"), "one id at a time"),
        (("search",), "words to search for are missing"),
        (("search", " "), "words to search for are missing"),
        (("rename",), "an id and a title are needed"),
        (("delete",), "delete needs one of"),
        (("delete", "0", "--all"), "delete needs one of"),
        (("delete", "--older-than", "soon"), "must be a number with h, d or w"),
        (("export", "--output", "/dev/null/x.md"), "cannot be written"),
        (("list", "-n", "0"), "-n must be at least 1"),
    ],
)
def test_bad_usage_is_one_line_with_the_next_step(
    run: Run, ids: list[str], arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(BadInput, match=re.escape(said)) as caught:
        run(*arguments)
    assert "\n" not in str(caught.value)


def test_path_names_the_file_and_creates_nothing(run: Run, tmp_path: Path) -> None:
    assert run("path") == f"{tmp_path / 'history.db'}\n"
    assert json.loads(run("path", "--json")) == {
        "schema": "ftchat.history/1",
        "path": str(tmp_path / "history.db"),
    }
    assert not (tmp_path / "history.db").exists()


def test_a_person_who_keeps_nothing_is_told_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FTCHAT_HISTORY", "none")
    with pytest.raises(BadInput, match="nothing is kept"):
        run("list")


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "now"), (59, "now"), (60, "1 min"), (7200, "2 h"), (90_000.0, "1 d")]
)
def test_an_age_is_told_in_its_largest_unit(seconds: Any, told: str) -> None:
    assert tell_age(seconds) == told
