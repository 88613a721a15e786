"""``ftchat history``: list, show, search, export, rename and delete what was asked and answered."""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from assistant.exits import Exit
from assistant.history_recorder import NO_HISTORY
from assistant.json_lines import print_json, to_json_line
from assistant.parts import report
from assistant.render import terminal_width, wants_colour
from assistant.settings import load_settings
from tools.errors import BadInput

if TYPE_CHECKING:
    from assistant.history import History
    from assistant.history_records import Session

SCHEMA = "ftchat.history/1"

_ABOUT = """\
what is kept:
  Questions and answers of 'ftchat ask', of the one-shot and of the chat, in one file on this machine. Secrets,
  addresses and home folders are taken out before anything is written. --no-save keeps one question out, --batch
  keeps none, and FTCHAT_HISTORY=none (or history = "none" in ftchat.toml) turns the history off.

examples:
  ftchat -c "and with rank 64?"                 go on with the last conversation
  ftchat history show                           the last conversation
  ftchat history search flat loss
  ftchat history export 02q8s --format md --output run.md
  ftchat history delete --older-than 30d --yes
"""
_AGE = re.compile(r"(\d{1,5})([hdw])", re.ASCII)
_HOURS = {"h": 1, "d": 24, "w": 168}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command and its flags."""
    parser = commands.add_parser(
        "history",
        help="list, show, search, export, rename or delete conversations",
        epilog=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_number(_add_action(actions, "list", "the last conversations: id, age, turns, title"))
    _add_action(actions, "show", "a conversation as it was, the last where none is named", "ID")
    _add_number(_add_action(actions, "search", "turns that hold all of these words", "WORDS"))
    export = _add_action(actions, "export", "a conversation as a file for others, the last where none is named", "ID")
    export.add_argument("--format", choices=("md", "json"), default="md", help="Markdown (md) or JSON")
    export.add_argument("--output", metavar="F", help="the file to write, which must not be there yet (stdout)")
    _add_action(actions, "rename", "give a conversation another title", "ID TITLE")
    remove = _add_action(actions, "delete", "delete conversations, and overwrite their text in the file", "ID")
    remove.add_argument("--all", action="store_true", help="every conversation")
    remove.add_argument("--older-than", metavar="AGE", help="those not spoken in for so long, as 12h, 30d or 8w")
    remove.add_argument("--yes", action="store_true", help="do not ask back")
    _add_action(actions, "path", "the file that holds the history")


def _add_action(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, about: str, words: str = ""
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=about, description=about)
    if words:
        parser.add_argument(
            "words",
            nargs="*",
            metavar=words,
            help="words to find" if words == "WORDS" else "an id, or a beginning of it that no other has",
        )
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _add_number(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-n", type=int, default=20, metavar="N", help="how many at most (20)")


def run(options: argparse.Namespace) -> int:
    """Do what the action asks."""
    place = load_settings({}).history
    if getattr(options, "n", 1) < 1:
        raise BadInput(f"-n must be at least 1, got {options.n}")
    if options.action == "path":
        _print(options, place, {"path": place})
        return Exit.DONE
    if place == NO_HISTORY:
        raise BadInput("the setting 'history' is none: nothing is kept")
    from assistant.history import History

    with closing(History(place)) as history:
        _ACTIONS[options.action](options, history)
    return Exit.DONE


def _list(options: argparse.Namespace, history: "History") -> None:
    from assistant.history_export import session_to_json
    from assistant.history_view import tell_sessions

    found = history.sessions(options.n)
    text = tell_sessions(found, terminal_width(sys.stdout)) if found else "no conversation is kept yet"
    _print(options, text, {"sessions": [session_to_json(one) for one in found]})


def _show(options: argparse.Namespace, history: "History") -> None:
    from assistant.history_export import tell_as_json
    from assistant.history_view import tell_conversation

    session = _choose(options, history)
    turns = history.load_turns(session.id)
    text = tell_conversation(session, turns, colour=wants_colour(sys.stdout))
    _print(options, text, tell_as_json(session, turns))


def _search(options: argparse.Namespace, history: "History") -> None:
    from assistant.history_export import hit_to_json
    from assistant.history_view import tell_hits

    words = " ".join(options.words)
    if not words.strip():
        raise BadInput("words to search for are missing; try: ftchat history search flat loss")
    hits = history.search(words, options.n)
    text = tell_hits(hits, colour=wants_colour(sys.stdout)) if hits else "no conversation holds all of these words"
    _print(options, text, {"query": words, "hits": [hit_to_json(hit) for hit in hits]})


def _export(options: argparse.Namespace, history: "History") -> None:
    from assistant.history_export import tell_as_json, tell_as_markdown

    session = _choose(options, history)
    turns = history.load_turns(session.id)
    if options.format == "json" or (options.json and not options.output):
        text = to_json_line(tell_as_json(session, turns)) + "\n"
    else:
        text = tell_as_markdown(session, turns)
    if not options.output or options.output == "-":
        sys.stdout.write(text)
        return
    _write_new(Path(options.output), text)
    _print(options, f"{session.id} was written to {options.output}", {"id": session.id, "output": options.output})


def _rename(options: argparse.Namespace, history: "History") -> None:
    title = " ".join(options.words[1:])
    if not title.strip():
        raise BadInput("an id and a title are needed; try: ftchat history rename 02q8s the run with rank 64")
    session = history.find_session(options.words[0])
    history.rename(session.id, title)
    title = history.load_session(session.id).title
    _print(options, f"{session.id} is called: {title}", {"id": session.id, "title": title})


def _delete(options: argparse.Namespace, history: "History") -> None:
    chosen = _choose_many(options, history)
    num_turns = sum(one.num_turns for one in chosen)
    if chosen and not options.yes and not _confirm(f"delete {len(chosen)} conversation(s) with {num_turns} turn(s)?"):
        report("nothing was deleted")
        chosen = []
    removed = history.delete([one.id for one in chosen]) if chosen else 0
    _print(options, f"{removed} conversation(s) deleted", {"deleted": [one.id for one in chosen]})


def _choose(options: argparse.Namespace, history: "History") -> "Session":
    """The conversation that is named, or the last."""
    if len(options.words) > 1:
        raise BadInput(f"one id at a time, got {len(options.words)} words")
    if options.words:
        return history.find_session(options.words[0])
    found = history.sessions(1)
    if not found:
        raise BadInput("the history holds no conversation; ask something first")
    return found[0]


def _choose_many(options: argparse.Namespace, history: "History") -> "list[Session]":
    if sum((bool(options.words), options.all, options.older_than is not None)) != 1:
        raise BadInput("delete needs one of: ids, --all, --older-than 30d")
    if options.words:
        named = [history.find_session(word) for word in options.words]
        return list({one.id: one for one in named}.values())
    oldest = time.time() - (0 if options.all else _read_age(options.older_than))
    return [one for one in history.sessions() if options.all or one.updated < oldest]


def _read_age(text: str) -> float:
    match = _AGE.fullmatch(text.strip().lower())
    if not match:
        raise BadInput(f"--older-than must be a number with h, d or w, as 12h, 30d or 8w, got '{text:.40}'")
    return int(match[1]) * _HOURS[match[2]] * 3600.0


def _confirm(question: str) -> bool:
    if not sys.stdin.isatty():
        raise BadInput(f"{question} Add --yes to say so where nobody can be asked")
    sys.stderr.write(f"ftchat: {question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _write_new(path: Path, text: str) -> None:
    """Write a file for its owner alone; one that is there already is left alone."""
    try:
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise BadInput(f"{path}: is there already; name another file") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be written ({error.strerror})") from None


def _print(options: argparse.Namespace, text: str, told: Mapping[str, object]) -> None:
    if options.json:
        print_json({"schema": SCHEMA, **told})
    else:
        sys.stdout.write(text + "\n")


_ACTIONS: dict[str, Callable[[argparse.Namespace, "History"], None]] = {
    "list": _list,
    "show": _show,
    "search": _search,
    "export": _export,
    "rename": _rename,
    "delete": _delete,
}
