"""Reads the lines of a log that hold a marker: stacks with their error, memory messages, and lone messages."""

import re

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.frames import read_rank
from tools.log_formats.lone_messages import MAX_SUMMARY, MISFIT, make_problem, read_lone_message
from tools.log_formats.out_of_memory import is_gpu_memory, is_host_memory, read_sizes
from tools.log_formats.problem_ledger import Entry, ProblemLedger
from tools.log_formats.signals import read_signal
from tools.log_formats.stacks import (
    MAX_STACK_LINES,
    PLAIN_FRAME,
    TRACEBACK,
    Frame,
    find_phase,
    is_telling,
    is_uncaught,
    last_library_frame,
    last_user_frame,
    read_frames,
    show_stack,
)
from tools.run import Line, Problem

MAX_RAW_STACK_LINES = 3000
MAX_TAIL_LINES = 8
MAX_LOOSE_LINES = 4

_PREFIX = lazy_pattern(r"^(?:\s{0,4}(?:\[[^\]\n]{1,60}\](?:<\w{1,6}>)?[: ]{0,2}|\([^)\n]{1,80}\) |\d{1,4}: ))+")
_BARS = lazy_pattern(r"^.{0,4000}(?:it/s|s/it|\?it)\]\s{0,4}(?=\S)")
_NOTEBOOK_START = lazy_pattern(r"^\s*\w+\s+$")
_NAME = r"(?:[A-Za-z_]\w{0,80}\.){0,12}_?[A-Z]\w{0,100}"
_ERROR = lazy_pattern(
    r"^(?:(?:[A-Za-z_]\w{0,80}\.){1,12}_?[A-Z]\w{0,100}"
    r"|_?[A-Z]\w{0,80}(?:Error|Exception|Interrupt|Exit|Iteration|Warning|Exhausted|Signal|Failure|Timeout|Group)"
    r"|Exception)(?::\s|:?\s{0,8}$)"
)
_ANY_ERROR = lazy_pattern(
    rf"^(?!(?:WARNING|INFO|ERROR|DEBUG|CRITICAL|NOTE|Note|Warning|Traceback)\b){_NAME}(?::\s|:?\s{{0,8}}$)"
)
_CODE = lazy_pattern(r"^\s{0,60}(?:raise|except|if|elif|return|assert|print|logger|warnings)\b|^\s{0,60}#")
_INCOMPLETE = lazy_pattern(
    r":\s{0,8}$|validation errors? for|Allocation on device|\braised$|\(most recent call first\)"
)
_MEMORY_ERROR = "OutOfMemoryError"
_JOB_END = "Error executing job with overrides"
_IGNORED = lazy_pattern(r"^(?:Exception ignored in|Error in (?:sys\.excepthook|atexit))")
_ENDED = lazy_pattern(r"[.)\]}\"']\s{0,8}$|by PyTorch|is free|avoid fragmentation")
_TIMED = lazy_pattern(r"^\[?\d{4}-\d\d-\d\d")
_DIRECT_CAUSE, _CONTEXT = "was the direct cause of the following exception", "During handling of the above exception"
_DIGITS = lazy_pattern(r"\d{1,20}")


class MarkedLineReader:
    """Collects the problems of one log, line by line.

    The telling lines of the stack that is open are kept, at most MAX_STACK_LINES, to tell what the program was doing.
    """

    def __init__(self) -> None:
        self._ledger = ProblemLedger()
        self._stack: list[tuple[Line, str]] = []
        self._num_raw = 0
        self._num_loose = 0
        self._in_stack = False
        self._has_start = False
        self._prefix: re.Pattern[str] | None = None
        self._named = ""
        self._link = ""
        self._ends_job = False
        self._is_ignored = False
        self._tail: Entry | None = None
        self._num_tail = self._last_tail_line = 0

    @property
    def wants_every_line(self) -> bool:
        """Whether a stack or a message of several lines is being read, so that lines without a marker matter too."""
        return self._in_stack or self._tail is not None

    @property
    def problems(self) -> list[Problem]:
        """What was found so far."""
        return self._ledger.problems

    def read(self, line: Line, plain: str) -> None:
        """Take one line that holds a marker, or any line while a stack or a message is open.

        Args:
            line: as it stands in the log.
            plain: the same without colours.
        """
        plain = _BARS.sub("", plain) if "it]" in plain or "it/s]" in plain else plain
        start = TRACEBACK.match(plain) if "Traceback" in plain else None
        if start:
            self._open_stack(start[1])
        text = self._without_prefix(plain)
        if self._read_tail(line.number, text, is_start=start is not None):
            return
        if _IGNORED.match(text):
            self._is_ignored = True
        elif _JOB_END in text:
            self._ends_job = True
        elif _DIRECT_CAUSE in text:
            self._link = "cause"
        elif _CONTEXT in text:
            self._link = "context"
        elif not self._in_stack and text.startswith((" ", "File", "\t")) and PLAIN_FRAME.search(text):
            self._open_stack("", has_start=False)
        if self._in_stack:
            self._take(line, text)
        if not start and not _CODE.match(text):
            self._judge(line, text, plain)

    def finish(self) -> None:
        """Take note of a stack that the log ends in."""
        if self._in_stack and self._has_start and self._stack and not self._is_ignored:
            last, text = self._stack[-1]
            if self._named == _MEMORY_ERROR:
                self._add("out_of_memory", last, self._named)
            else:
                self._add("traceback", last, f"the log ends inside a traceback: {text.strip()}")

    def _open_stack(self, before: str, *, has_start: bool = True) -> None:
        """Begin a stack; what stands before its first word stands before its other lines as well, save in notebooks."""
        self._stack.clear()
        self._in_stack, self._has_start, self._num_raw, self._num_loose = True, has_start, 0, 0
        is_prefix = bool(before) and not _NOTEBOOK_START.match(before)
        self._named = before.strip() if before and not is_prefix else ""
        self._prefix = re.compile(_DIGITS.sub(r"\\d{1,20}", re.escape(before))) if is_prefix else None

    def _take(self, line: Line, text: str) -> None:
        """Keep a line of the open stack; of a long one the ends."""
        self._num_raw += 1
        is_loose = bool(text.strip()) and not text.startswith((" ", "\t", "File"))
        self._num_loose = self._num_loose + 1 if is_loose else 0
        if is_telling(text):
            self._stack.append((line, text))
        if len(self._stack) > MAX_STACK_LINES:
            del self._stack[MAX_STACK_LINES // 2]
        is_over = not self._has_start and self._num_loose > MAX_LOOSE_LINES
        self._in_stack = self._num_raw < MAX_RAW_STACK_LINES and not is_over

    def _without_prefix(self, text: str) -> str:
        """Take off what a launcher or logger wrote in front of a line; times and numbers in it may differ."""
        match = self._prefix.match(text) if self._prefix else None
        return text[match.end() :] if match else _PREFIX.sub("", text)

    def _read_tail(self, number: int, text: str, *, is_start: bool) -> bool:
        """Take a further line of a message that its first line does not end; tells whether the line was taken.

        Empty lines are not handed over; one after further lines of the message ends it.
        """
        if self._tail is None:
            return False
        is_next = is_start or is_gpu_memory(text) or _DIRECT_CAUSE in text or _CONTEXT in text or _TIMED.match(text)
        is_apart = len(self._tail.message) > 1 and number > self._last_tail_line + 1
        is_listed = MISFIT in text
        if is_next or is_apart or (self._num_tail >= MAX_TAIL_LINES and not is_listed):
            self._tail = None
            return False
        self._num_tail += 1
        self._last_tail_line = number
        if text.strip() and self._num_tail <= MAX_TAIL_LINES:
            self._tail.message.append(text.strip())
        return True

    def _judge(self, line: Line, text: str, plain: str) -> None:
        if is_gpu_memory(text) or (text != plain and is_gpu_memory(plain)):
            self._add("out_of_memory", line, text)
        elif is_host_memory(text):
            self._add("host_memory", line, text)
        elif self._in_stack and self._ends_stack(text):
            self._add("traceback", line, text)
        elif not self._in_stack or not text.startswith((" ", "\t")):
            self._read_lone(line, text, plain)

    def _ends_stack(self, text: str) -> bool:
        """Whether a line names the exception; an unusual name counts where it follows the code of a frame."""
        if _ERROR.match(text):
            return True
        if not self._has_start or len(self._stack) < 2:
            return False
        return self._stack[-2][1].startswith(("    ", '  File "')) and bool(_ANY_ERROR.match(text))

    def _read_lone(self, line: Line, text: str, plain: str) -> None:
        """Read a line that says something without a stack."""
        found = read_lone_message(line, text, plain)
        if found is None:
            return
        entry = self._ledger.record(*found)
        if found[0].kind == "error":
            self._await_tail(entry, found[0].summary)

    def _add(self, kind: str, line: Line, text: str) -> None:
        """Record an error with the stack that led to it, and close the stack; what is raised at exit is left out."""
        if self._is_ignored:
            self._is_ignored = self._in_stack = False
            self._stack.clear()
            return
        frames = read_frames(self._stack)
        summary = text.strip()[:MAX_SUMMARY]
        problem = Problem(
            kind,
            summary,
            (*(frame.line for frame in frames[-2:] if frame.line != line), line),
            self._stack[0][0].number if self._stack else line.number,
            line.number,
            {},
            find_phase(frames),
            summary.split(":")[0] if _ANY_ERROR.match(summary) else "",
            summary,
            _place(last_user_frame(frames)),
            _place(last_library_frame(frames)),
            show_stack(frames),
            self._link,
            is_uncaught=is_uncaught(frames) or self._ends_job,
        )
        rank = read_rank(line.text)
        if rank is None and kind == "out_of_memory":
            rank = read_sizes(summary).get("gpu_index")
        entry = self._ledger.record(problem, rank)
        self._stack.clear()
        self._in_stack, self._ends_job, self._link = False, False, ""
        if name := read_signal(text):
            self._ledger.record(make_problem("signal", line, text, name), rank)
        self._await_tail(entry, summary)

    def _await_tail(self, entry: Entry | None, text: str) -> None:
        """Read on where the line does not end the message; a terminal breaks the sentences about memory as well."""
        is_broken = "Tried to allocate" in text and not _ENDED.search(text)
        if entry and (is_broken or _INCOMPLETE.search(text)):
            self._tail, self._num_tail = entry, 0


def _place(frame: Frame | None) -> str:
    return frame.place if frame else ""
