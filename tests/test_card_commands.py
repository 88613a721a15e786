"""``ftchat cards`` as a person and a program meet it."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from card_factory import write_team_card

from assistant import card_commands
from assistant.agent import Parts, Request, Turn
from assistant.answer import answer_to_json
from assistant.card_view import show_card, tell_as_markdown, tell_as_text
from assistant.cli import main
from assistant.events import TurnEnded
from assistant.parts import real_parts
from assistant.settings import NO_MODEL, Settings, load_settings
from knowledge.card import card_by_id, load_cards, load_knobs, read_card
from knowledge.card_file import SECTIONS
from knowledge.card_library import add_card, check_folder, load_all_cards
from knowledge.retrieval import CardHit
from tools.errors import BadInput


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def team(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "runbooks"
    write_team_card(folder)
    monkeypatch.setenv("FTCHAT_CARDS", str(folder))
    return folder


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert main(["cards", *arguments, "--json"]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def scripted_parts(folder: Path) -> Parts:
    """The real parts, save that every question finds the team's card."""
    real = real_parts(Settings("unused", NO_MODEL, cards=str(folder)))

    def find(*_: object) -> list[CardHit]:
        return [CardHit("queue_full", 0.9, "why does job 3 wait", "phrase"), CardHit("interrupted", 0.5, "x", "phrase")]

    return Parts(real.load_card, real.knobs, find, None)


def test_a_teams_cards_are_listed_behind_ours_and_labelled(team: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = run_json(capsys, "list")
    assert [one["id"] for one in listed] == [*load_cards(), "queue_full"]
    assert {one["source"] for one in listed[:-1]} == {"ftchat"}
    assert listed[-1]["source"] == "team"
    assert main(["cards", "list"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("(your team's)")


def test_a_search_says_whose_card_it_found(
    team: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(card_commands, "real_parts", lambda settings: scripted_parts(Path(settings.cards)))
    (found,) = run_json(capsys, "search", "job waits")
    assert [(hit["id"], hit["source"]) for hit in found["hits"]] == [("queue_full", "team"), ("interrupted", "ftchat")]
    assert main(["cards", "search", "job waits"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith("(your team's)")
    assert "team" not in second


def test_an_answer_names_a_teams_card_as_theirs(team: Path) -> None:
    (ended,) = [event for event in Turn(Request("why?"), scripted_parts(team)).events() if isinstance(event, TurnEnded)]
    told = answer_to_json(ended.answer)
    assert told["card_sources"] == {"queue_full": "team", "interrupted": "ftchat"}
    assert told["moves"][0]["card"] == "queue_full"
    assert "[queue_full, your team's card]" in told["answer"]


def test_the_flag_beats_the_environment_for_the_teams_folder(
    team: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_team_card(tmp_path / "other", "power_cut")
    assert run_json(capsys, "list", "--cards", str(tmp_path / "other"))[-1]["id"] == "power_cut"


def test_the_folder_can_stand_in_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ftchat.toml").write_text('cards = "~/runbooks"\n')
    assert load_settings({}, {"XDG_CONFIG_HOME": "none"}).cards == str(Path.home() / "runbooks")


def test_a_broken_team_card_is_told_of_and_stops_nobody(team: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_team_card(team, "no_source", sources="")
    assert main(["cards", "list"]) == 0
    told = capsys.readouterr()
    assert "queue_full" in told.out
    assert "no_source " not in told.out
    assert told.err == f"ftchat: team card left out: {team / 'no_source.md'}: front matter lacks 'sources'\n"


def test_a_folder_that_is_not_there_is_said_once(tmp_path: Path) -> None:
    said: list[str] = []
    assert list(load_all_cards(tmp_path / "nowhere", said.append)) == list(load_cards())
    assert len(said) == 1
    assert "no such folder" in said[0]


def test_adding_copies_a_checked_card_and_it_is_there_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FTCHAT_CARDS", str(tmp_path / "new" / "folder"))
    path = write_team_card(tmp_path / "draft")
    assert main(["cards", "add", str(path)]) == 0
    capsys.readouterr()
    assert [path.name for path in (tmp_path / "new" / "folder").iterdir()] == ["queue_full.md"]
    assert run_json(capsys, "list")[-1]["id"] == "queue_full"
    assert main(["cards", "add", str(path)]) == 2
    assert "--replace" in capsys.readouterr().err
    assert main(["cards", "add", str(path), "--replace"]) == 0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"card_id": "overfitting"}, "is one of ftchat's own cards"),
        ({"related": "[no_such_card]"}, "'no_such_card'"),
        ({"sources": "[]"}, "'sources' must be a list of at least one text"),
        ({"moves": "[{knob: epochs, amount: to 2, cost: none}]"}, "'moves' entry 1 lacks 'direction'"),
        ({"phrases": "[one, two]"}, "at least 15, got 2"),
    ],
)
def test_a_card_that_breaks_a_rule_is_not_added(
    changed: dict[str, str], said: str, tmp_path: Path, team: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_team_card(tmp_path / "draft", **changed)
    assert main(["cards", "add", str(path)]) == 2
    error = capsys.readouterr().err
    assert str(path) in error
    assert said in error
    assert [one.name for one in team.iterdir()] == ["queue_full.md"]


def test_adding_without_a_folder_says_where_to_set_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cards", "add", str(write_team_card(tmp_path))]) == 2
    assert "FTCHAT_CARDS" in capsys.readouterr().err


def test_check_gives_every_fault_a_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_team_card(tmp_path)
    write_team_card(tmp_path, "two_faults", title="", sources="")
    write_team_card(tmp_path, "overfitting")
    (tmp_path / "README.md").write_text("What these cards are.\n")
    assert main(["cards", "check", str(tmp_path)]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "overfitting.md: 'id' 'overfitting' is one of ftchat's own" in lines[0]
    assert "two_faults.md: front matter lacks 'sources'" in lines[1]
    assert "two_faults.md: front matter lacks 'title'" in lines[2]
    assert lines[3].endswith("1 sound cards, 3 faults")


def test_check_without_a_folder_checks_our_own(capsys: pytest.CaptureFixture[str]) -> None:
    (told,) = run_json(capsys, "check")
    assert told["cards"] == list(load_cards())
    assert told["faults"] == []


def test_team_cards_may_name_each_other_and_ours(tmp_path: Path) -> None:
    write_team_card(tmp_path, "first", related="[second, overfitting]")
    write_team_card(tmp_path, "second", related="[first]")
    assert check_folder(tmp_path).faults == ()


@pytest.mark.parametrize(
    ("front", "said"),
    [
        (
            "a: &a [x, x, x]\n"
            + "".join(
                f"{two}: &{two} [*{one}, *{one}, *{one}]\n"
                for one, two in zip("abcdefghijklmnopqrst", "bcdefghijklmnopqrstu", strict=True)
            ),
            "unknown",
        ),
        ("id: " + "[" * 5000, "not valid YAML"),
        ("id: 2024-99-99", "not valid YAML"),
        ("id: !!python/object/apply:os.system [echo]", "not valid YAML"),
        ("- a list", "must be a mapping"),
    ],
)
def test_hostile_front_matter_is_a_fault_and_costs_nothing(front: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "hostile.md").write_text(f"---\n{front}\n---\n\n## What you see\nx\n")
    reading = check_folder(tmp_path)
    assert reading.cards == {}
    assert said in " ".join(reading.faults)
    assert all(len(fault) < 2_000 for fault in reading.faults)


def test_what_is_no_card_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "large.md").write_bytes(b"x" * 300_000)
    (tmp_path / "bytes.md").write_bytes(b"\xff\xfe\x00")
    faults = check_folder(tmp_path).faults
    assert [Path(fault.split(": ")[0]).stem for fault in faults] == ["bytes", "folder", "large"]


def test_show_is_plain_where_it_is_piped(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cards", "show", "rl_collapse"]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert all(heading.upper() in text for heading in SECTIONS)
    assert max(map(len, text.splitlines())) <= 100


def test_show_lays_markdown_out_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    screen = Terminal()
    show_card(card_by_id("chat_template"), screen)
    text = screen.getvalue()
    assert "\x1b[" in text
    assert "## What" not in text
    assert "<|im_start|>" in text


def test_a_dumb_terminal_gets_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    screen = Terminal()
    show_card(card_by_id("chat_template"), screen)
    assert "\x1b" not in screen.getvalue()


def test_show_gives_programs_the_whole_card(team: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (told,) = run_json(capsys, "show", "queue_full")
    assert (told["schema"], told["source"]) == ("ftchat.cards.show/1", "team")
    assert told["moves"] == [
        {"knob": "time_limit", "direction": "lower", "amount": "to four hours", "cost": "more restarts"}
    ]
    assert list(told["sections"]) == list(SECTIONS)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_teams_text_is_shown_and_does_not_act(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_terminal: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    path = write_team_card(tmp_path, title='"[link](http://a.example) <b>bold</b> \\e[31mred"')
    hostile = (
        "[here](http://b.example) ![image](http://c.example/x.png) <script>x</script> \x1b]8;;http://d.example\x07"
    )
    path.write_text(path.read_text().replace("The *what you see* of it.", hostile), encoding="utf-8")
    card, faults = read_card(path, load_knobs(), "team")
    assert card is not None, faults
    screen = Terminal() if is_terminal else io.StringIO()
    show_card(card, screen)
    text = screen.getvalue()
    assert "\x1b]" not in text
    assert "\x07" not in text
    assert "\x1b[31m" not in text
    for shown in ("[here](http://b.example)", "![image](http://c.example/x.png)", "<script>"):
        assert shown in " ".join(text.split())


@pytest.mark.parametrize("card_id", sorted(load_cards()))
def test_every_card_reads_whole_in_both_forms(card_id: str) -> None:
    card = card_by_id(card_id)
    plain, marked = tell_as_text(card, 80), tell_as_markdown(card)
    for move in card.moves:
        assert " ".join(move.cost.split())[:20] in " ".join(plain.split())
    assert marked.count("\n## ") == len(SECTIONS) + 4


def test_an_unwritable_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadInput, match="cannot be written"):
        add_card(write_team_card(tmp_path / "draft"), tmp_path / "file" / "cards")
