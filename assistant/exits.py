"""Exit codes."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    DONE = 0
    FOUND = 1
    NOT_JUDGED = 2
    NOT_AVAILABLE = 69
    INTERRUPTED = 130
