"""``ftchat ask`` and the one-shot question: flags, and where they lead."""

import argparse
import sys

from assistant.options import EPILOG, add_history, add_library, add_llm, add_output
from tools.errors import BadInput

DEFAULT_QUESTION = "What is wrong with this run?"


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command and its flags."""
    raw = argparse.RawDescriptionHelpFormatter
    ask = commands.add_parser("ask", help="answer a question from logs and cards", epilog=EPILOG, formatter_class=raw)
    ask.add_argument("question", nargs="?", metavar="QUESTION")
    ask.add_argument("--log", action="append", default=[], metavar="F", help="a log or trainer_state.json; - is stdin")
    ask.add_argument("--config", metavar="F", help="the training config, of any syntax")
    ask.add_argument("--data", metavar="F", help="the training data: JSON Lines, JSON, CSV, Parquet")
    ask.add_argument("--model", metavar="ID", help='the model that is tuned: hub id, folder, GGUF or "llama 3.1 8b"')
    ask.add_argument("--gpu", metavar="NAME", help='the GPU it is tuned on, as "RTX 4090"')
    ask.add_argument("--batch", metavar="F", help="JSON Lines, one question an object; nothing is kept in the history")
    _add_shared(ask)


def add_oneshot(parser: argparse.ArgumentParser, names: str) -> None:
    """Declare the flags of ``ftchat [QUESTION]``, where no command is named."""
    parser.add_argument(
        "question", nargs="?", metavar="QUESTION", help=f"a question about the log on stdin, or: {names}"
    )
    _add_shared(parser)


def _add_shared(parser: argparse.ArgumentParser) -> None:
    for add in (add_output, add_llm, add_library, add_history):
        add(parser)


def run(options: argparse.Namespace) -> int:
    """One question, or a batch of them."""
    from assistant.ask import answer_batch, answer_once
    from assistant.json_lines import read_batch

    if options.batch:
        return answer_batch(options, read_batch(options.batch))
    if not options.question:
        raise BadInput('a question is missing; try: ftchat ask "why is my loss flat?" --log train.log')
    return answer_once(options, options.question, options.log)


def run_oneshot(options: argparse.Namespace) -> int:
    """``cat train.log | ftchat "QUESTION"``: one answer about what is piped in."""
    from assistant.ask import answer_once

    if sys.stdin is None or sys.stdin.isatty():
        if not options.question:
            raise BadInput('no log and no question; try: cat train.log | ftchat "why is my loss flat?"')
        return answer_once(options, options.question, [])
    return answer_once(options, options.question or DEFAULT_QUESTION, ["-"])
