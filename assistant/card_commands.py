"""``ftchat cards``: list, show, search, build."""

import argparse
import sys
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from assistant.exits import Exit
from assistant.json_lines import print_json, read_batch
from assistant.parts import open_or_build, real_parts, report
from assistant.render import terminal_width
from assistant.settings import NO_MODEL, Settings
from knowledge.card import Card, load_cards, load_knobs
from knowledge.retrieval import CardHit, is_in_scope
from tools.errors import BadInput, FtchatError

Find = Callable[[str, Sequence[str]], list[CardHit]]

SEARCH_SCHEMA = "ftchat.cards.search/1"


def list_cards(options: argparse.Namespace) -> int:
    """Print every card's id and title."""
    for card in load_cards().values():
        if options.json:
            print_json({"schema": "ftchat.cards.list/1", "id": card.id, "title": card.title, "family": card.family})
        else:
            print(f"{card.id:28} {card.title}")
    return Exit.DONE


def show(options: argparse.Namespace) -> int:
    """Print one card whole."""
    cards = load_cards()
    if options.text not in cards:
        raise BadInput(f"no card '{options.text or ''}'; 'ftchat cards list' names them all")
    print(_card_text(cards[options.text], terminal_width(sys.stdout)), end="")
    return Exit.DONE


def search(options: argparse.Namespace, settings: Settings) -> int:
    """Print the cards that words are about."""
    parts = real_parts(Settings(settings.cache, NO_MODEL))
    if options.batch:
        for item in read_batch(options.batch):
            print_json(_search_item(item, options.k, parts.find))
        return Exit.DONE
    if not options.text:
        raise BadInput('words to search for are missing; try: ftchat cards search "answers never stop"')
    hits = parts.find(options.text, [])
    if options.json:
        print_json(_hits_to_json(hits, options.k))
        return Exit.DONE
    if not is_in_scope(hits):
        print("The cards do not cover this.")
        return Exit.DONE
    for hit in hits[: options.k]:
        print(f"{hit.score:.2f}  {hit.card_id:28} {hit.passage}")
    return Exit.DONE


def build(settings: Settings) -> int:
    """Build the card index where it is missing, old or damaged."""
    open_or_build(Path(settings.cache))
    report(f"the card index stands in {settings.cache}")
    return Exit.DONE


def _search_item(
    item: dict[str, object] | FtchatError, limit: int, find: Callable[[str, Sequence[str]], list[CardHit]]
) -> dict[str, object]:
    if isinstance(item, FtchatError):
        return {"schema": SEARCH_SCHEMA, "error": str(item)}
    passed = {"id": item["id"]} if "id" in item else {}
    question = item.get("question")
    if not isinstance(question, str) or not question.strip():
        return {"schema": SEARCH_SCHEMA, "error": "'question' must be text that is not empty", **passed}
    return {**_hits_to_json(find(question, []), limit), **passed}


def _hits_to_json(hits: list[CardHit], limit: int) -> dict[str, object]:
    return {
        "schema": SEARCH_SCHEMA,
        "hits": [{"id": hit.card_id, "score": hit.score} for hit in hits[:limit]],
        "in_scope": is_in_scope(hits),
    }


def _card_text(card: Card, width: int) -> str:
    knobs = load_knobs()
    parts = [f"{card.title}\n[{card.id}]"]
    for heading, text in card.sections.items():
        parts.append(f"{heading.upper()}\n" + textwrap.fill(" ".join(text.split()), width))
    moves = [
        f"{number}. {move.direction} {knobs[move.knob].label}: {move.amount} (cost: {move.cost})"
        for number, move in enumerate(card.moves, start=1)
    ]
    parts.append("MOVES, IN ORDER\n" + "\n".join(textwrap.fill(move, width, subsequent_indent="   ") for move in moves))
    parts.append("SOURCES\n" + "\n".join(textwrap.fill(text, width, subsequent_indent="  ") for text in card.sources))
    parts.append("See also: " + ", ".join(card.related))
    return "\n\n".join(parts) + "\n"
