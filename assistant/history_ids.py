"""Names of conversations: short, sorted by time, and found again by their beginning."""

import secrets
import time
from collections.abc import Sequence

from tools.errors import BadInput

# Without i, l, o and u, which are read as others or make words.
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_NUM_TIME, _NUM_RANDOM = 7, 4
_EPOCH_SECONDS = 1_704_067_200


def new_session_id() -> str:
    """A new name: seven characters tell the second since 2024 (for a thousand years), four are random."""
    seconds = int(time.time()) - _EPOCH_SECONDS
    moment = "".join(_LETTERS[(seconds >> 5 * place) & 31] for place in reversed(range(_NUM_TIME)))
    return moment + "".join(secrets.choice(_LETTERS) for _ in range(_NUM_RANDOM))


def choose_id(wanted: str, known: Sequence[str]) -> str:
    """The name that a person means: whole, or the beginning of only one.

    Args:
        known: all names, the newest first.

    Raises:
        BadInput: no name or several begin so; the nearest are said.

    Example:
        >>> choose_id("01b", ["01bcd", "01acd"])
        '01bcd'
    """
    wanted = wanted.strip().lower()
    if wanted in known:
        return wanted
    if not known:
        raise BadInput("the history holds no conversation; ask something first")
    begun = [name for name in known if wanted and name.startswith(wanted)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        named = ", ".join(begun[:4]) + (" ..." if len(begun) > 4 else "")
        raise BadInput(f"'{wanted:.40}' is the beginning of {len(begun)} conversations: {named}; give more of it")
    from difflib import get_close_matches

    near = get_close_matches(wanted[:40], known, n=3, cutoff=0.5) or list(known[:1])
    raise BadInput(f"no conversation '{wanted[:40]!s}'; nearest: {', '.join(near)} ('ftchat history list' names all)")
