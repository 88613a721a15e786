"""``ftchat check``: flags, and where they lead."""

import argparse

from assistant.options import EPILOG, add_output

MAX_INTERVAL_SECONDS = 86_400


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command and its flags."""
    raw = argparse.RawDescriptionHelpFormatter
    check = commands.add_parser("check", help="diagnose logs, no language model", epilog=EPILOG, formatter_class=raw)
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
    add_output(check)


def _seconds(text: str) -> float:
    """A number of seconds above 0, for argparse."""
    value = float(text)
    if not 0 < value <= MAX_INTERVAL_SECONDS:
        raise ValueError
    return value


def run(options: argparse.Namespace) -> int:
    """Diagnose each input."""
    from assistant.check import check_files

    return check_files(options)
