"""The commands: from parsed arguments to output and exit code."""

import argparse
import sys

from tools.errors import BadInput

DEFAULT_QUESTION = "What is wrong with this run?"


def run_oneshot(options: argparse.Namespace) -> int:
    """``cat train.log | ftchat "QUESTION"``: one answer about what is piped in."""
    from assistant.ask import answer_once

    if sys.stdin is None or sys.stdin.isatty():
        if not options.question:
            raise BadInput('no log and no question; try: cat train.log | ftchat "why is my loss flat?"')
        return answer_once(options, options.question, [])
    return answer_once(options, options.question or DEFAULT_QUESTION, ["-"])


def run_ask(options: argparse.Namespace) -> int:
    """``ftchat ask``: one question, or a batch of them."""
    from assistant.ask import answer_batch, answer_once
    from assistant.json_lines import read_batch

    if options.batch:
        return answer_batch(options, read_batch(options.batch))
    if not options.question:
        raise BadInput('a question is missing; try: ftchat ask "why is my loss flat?" --log train.log')
    return answer_once(options, options.question, options.log)


def run_check(options: argparse.Namespace) -> int:
    """``ftchat check``: diagnose each input."""
    from assistant.check import check_files

    return check_files(options)


def run_cards(options: argparse.Namespace) -> int:
    """``ftchat cards``: list, show, search, add, check, build."""
    from assistant.card_commands import ACTIONS
    from assistant.settings import load_settings

    return ACTIONS[options.action](options, load_settings({"cache": options.cache, "cards": options.cards}))
