"""A conversation as Markdown or as an object for programs: redacted again, and nothing in it can become markup."""

import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from assistant.history_records import Hit, PastTurn, Session
from assistant.history_search import BEGIN_HIT, END_HIT
from assistant.history_text import clean_text, clean_value
from assistant.render import make_visible

SCHEMA = "ftchat.history/1"

_BACKTICKS = re.compile(r"`+")


def session_to_json(session: Session) -> dict[str, Any]:
    """A conversation as an object for programs, without its turns; times are in ISO 8601, UTC."""
    told = {
        "id": session.id,
        "title": session.title,
        "front_end": session.front_end,
        "created": tell_moment(session.created),
        "updated": tell_moment(session.updated),
        "num_turns": session.num_turns,
        "findings": list(session.findings),
    }
    return dict(clean_value(told))


def turn_to_json(turn: PastTurn) -> dict[str, Any]:
    """A turn as an object for programs; ``answer`` is what ``ftchat ask --json`` gave, null where there was none."""
    told = {
        "number": turn.number,
        "status": turn.status,
        "question": turn.question,
        "text": turn.text,
        "findings": list(turn.findings),
        "model": turn.model,
        "mode": turn.mode,
        "seconds": turn.seconds,
        "begun": tell_moment(turn.begun),
        "ended": None if turn.ended is None else tell_moment(turn.ended),
        "answer": turn.answer,
    }
    return dict(clean_value(told))


def hit_to_json(hit: Hit) -> dict[str, Any]:
    """A place where words were found; ``turn`` is null where it is the title."""
    snippet = " ".join(hit.snippet.replace(BEGIN_HIT, "").replace(END_HIT, "").split())
    return {"id": hit.session_id, "title": hit.title, "turn": hit.number, "snippet": snippet}


def tell_as_json(session: Session, turns: Sequence[PastTurn]) -> dict[str, Any]:
    """A whole conversation as an object for programs."""
    return {"schema": SCHEMA, "session": session_to_json(session), "turns": [turn_to_json(turn) for turn in turns]}


def tell_as_markdown(session: Session, turns: Sequence[PastTurn]) -> str:
    """A whole conversation as Markdown: questions and answers stand in fences, where nothing is markup or a link."""
    about = f"{tell_moment(session.created)}, {session.num_turns} turn(s), exported by ftchat"
    parts = ["# Conversation " + session.id, _span(session.title), about]
    for turn in turns:
        told = {"model": turn.model, "status": None if turn.status == "finished" else turn.status}
        parts.append(f"## Turn {turn.number}\n\n{tell_moment(turn.begun)}{_tell(told)}")
        parts.append("Question:\n\n" + _fence(turn.question))
        if turn.text:
            parts.append("Answer:\n\n" + _fence(turn.text))
    return "\n\n".join(parts) + "\n"


def tell_moment(seconds: float) -> str:
    """A moment in ISO 8601, UTC.

    Example:
        >>> tell_moment(0.0)
        '1970-01-01T00:00:00Z'
    """
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _tell(values: Mapping[str, str | None]) -> str:
    return "".join(f", {name} {_span(value)}" for name, value in values.items() if value)


def _fence(text: str) -> str:
    """A block in which all text is text: its fence is longer than any run of backticks inside."""
    visible = "\n".join(make_visible(line) for line in clean_text(text).split("\n"))
    fence = "`" * max(3, _longest_run(visible) + 1)
    return f"{fence}text\n{visible}\n{fence}"


def _span(text: str) -> str:
    visible = make_visible(" ".join(clean_text(text).split())) or "untitled"
    mark = "`" * (_longest_run(visible) + 1)
    return f"{mark} {visible} {mark}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in _BACKTICKS.findall(text)), default=0)
