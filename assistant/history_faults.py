"""What can be wrong with the history's file, in one line a fault; a damaged file is set aside, never deleted."""

import time
from contextlib import suppress
from pathlib import Path

from tools.errors import FtchatError

COMPANIONS = ("-wal", "-shm")
"""Files that SQLite keeps beside a database; they belong to it and move with it."""

_REASONS = {
    "SQLITE_FULL": "the disk is full; free space",
    "SQLITE_IOERR": "the disk cannot be read or written; look for a full or a failing disk",
    "SQLITE_READONLY": "it cannot be written; name another file with FTCHAT_HISTORY",
    "SQLITE_CANTOPEN": "it cannot be opened or created; name another file with FTCHAT_HISTORY",
    "SQLITE_PERM": "it cannot be opened; name another file with FTCHAT_HISTORY",
    "SQLITE_BUSY": "another program holds it locked; end that program and try again",
    "SQLITE_LOCKED": "another program holds it locked; end that program and try again",
    "SQLITE_CONSTRAINT": "the conversation was deleted meanwhile",
    "SQLITE_TOOBIG": "the turn is too large to be kept",
}
_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")


class HistoryFault(FtchatError):
    """The history cannot be read or written."""


class HistoryDamaged(HistoryFault):
    """The file is not, or no longer, a database that can be read."""


def explain_fault(place: str, error: BaseException) -> HistoryFault:
    """Tell a database's error as one line for a person."""
    name = str(getattr(error, "sqlite_errorname", ""))
    if name.startswith(_DAMAGE):
        return HistoryDamaged(f"the history {place} is damaged ({error})")
    reason = next((said for start, said in _REASONS.items() if name.startswith(start)), f"the database says: {error}")
    return HistoryFault(f"the history {place}: {' '.join(reason.split())}")


def set_aside(path: Path, inode: int) -> str:
    """Move a damaged database out of the way with its companions, and say where to.

    Args:
        path: the database.
        inode: of the file that was found damaged; where another one stands there by now, another process has moved it.
    """
    if read_inode(path) != inode:
        return f"the history {path} was damaged, and another ftchat has moved it aside"
    stamp = time.strftime("%Y%m%d-%H%M%S")
    kept = path.with_name(f"{path.name}.damaged-{stamp}")
    for number in range(2, 1000):
        if not kept.exists():
            break
        kept = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    try:
        # The companions go first: a new database must never meet the log of the old one.
        for companion in (*COMPANIONS, ""):
            with suppress(FileNotFoundError):
                path.with_name(path.name + companion).rename(kept.with_name(kept.name + companion))
    except OSError as error:
        return f"the history {path} is damaged and cannot be moved aside ({error.strerror}); move it yourself"
    return f"the history {path} is damaged; it was moved to {kept}, and a new one begins"


def read_inode(path: Path) -> int:
    """The number of the file that stands there, 0 where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0
