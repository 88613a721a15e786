"""``ftchat cards``: flags, and where they lead."""

import argparse

from assistant.options import add_library, add_output


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command and its flags."""
    cards = commands.add_parser("cards", help="list, show, search, add or check the pitfall cards")
    cards.add_argument("action", choices=("list", "show", "search", "add", "check", "build"))
    cards.add_argument(
        "text",
        nargs="?",
        metavar="TEXT",
        help="show: the card's id; search: the words; add: the card's file; check: a folder of cards",
    )
    cards.add_argument("-k", type=int, default=5, metavar="N", help="number of hits (5)")
    cards.add_argument("--batch", metavar="F", help="JSON Lines, one question an object (search)")
    cards.add_argument("--replace", action="store_true", help="overwrite a card of this id in your team's folder (add)")
    add_library(cards)
    add_output(cards)


def run(options: argparse.Namespace) -> int:
    """Do what the action asks."""
    from assistant.card_commands import ACTIONS
    from assistant.settings import load_settings

    return ACTIONS[options.action](options, load_settings({"cache": options.cache, "cards": options.cards}))
