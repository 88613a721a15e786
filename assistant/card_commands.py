"""``ftchat cards``: list, show, search, add, check, build."""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from assistant.agent import Parts
from assistant.card_view import card_to_json, show_card
from assistant.exits import Exit
from assistant.json_lines import print_json, read_batch
from assistant.parts import load_library, open_or_build, real_parts, report
from assistant.render import make_visible
from assistant.settings import NO_MODEL, Settings
from knowledge.card import CARDS_FOLDER
from knowledge.card_library import add_card, check_folder
from knowledge.retrieval import CardHit, is_in_scope
from tools.errors import BadInput, FtchatError

LIST_SCHEMA = "ftchat.cards.list/1"
SEARCH_SCHEMA = "ftchat.cards.search/1"
CHECK_SCHEMA = "ftchat.cards.check/1"


def list_cards(options: argparse.Namespace, settings: Settings) -> int:
    """Print every card's id and title."""
    for card in load_library(settings).values():
        if options.json:
            told = {"id": card.id, "title": card.title, "family": card.family, "source": card.origin}
            print_json({"schema": LIST_SCHEMA, **told})
        else:
            print(f"{card.id:28} {make_visible(card.title)}{_label(card.origin)}")
    return Exit.DONE


def show(options: argparse.Namespace, settings: Settings) -> int:
    """Print one card whole."""
    cards = load_library(settings)
    if options.text not in cards:
        raise BadInput(f"no card '{options.text or ''}'; 'ftchat cards list' names them all")
    if options.json:
        print_json(card_to_json(cards[options.text]))
    else:
        show_card(cards[options.text], sys.stdout)
    return Exit.DONE


def search(options: argparse.Namespace, settings: Settings) -> int:
    """Print the cards that words are about."""
    parts = real_parts(replace(settings, model=NO_MODEL))
    if options.batch:
        for item in read_batch(options.batch):
            print_json(_search_item(item, options.k, parts))
        return Exit.DONE
    if not options.text:
        raise BadInput('words to search for are missing; try: ftchat cards search "answers never stop"')
    hits = parts.find(options.text, [])
    if options.json:
        print_json(_hits_to_json(hits, options.k, parts))
        return Exit.DONE
    if not is_in_scope(hits):
        print("The cards do not cover this.")
        return Exit.DONE
    for hit in hits[: options.k]:
        label = _label(parts.load_card(hit.card_id).origin)
        print(f"{hit.score:.2f}  {hit.card_id:28} {make_visible(hit.passage)}{label}")
    return Exit.DONE


def add(options: argparse.Namespace, settings: Settings) -> int:
    """Copy a card of the team's into its folder, after checking it."""
    if not options.text:
        raise BadInput("the card's file is missing; try: ftchat cards add our_runbook.md")
    if not settings.cards:
        raise BadInput('no folder for your team\'s cards; set FTCHAT_CARDS, or cards = "FOLDER" in ftchat.toml')
    card = add_card(Path(options.text), Path(settings.cards), replace=options.replace)
    print(f"added {card.id} to {settings.cards}; it is searched from now on, beside ftchat's own")
    return Exit.DONE


def check(options: argparse.Namespace, settings: Settings) -> int:
    """Check a folder of cards: the one named, else the team's, else our own; one line a fault."""
    folder = Path(options.text or settings.cards or CARDS_FOLDER)
    reading = check_folder(folder)
    if options.json:
        told = {"folder": str(folder), "cards": list(reading.cards), "faults": list(reading.faults)}
        print_json({"schema": CHECK_SCHEMA, **told})
    else:
        for fault in reading.faults:
            print(make_visible(fault))
        print(f"{folder}: {len(reading.cards)} sound cards, {len(reading.faults)} faults")
    return Exit.NOT_JUDGED if reading.faults else Exit.DONE


def build(settings: Settings) -> int:
    """Build the card index where it is missing, old or damaged."""
    open_or_build(Path(settings.cache), load_library(settings), settings.chroma_url)
    report(f"the card index stands in {settings.cache}")
    return Exit.DONE


ACTIONS: dict[str, Callable[[argparse.Namespace, Settings], int]] = {
    "list": list_cards,
    "show": show,
    "search": search,
    "add": add,
    "check": check,
    "build": lambda _, settings: build(settings),
}


def _search_item(item: dict[str, object] | FtchatError, limit: int, parts: Parts) -> dict[str, object]:
    if isinstance(item, FtchatError):
        return {"schema": SEARCH_SCHEMA, "error": str(item)}
    passed = {"id": item["id"]} if "id" in item else {}
    question = item.get("question")
    if not isinstance(question, str) or not question.strip():
        return {"schema": SEARCH_SCHEMA, "error": "'question' must be text that is not empty", **passed}
    return {**_hits_to_json(parts.find(question, []), limit, parts), **passed}


def _hits_to_json(hits: Sequence[CardHit], limit: int, parts: Parts) -> dict[str, object]:
    return {
        "schema": SEARCH_SCHEMA,
        "hits": [
            {"id": hit.card_id, "score": hit.score, "source": parts.load_card(hit.card_id).origin}
            for hit in hits[:limit]
        ],
        "in_scope": is_in_scope(hits),
    }


def _label(origin: str) -> str:
    return " (your team's)" if origin == "team" else ""
