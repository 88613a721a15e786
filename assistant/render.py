"""Text for people: wrapping, headings, and everything that a log could smuggle in made visible."""

import os
import re
import shutil
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import TextIO

from assistant.compose import Section

MIN_WIDTH = 60
MAX_WIDTH = 110
BOLD, RESET = "\x1b[1m", "\x1b[0m"

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def make_visible(text: str) -> str:
    r"""Write control, format and direction characters as escapes, so that no terminal obeys them.

    Example:
        >>> make_visible("\x1b[31mred")
        '\\x1b[31mred'
    """
    return _UNSAFE.sub(lambda match: ascii(match[0])[1:-1], text)


def terminal_width(stream: TextIO) -> int:
    """The width to wrap at: the terminal's within bounds, 100 where there is none."""
    if not stream.isatty():
        return 100
    return max(MIN_WIDTH, min(MAX_WIDTH, shutil.get_terminal_size().columns))


def wants_colour(stream: TextIO) -> bool:
    """Whether escape codes may be written: on a terminal, unless NO_COLOR is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def render_sections(sections: Sequence[Section], width: int, *, colour: bool = False) -> str:
    """Render a composed answer as plain text, bold headings where colour is allowed."""
    blocks = []
    for section in sections:
        heading = f"{BOLD}{section.heading}{RESET}" if colour else section.heading
        lines = [heading]
        for head, under in section.entries:
            lines += _wrap(head, width, "  ", "     " if head[:1].isdigit() else "    ")
            for text in under:
                lines += [_cut(text, width)] if _is_quoted(text) else _wrap(text, width, "    ", "    ")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def render_words(heading: str, sentences: Sequence[str], width: int, *, colour: bool = False) -> str:
    """Render the verified sentences of a model under their heading."""
    head = f"{BOLD}{heading}{RESET}" if colour else heading
    return "\n".join([head, *(line for sentence in sentences for line in _wrap(sentence, width, "  ", "  "))])


def _is_quoted(text: str) -> bool:
    return bool(re.match(r"L\d+  ", text))


def _wrap(text: str, width: int, first: str, rest: str) -> list[str]:
    clean = make_visible(text)
    return textwrap.wrap(
        clean, width, initial_indent=first, subsequent_indent=rest, break_long_words=True, break_on_hyphens=False
    ) or [first]


def _cut(text: str, width: int) -> str:
    """A quoted line, cut at the width with a mark; columns are counted, not characters."""
    clean = "    " + make_visible(text)
    columns = 0
    for index, character in enumerate(clean):
        columns += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if columns > width:
            return clean[: index - 1] + "…"
    return clean
