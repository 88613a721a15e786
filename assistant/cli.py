"""The command line: what can be typed, and where it leads. Nothing heavy is imported before it is needed."""

import argparse
import gc
import os
import signal
import sys
from collections.abc import Sequence
from importlib import import_module

from assistant.exits import Exit
from assistant.options import EPILOG
from tools.errors import BadInput, FtchatError, NotAvailable

GARBAGE_THRESHOLDS = (100_000, 20, 20)

COMMANDS = {
    "ask": "assistant.ask_command",
    "check": "assistant.check_command",
    "cards": "assistant.cards_command",
    "params": "assistant.params_command",
    "vram": "assistant.vram_command",
    "models": "assistant.models_command",
    "history": "assistant.history_command",
    "data": "assistant.data_command",
}
"""The module of each command: ``add_parser`` declares its flags and ``run`` gives its exit code."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ftchat; gives the exit code."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    _collect_seldom()
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


def _collect_seldom() -> None:
    """Let Python look for garbage cycles less often: rows by the hundred thousand hold none, and each look costs."""
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _dispatch(arguments: list[str]) -> int:
    options = build_parser(arguments).parse_args(arguments)
    command = getattr(options, "command", None)
    if command:
        code = import_module(COMMANDS[command]).run(options)
    else:
        from assistant.ask_command import run_oneshot

        code = run_oneshot(options)
    sys.stdout.flush()
    return int(code)


def build_parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser for these arguments: of a command where one is named, of a one-shot question otherwise."""
    parser = argparse.ArgumentParser(
        prog="ftchat",
        description="Reads a fine-tuning log, says what is wrong with the lines that show it, and what to change.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="print the version and exit")
    named = next((argument for argument in arguments if not argument.startswith("-")), None)
    if named in COMMANDS:
        import_module(COMMANDS[named]).add_parser(parser.add_subparsers(dest="command", metavar="COMMAND"))
    else:
        from assistant.ask_command import add_oneshot

        add_oneshot(parser, ", ".join(COMMANDS))
    return parser


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
