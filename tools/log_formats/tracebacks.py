"""Tracebacks and out-of-memory messages: their numbers, and what the stack was doing."""

import re
from collections import deque
from collections.abc import Sequence

from tools.run import Line, Problem
from tools.units import parse_size

MAX_STACK_LINES = 400
MAX_PROBLEMS = 200

MARKERS = (b"Traceback (most", b"Error", b"Exception", b"out of memory", b"slow", b"ast path", b"all", b"Interrupt")

_START = re.compile(r"^(.{0,200}?)Traceback \(most recent call last\)")
_NOTEBOOK_START = re.compile(r"^\s*\w+\s+$")
_ERROR = re.compile(r"^(?:[A-Za-z_][\w.]{0,200}\.)?_?[A-Z]\w{0,100}(?::\s|:?\s*$)")
_PREFIX = re.compile(r"^(?:\s{0,4}(?:\[[^\]\n]{1,40}\](?:<\w{1,6}>)?[: ]{0,2}|\([^)\n]{1,60}\) |\d{1,4}: ))+")
_OUT_OF_MEMORY = re.compile(
    r"out of memory\.? *(?:Tried to allocate|\(MPS allocated)"
    r"|^(?:Error: )?(?:[\w.]{1,200}\.)?\w{1,60}Error: .{0,200}\bout of memory\b"
)
_WARNING = re.compile(
    r"fast path is not available|fall(?:ing|s|en)? ?back to (?:the )?(?:eager|naive|slow|math)"
    r"|(?:training|this) (?:will|may|might|can) be (?:\w+ )?slow",
    re.IGNORECASE,
)
_DIGITS = re.compile(r"\d")
_SIZES = {
    "oom_tried_bytes": r"Tried to allocate ([\d.,]+ [KMGT]?i?B)",
    "gpu_total_bytes": r"total capaci?ty of ([\d.,]+ \w+)|([\d.,]+ \w+) total capacity|max allowed: ([\d.,]+ \w+)",
    "gpu_free_bytes": r"of which ([\d.,]+ \w+) is free|; ([\d.,]+ \w+) free",
    "process_bytes": r"this process has ([\d.,]+ \w+) memory in use|Process \d+ has ([\d.,]+ \w+) memory in use",
    "allocated_bytes": r"([\d.,]+ \w+) is allocated by PyTorch|([\d.,]+ \w+) already allocated"
    r"|MPS allocated: ([\d.,]+ \w+)",
    "reserved_unallocated_bytes": r"([\d.,]+ \w+) is reserved by PyTorch but unallocated",
    "reserved_bytes": r"([\d.,]+ \w+) reserved in total by PyTorch",
}
_SIZE_PATTERNS = {name: re.compile(pattern) for name, pattern in _SIZES.items()}
_PHASES = (
    ("evaluation", r"evaluation_loop|prediction_step|prediction_loop|in evaluate\b|in _evaluate\b"),
    ("save", r"save_pretrained|in _?save_checkpoint|in _save_optimizer|in save_model"),
    ("load", r"from_pretrained|_load_pretrained|load_state_dict|load_checkpoint|dispatch_model"),
    ("optimiser", r"optimizer\.step\(|torch/optim/|bitsandbytes/optim|_optimizer_step"),
    ("backward", r"in backward\b|\.backward\(|_engine_run_backward"),
    ("loss", r"cross_entropy|loss_function|ForCausalLMLoss|logits\.float\("),
    ("forward", r"in forward\b|compute_loss|_call_impl"),
)
_PHASE_PATTERNS = tuple((name, re.compile(pattern)) for name, pattern in _PHASES)


class ProblemReader:
    """Collects the problems of one log, line by line.

    The lines of the last stack are kept, at most MAX_STACK_LINES, to tell what the program was doing.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._stack: deque[Line] = deque(maxlen=MAX_STACK_LINES)
        self._in_stack = False
        self._prefix = ""
        self._seen: set[str] = set()

    @property
    def wants_every_line(self) -> bool:
        """Whether a stack is being read, so that lines without a marker matter as well."""
        return self._in_stack

    def read(self, line: Line, plain: str) -> None:
        """Take one line that holds a marker, or any line while a stack is open.

        Args:
            line: as it stands in the log.
            plain: the same without colours.
        """
        start = _START.match(plain)
        if start:
            self._open_stack(start[1])
        text = self._without_prefix(plain)
        if self._in_stack:
            self._stack.append(line)
            self._in_stack = len(self._stack) < MAX_STACK_LINES
        if _OUT_OF_MEMORY.search(text):
            self._add_out_of_memory(line)
        elif self._stack and not start and _ERROR.match(text):
            self._add("traceback", line, text)
        elif _WARNING.search(text):
            self._add_once(Problem("warning", text.strip(), (line,), line.number, line.number))

    def finish(self) -> None:
        """Take note of a stack that the log ends in."""
        if self._in_stack and self._stack:
            last = self._stack[-1]
            self._add("traceback", last, f"the log ends inside a traceback: {last.text.strip()}")

    def _open_stack(self, before: str) -> None:
        """Begin a stack; what stands before its first word stands before its other lines as well, save in notebooks."""
        self._stack.clear()
        self._in_stack = True
        self._prefix = "" if _NOTEBOOK_START.match(before) else before

    def _without_prefix(self, text: str) -> str:
        """Take off what a launcher or logger wrote in front of a line; times and numbers in it may differ."""
        if self._prefix and _DIGITS.sub("0", text).startswith(_DIGITS.sub("0", self._prefix)):
            return text[len(self._prefix) :]
        return _PREFIX.sub("", text)

    def _add_out_of_memory(self, line: Line) -> None:
        text = line.text
        values = {name: _find_size(pattern, text) for name, pattern in _SIZE_PATTERNS.items()}
        known = {name: value for name, value in values.items() if value is not None}
        self._add("out_of_memory", line, text, known)

    def _add(self, kind: str, line: Line, text: str, values: dict[str, int] | None = None) -> None:
        stack = tuple(self._stack)
        first = stack[0].number if stack else line.number
        shown = (*_last_frames(stack), line)
        phase = _find_phase(stack)
        summary = self._without_prefix(text).strip()
        self._add_once(Problem(kind, summary, shown, first, line.number, values or {}, phase))
        self._stack.clear()
        self._in_stack = False

    def _add_once(self, problem: Problem) -> None:
        """Keep a message once: every rank prints the same one, and a launcher repeats it."""
        key = problem.kind + re.sub(r"\d+", "#", problem.summary)
        if key not in self._seen and len(self._seen) < MAX_PROBLEMS:
            self._seen.add(key)
            self.problems.append(problem)


def _find_size(pattern: re.Pattern[str], text: str) -> int | None:
    match = pattern.search(text)
    return parse_size(next(group for group in match.groups() if group)) if match else None


def _find_phase(stack: Sequence[Line]) -> str:
    text = "\n".join(line.text for line in stack)
    return next((name for name, pattern in _PHASE_PATTERNS if pattern.search(text)), "")


def _last_frames(stack: Sequence[Line]) -> tuple[Line, ...]:
    """The innermost frames, which say where it failed."""
    frames = [line for line in stack if 'File "' in line.text]
    return tuple(frames[-2:])
