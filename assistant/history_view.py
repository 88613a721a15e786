"""The history as a person reads it on a terminal."""

import re
import time
from collections.abc import Sequence

from assistant.history_records import Hit, PastTurn, Session
from assistant.history_search import BEGIN_HIT, END_HIT
from assistant.render import BOLD, RESET, make_visible

_SPACES = re.compile(r"\s{1,200}")
_UNITS = ((86_400.0, "d"), (3600.0, "h"), (60.0, "min"))
_MISSING = {"begun": "not answered: it is being answered, or its program ended", "stopped": "stopped"}


def tell_age(seconds: float) -> str:
    """An age in its largest unit.

    Example:
        >>> tell_age(7300.0), tell_age(3.0)
        ('2 h', 'now')
    """
    return next((f"{int(seconds // size)} {unit}" for size, unit in _UNITS if seconds >= size), "now")


def tell_sessions(found: Sequence[Session], width: int) -> str:
    """Conversations as a table: id, age, turns, title and what was found."""
    now = time.time()
    lines = [f"{'ID':<11}  {'AGE':>6}  TURNS  TITLE"]
    for one in found:
        title, named = make_visible(one.title), set(one.findings)
        more = sorted(name for name in named if f"({name})" not in title)
        told = f"{title}  [{', '.join(more)}]" if more else title
        line = f"{one.id:<11}  {tell_age(now - one.updated):>6}  {one.num_turns:>5}  {told}"
        lines.append(line if len(line) <= width else line[: width - 1] + "…")
    return "\n".join(lines)


def tell_conversation(session: Session, turns: Sequence[PastTurn], *, colour: bool) -> str:
    """A conversation as it was: each question after its number, its answer under it."""
    age = tell_age(time.time() - session.updated)
    blocks = [f"{session.id}  {make_visible(session.title)}  ({age}, {session.num_turns} turns)"]
    for turn in turns:
        question = f"{turn.number}> {_show_lines(turn.question)}"
        blocks.append(f"{BOLD}{question}{RESET}" if colour else question)
        if turn.text:
            blocks.append(_show_lines(turn.text))
        if turn.status != "finished":
            blocks.append(f"({_MISSING.get(turn.status, turn.status)})")
    return "\n\n".join(blocks)


def tell_hits(hits: Sequence[Hit], *, colour: bool) -> str:
    """Places where words were found, the best first."""
    begin, end = (BOLD, RESET) if colour else ("", "")
    blocks = []
    for hit in hits:
        place = "title" if hit.number is None else f"turn {hit.number}"
        head = f"{hit.session_id}  {place}  {make_visible(hit.title)}"
        pieces = [(begin, piece) if index else ("", piece) for index, piece in enumerate(hit.snippet.split(BEGIN_HIT))]
        text = "".join(mark + _show_hit(piece, end if mark else "") for mark, piece in pieces)
        blocks.append(f"{head}\n    {text.strip()}" if hit.snippet else head)
    return "\n".join(blocks)


def _show_hit(piece: str, end: str) -> str:
    found, mark, rest = piece.partition(END_HIT)
    return _show_line(found) + (end if mark else "") + _show_line(rest)


def _show_line(text: str) -> str:
    return make_visible(_SPACES.sub(" ", text))


def _show_lines(text: str) -> str:
    return "\n".join(make_visible(line) for line in text.split("\n"))
