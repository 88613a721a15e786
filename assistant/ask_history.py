"""What a one-shot question takes from the history and leaves in it."""

import argparse
from dataclasses import dataclass, field

from assistant.conversation import Conversation, conversation_from_json, conversation_to_json
from assistant.history_faults import HistoryFault
from assistant.history_recorder import NO_HISTORY, Recorder
from assistant.history_text import hide_home, show_home
from assistant.parts import report
from tools.errors import BadInput


@dataclass(frozen=True, slots=True)
class Past:
    """The conversation that goes on, and its id, None for a new one."""

    session_id: str | None = None
    conversation: Conversation = field(default_factory=Conversation)


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

    history = History(place)
    try:
        session = history.find_session(options.session) if options.session else history.latest_session()
        if session is None:
            report("the history holds no conversation yet; this one is new")
            return Past()
        left = history.load_conversation(session.id)
        return Past(session.id, conversation_from_json(show_home(left)) if left else Conversation())
    except HistoryFault as fault:
        report(f"{fault}; this conversation is new")
        return Past()
    finally:
        history.close()


def open_recorder(options: argparse.Namespace, place: str, past: Past) -> Recorder:
    """What keeps this turn; with --no-save, or where the setting ``history`` is none, it keeps nothing."""
    kept = "" if options.no_save or place == NO_HISTORY else place
    return Recorder(kept, "cli", report, past.session_id)


def leave(conversation: Conversation) -> str:
    """What the next turn needs, as the history keeps it."""
    return hide_home(conversation_to_json(conversation))
