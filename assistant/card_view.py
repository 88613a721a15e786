"""A card as a person reads it: Markdown laid out on a terminal, wrapped plain text elsewhere."""

import os
import re
import textwrap
from dataclasses import asdict
from typing import Any, TextIO

from assistant.render import make_visible, terminal_width
from knowledge.card import Card, load_knobs

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~])")
# What would lead out of the terminal: a card's text, a team's above all, is shown and never acts.
_ACTING_RULES = ("link", "image", "autolink")


def show_card(card: Card, stream: TextIO) -> None:
    """Write a card, laid out where the stream is a terminal that can do so."""
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        _write_markdown(tell_as_markdown(card), stream)
    else:
        stream.write(tell_as_text(card, terminal_width(stream)))


def card_to_json(card: Card) -> dict[str, Any]:
    """A card as an object for programs."""
    told = asdict(card)
    return {"schema": "ftchat.cards.show/1", "source": told.pop("origin"), **told}


def tell_as_text(card: Card, width: int) -> str:
    """A card as plain text, wrapped."""
    parts = [f"{card.title}\n[{card.id}]{_tell_origin(card)}"]
    parts += [f"{heading.upper()}\n{_wrap(' '.join(text.split()), width)}" for heading, text in card.sections.items()]
    for heading, items in _list_fields(card):
        lines = [_wrap(f"{number}. {item}", width, "   ") for number, item in enumerate(items, start=1)]
        parts.append(f"{heading.upper()}\n" + "\n".join(lines))
    parts.append(_wrap(f"Holds for: {card.versions}", width))
    parts.append("SOURCES\n" + "\n".join(_wrap(text, width, "  ") for text in card.sources))
    parts.append(_wrap(f"See also: {', '.join(card.related)}", width))
    return "\n".join(make_visible(line) for line in "\n\n".join(parts).split("\n")) + "\n"


def tell_as_markdown(card: Card) -> str:
    """A card as one Markdown document; only its sections are Markdown of the author's."""
    parts = [f"# {_escape(card.title)}", f"`{card.id}`{_tell_origin(card)}"]
    parts += [f"## {heading}\n\n{text}" for heading, text in card.sections.items()]
    for heading, items in _list_fields(card):
        lines = "\n".join(f"{number}. {_escape(item)}" for number, item in enumerate(items, start=1))
        parts.append(f"## {heading}\n\n{lines}")
    parts.append(f"Holds for: {_escape(card.versions)}")
    parts.append("## Sources\n\n" + "\n".join(f"- {_escape(text)}" for text in card.sources))
    parts.append(f"See also: {_escape(', '.join(card.related))}")
    return "\n\n".join(parts)


def _tell_origin(card: Card) -> str:
    return " (a card of your team)" if card.origin == "team" else ""


def _list_fields(card: Card) -> list[tuple[str, list[str]]]:
    """What is a list in the front matter: signs, suspects with their checks, moves with their costs."""
    knobs = load_knobs()
    suspects = [f"{one.cause}. Check: {one.check}" for one in card.suspects]
    moves = [f"{move.direction} {knobs[move.knob].label}: {move.amount} (cost: {move.cost})" for move in card.moves]
    return [("Signs", list(card.signs)), ("Suspects, in order", suspects), ("Moves, in order", moves)]


def _wrap(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(text, width, subsequent_indent=indent, break_on_hyphens=False)


def _escape(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def _write_markdown(text: str, stream: TextIO) -> None:
    """Lay Markdown out for a terminal; HTML, links and images in it are shown as they are written."""
    from markdown_it import MarkdownIt
    from rich.console import Console
    from rich.markdown import Markdown

    visible = "\n".join(make_visible(line) for line in text.replace("\t", "    ").split("\n"))
    document = Markdown("", hyperlinks=False)
    document.parsed = MarkdownIt("commonmark", {"html": False}).disable(list(_ACTING_RULES)).parse(visible)
    Console(file=stream, width=terminal_width(stream), highlight=False).print(document)
