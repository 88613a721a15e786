"""The command line: what can be typed, and where it leads. Nothing heavy is imported before it is needed."""

import argparse
import os
import signal
import sys
from collections.abc import Sequence

from assistant.exits import Exit
from tools.errors import BadInput, FtchatError, NotAvailable

MAX_INTERVAL_SECONDS = 86_400
COMMANDS = ("ask", "check", "cards")


_EPILOG = """\
examples:
  cat train.log | ftchat "why is my loss flat?"       the log is piped in
  ftchat ask "will this fit?" --log trainer_state.json
  ftchat check train.log                              diagnosis only, no language model
  ftchat check --follow train.log                     new findings as they come
  ftchat check --format sarif --output out.sarif *.log
  ftchat cards search "answers never stop"            what the cards know

exit codes:
  0   done; for check: nothing of severity warning or worse was found
  1   check found something
  2   could not judge (unreadable or empty input), or bad usage
  69  a model or service that is needed is not there
  130 interrupted
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ftchat; gives the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _dispatch(arguments)
    except BadInput as error:
        print(f"ftchat: {error}", file=sys.stderr)
        return Exit.NOT_JUDGED
    except NotAvailable as error:
        print(f"ftchat: {error}", file=sys.stderr)
        return Exit.NOT_AVAILABLE
    except FtchatError as error:
        print(f"ftchat: {error}", file=sys.stderr)
        return Exit.NOT_JUDGED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        _silence_stdout()
        return 128 + signal.SIGPIPE


def _dispatch(arguments: list[str]) -> int:
    options = build_parser(arguments).parse_args(arguments)
    from assistant import commands

    command = getattr(options, "command", None) or "oneshot"
    run = {
        "oneshot": commands.run_oneshot,
        "ask": commands.run_ask,
        "check": commands.run_check,
        "cards": commands.run_cards,
    }[command]
    code = run(options)
    sys.stdout.flush()
    return code


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for these arguments: of a command where one is named, of a one-shot question otherwise."""
    parser = argparse.ArgumentParser(
        prog="ftchat",
        description="Reads a fine-tuning log, says what is wrong with the lines that show it, and what to change.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version and exit")
    named = next((argument for argument in arguments if not argument.startswith("-")), None)
    if named in COMMANDS:
        _add_commands(parser)
    else:
        parser.add_argument(
            "question",
            nargs="?",
            metavar="QUESTION",
            help="a question about the log on stdin, or: " + ", ".join(COMMANDS),
        )
        _add_output(parser)
        _add_model(parser)
    return parser


def _add_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter
    ask = commands.add_parser("ask", help="answer a question from logs and cards", epilog=_EPILOG, formatter_class=raw)
    ask.add_argument("question", nargs="?", metavar="QUESTION")
    ask.add_argument("--log", action="append", default=[], metavar="F", help="a log or trainer_state.json; - is stdin")
    ask.add_argument("--config", metavar="F", help="the training config, of any syntax")
    for name in ("data", "model", "gpu"):
        ask.add_argument(f"--{name}", metavar=name.upper(), help="taken note of; not examined by this version")
    ask.add_argument("--batch", metavar="F", help="JSON Lines, one question an object")
    _add_output(ask)
    _add_model(ask)
    check = commands.add_parser("check", help="diagnose logs, no language model", epilog=_EPILOG, formatter_class=raw)
    _add_check(check)
    _add_cards(commands.add_parser("cards", help="list, show, search, add or check the pitfall cards"))


def _add_cards(cards: argparse.ArgumentParser) -> None:
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
    _add_library(cards)
    _add_output(cards)


def _add_check(check: argparse.ArgumentParser) -> None:
    check.add_argument(
        "files",
        nargs="+",
        metavar="F",
        help="logs, trainer_state.json, run folders, the configs that belong to them; - is stdin",
    )
    check.add_argument("--config", metavar="F", help="the training config or script, of any syntax")
    check.add_argument(
        "--fail-on",
        choices=("error", "warning", "note"),
        default="warning",
        help="exit 1 from this severity on (warning)",
    )
    check.add_argument("--format", choices=("text", "json", "sarif", "junit"), help="sarif and junit are for CI (text)")
    check.add_argument("--output", metavar="F", help="write there instead of stdout")
    check.add_argument("--follow", action="store_true", help="go on reading a log that grows; Ctrl-C ends it")
    check.add_argument(
        "--interval", type=_seconds, default=2.0, metavar="SECONDS", help="how often --follow looks at the file (2)"
    )
    _add_output(check)


def _seconds(text: str) -> float:
    """A number of seconds above 0, for argparse."""
    value = float(text)
    if not 0 < value <= MAX_INTERVAL_SECONDS:
        raise ValueError
    return value


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="JSON on stdout, one object a line where there are several")
    parser.add_argument("--cache", metavar="DIR", help="folder of the card index (FTCHAT_CACHE)")


def _add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--llm", metavar="MODEL", help='"embedded" or the path of a GGUF file (FTCHAT_MODEL)')
    parser.add_argument("--no-llm", action="store_true", help="leave the language model out")
    _add_library(parser)


def _add_library(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--cards", metavar="DIR", help="folder of your team's own cards (FTCHAT_CARDS)")


class _ShowVersion(argparse.Action):
    """Reads the version only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"ftchat {version('ftchat')}")
        parser.exit()


def _silence_stdout() -> None:
    """Keep Python from complaining at its end that the reader has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
