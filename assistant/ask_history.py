"""What a one-shot question takes from the history and leaves in it."""

import argparse
from dataclasses import dataclass

from assistant.history_faults import HistoryFault
from assistant.history_recorder import NO_HISTORY, Recorder
from assistant.parts import report
from tools.errors import BadInput


@dataclass(frozen=True, slots=True)
class Past:
    """The conversation that goes on: its id, None for a new one, and what it left for this turn, as JSON."""

    session_id: str | None = None
    conversation_json: str = ""


def find_past(options: argparse.Namespace, place: str) -> Past:
    """The conversation that -c or --session means; what stands in the way of -c is reported, and a new one begins.

    Raises:
        BadInput: no conversation, or several, have the id that was given.
    """
    if not options.session and not options.is_continued:
        return Past()
    if place == NO_HISTORY:
        raise BadInput("the setting 'history' is none: there is no conversation to go on with")
    from assistant.history import History
    from assistant.history_text import show_home

    history = History(place)
    try:
        session = history.find_session(options.session) if options.session else history.latest_session()
        if session is None:
            report("the history holds no conversation yet; this one is new")
            return Past()
        left = history.load_conversation(session.id)
        return Past(session.id, show_home(left) if left else "")
    except HistoryFault as fault:
        report(f"{fault}; this conversation is new")
        return Past()
    finally:
        history.close()


def open_recorder(options: argparse.Namespace, place: str, past: Past) -> Recorder:
    """What keeps this turn; with --no-save, or where the setting ``history`` is none, it keeps nothing."""
    kept = "" if options.no_save or place == NO_HISTORY else place
    return Recorder(kept, "cli", report, past.session_id)
