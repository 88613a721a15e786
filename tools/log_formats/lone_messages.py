"""Lines that say something without a stack: errors, failed checks in kernels, waiting ranks, signals, warnings."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.frames import read_rank
from tools.log_formats.signals import read_signal
from tools.log_formats.signs import SLOW_PATH, read_sign
from tools.run import Line, Problem

MAX_SUMMARY = 1000

_BARE_ERROR = lazy_pattern(
    r"(?:^|[\s:|\]>])(?P<error>(?:[a-z_]\w{0,60}\.){0,10}[A-Z]\w{0,60}(?:Error|Exception|Interrupt)(?:: \S|:?\s{0,8}$)"
    r"|CUDA error: |Memory access fault by GPU"
    r"|[\w./-]{1,80}: error: )|^(?P<shell>\S.{0,200}(?:: |\] |, )No space left on device|.{0,200}Disk quota exceeded"
    r"|.{0,200}\baccess (?:a |to )?gated repo\b)"
)
_SLOW_WORDS = ("slow", "ast path", "ack to")
_ERROR_WORDS = ("rror", "xception", "Interrupt", "No space", "quota", "Memory access", "gated repo")
_ASSERTION = lazy_pattern(
    r"\.cuh?:\d{1,6}: .{0,300}?Assertion `?(.{1,200}?)`? {0,2}failed|: Assertion `(.{1,200}?)` failed\."
)
_TIMEOUT = lazy_pattern(
    r"Watchdog caught collective operation timeout|(last enqueued (?:NCCL )?work: \d{1,12}, last completed)"
)
MISFIT = "size mismatch"
"""How a line of the list of weights that do not fit begins; the whole list is one problem."""
_MISFIT = lazy_pattern(r"^\s{0,8}size mismatch for \S{1,200}: copying a param with shape ")
_TIMEOUT_RANK = lazy_pattern(r"\bRank (\d{1,5})\]")


def read_lone_message(line: Line, text: str, plain: str) -> tuple[Problem, int | None] | None:
    """Read one line.

    Args:
        line: as it stands in the log.
        text: without colours and prefixes; plain: without colours.

    Returns:
        The problem and the rank that printed it, None where the line says nothing that is known.
    """
    rank = read_rank(line.text)
    if ("Watchdog" in plain or "last enqueued" in plain) and (timeout := _TIMEOUT.search(plain)):
        named = _TIMEOUT_RANK.search(plain)
        name = "status" if timeout[1] else "waited"
        return make_problem("timeout", line, text, name), int(named[1]) if named else rank
    if "Assertion" in text and (assertion := _ASSERTION.search(text)):
        what = next(group for group in assertion.groups() if group)
        return make_problem("assertion", line, text, what.replace("`", "'")), rank
    if name := read_signal(text):
        return make_problem("signal", line, text, name), rank
    if MISFIT in text and _MISFIT.match(text):
        return make_problem("error", line, text, MISFIT), rank
    if any(word in text for word in _ERROR_WORDS) and (bare := _BARE_ERROR.search(text)):
        found = text[bare.start("error") if bare["error"] else 0 :].strip()
        return make_problem("error", line, found, found.split(":")[0] if bare["error"] else "OSError"), rank
    if any(word in text for word in _SLOW_WORDS) and SLOW_PATH.search(text):
        return make_problem("warning", line, text), rank
    name, values = read_sign(text)
    return (make_problem("sign", line, text, name, values), rank) if name else None


def make_problem(kind: str, line: Line, text: str, name: str = "", values: dict[str, int] | None = None) -> Problem:
    """A problem that one line tells."""
    summary = text.strip()[:MAX_SUMMARY]
    return Problem(kind, summary, (line,), line.number, line.number, values or {}, name=name, message=summary)
