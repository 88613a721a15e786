"""Keeps each problem once and counts how often it came: every rank prints the same, and a launcher repeats it."""

from dataclasses import dataclass, field, replace

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.lone_messages import MISFIT
from tools.log_formats.out_of_memory import read_sizes
from tools.run import Line, Problem

MAX_PROBLEMS = 200
MAX_MESSAGE = 2000
MAX_SHOWN = 8

_DIGITS = lazy_pattern(r"\d+")
_MERGED = frozenset({"timeout", "sign", "signal", "assertion"})
_MEMORY = frozenset({"out_of_memory", "host_memory"})


@dataclass(slots=True)
class Entry:
    """A problem while the log is still being read."""

    problem: Problem
    message: list[str]
    num_messages: int = 0
    last_seen: int = 0
    ranks: set[int] = field(default_factory=set)
    more_lines: list[Line] = field(default_factory=list)

    def build(self) -> Problem:
        """The problem as it stands now."""
        message = "\n".join(self.message)[:MAX_MESSAGE]
        sizes = read_sizes(message.replace("\n", " ")) if self.problem.kind in _MEMORY else {}
        return replace(
            self.problem,
            message=message,
            values={**self.problem.values, **sizes},
            lines=(*self.problem.lines, *self.more_lines),
            num_messages=self.num_messages,
            ranks=tuple(sorted(self.ranks)),
            last_seen=self.last_seen,
        )


class ProblemLedger:
    """All problems of one log, each once, in the order in which they were first seen."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def record(self, problem: Problem, rank: int | None) -> Entry | None:
        """Take a problem.

        Returns:
            The entry where this is the first of its kind, None where it was counted with an earlier one or is one too
            many.
        """
        key = self._find_key(problem)
        entry = self._entries.get(key)
        is_new = entry is None
        if entry is None:
            if len(self._entries) >= MAX_PROBLEMS:
                return None
            entry = self._entries[key] = Entry(problem, [problem.message or problem.summary])
        elif _tells_more(problem, entry.problem):
            entry.problem = replace(problem, first_line=entry.problem.first_line)
        elif problem.kind == "timeout" and rank not in entry.ranks and len(entry.more_lines) < MAX_SHOWN:
            entry.more_lines.extend(problem.lines)
        entry.num_messages += 1
        entry.last_seen = max(entry.last_seen, problem.last_line)
        if rank is not None:
            entry.ranks.add(rank)
        return entry if is_new else None

    @property
    def problems(self) -> list[Problem]:
        """What was found."""
        return [entry.build() for entry in self._entries.values()]

    def _find_key(self, problem: Problem) -> str:
        """Two messages with the same key are one problem.

        Numbers differ from rank to rank, and a message without a stack repeats the one that had it.
        """
        if problem.kind in _MERGED or problem.name == MISFIT:
            return f"{problem.kind} {problem.name}"
        if problem.kind not in _MEMORY:
            return f"{problem.kind} {problem.name} {_DIGITS.sub('#', problem.summary)}"
        found = [key for key in self._entries if key.startswith(f"{problem.kind} ")]
        if not problem.phase and found:
            return found[0]
        bare = f"{problem.kind} "
        if problem.phase and bare in self._entries and self._is_same_message(self._entries[bare], problem):
            return bare
        return f"{problem.kind} {problem.phase}"

    @staticmethod
    def _is_same_message(entry: Entry, problem: Problem) -> bool:
        """Whether the entry, which has no stack yet, is of the message that now comes with one."""
        return not entry.problem.phase and read_sizes(entry.message[0]) == read_sizes(problem.message)


def _tells_more(later: Problem, earlier: Problem) -> bool:
    """Whether the later of two messages that count as one is better to show: it has the stack, or a lower scale."""
    if later.kind in _MEMORY:
        return bool(later.phase and not earlier.phase)
    return later.values.get("loss_scale", 0) < earlier.values.get("loss_scale", 0)
