import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.compose import Section
from assistant.render import make_visible, render_sections, render_words, terminal_width, wants_colour


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@given(st.text())
def test_no_control_or_direction_character_reaches_the_terminal(text: str) -> None:
    shown = render_sections([Section("HEAD", ((text, (text, f"L1  {text}")),))], 80)
    bad = [one for one in shown if unicodedata.category(one) == "Cc" and one != "\n"]
    assert bad == []
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\ufeff")


def test_escape_codes_are_shown_and_not_obeyed() -> None:
    assert make_visible("\x1b[2Jgone\x07") == "\\x1b[2Jgone\\x07"


@pytest.mark.parametrize("width", [60, 80, 110])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = "word " * 60 + "x" * 300
    shown = render_sections([Section("HEAD", ((long, (long, "L12  " + "宽" * 200)),))], width)
    columns = [sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in line) for line in shown.split("\n")]
    assert max(columns) <= width


def test_headings_are_bold_only_where_colour_is_allowed() -> None:
    section = Section("HEAD", (("text", ()),))
    assert "\x1b" not in render_sections([section], 80)
    assert render_sections([section], 80, colour=True).startswith("\x1b[1mHEAD\x1b[0m")


def test_words_stand_under_their_heading() -> None:
    assert render_words("SAID", ["One [E1].", "Two [E2]."], 80) == "SAID\n  One [E1].\n  Two [E2]."


def test_colour_needs_a_terminal_and_no_word_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert not wants_colour(io.StringIO())
    assert wants_colour(FakeTerminal())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(FakeTerminal())


def test_the_width_is_the_terminals_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    assert terminal_width(FakeTerminal()) == 110
    monkeypatch.setenv("COLUMNS", "20")
    assert terminal_width(FakeTerminal()) == 60
    assert terminal_width(io.StringIO()) == 100
