"""Ranks that waited for one that did not come."""

import re
from collections.abc import Sequence

from tools.diagnosis.crashes import HANG, find_crashes, has_other_root, judge_crash
from tools.diagnosis.finding import CannotJudge, Finding, Value, Verdict
from tools.run import Problem, Run

_TIMED_OUT = re.compile(
    r"Rank (\d{1,5})\].{0,200}?SeqNum=(\d{1,12}), OpType=(\w{1,40}).{0,200}?Timeout\(ms\)=(\d{1,12})"
)
_ENQUEUED = re.compile(r"Rank (\d{1,5})\].{0,200}?last enqueued (?:NCCL )?work: (-?\d{1,12})")


def judge_distributed_hang(run: Run) -> Verdict:
    """Find ranks that waited for another one, where no other error tells why."""
    timeouts = [problem for problem in run.problems if problem.kind == "timeout"]
    timeout = next((problem for problem in timeouts if problem.name == "waited"), None)
    found = judge_crash(run, HANG)
    if timeout is None or isinstance(found, CannotJudge):
        return found
    if has_other_root(run, find_crashes(run)):
        return None
    texts = [line.text for problem in timeouts for line in problem.lines]
    waits = [match for text in texts if (match := _TIMED_OUT.search(text))]
    values: dict[str, Value] = {
        "num_ranks": len(timeout.ranks) or None,
        "missing_ranks": _name_ranks(_missing(timeout)),
    }
    text = "A collective operation timed out"
    if waits:
        rank, number, operation, milliseconds = waits[0].groups()
        values |= {"sequence_number": int(number), "operation": operation, "timeout_seconds": int(milliseconds) / 1000}
        text = f"{operation} number {number} waited {int(milliseconds) / 1000:g} s on rank {rank} and timed out"
    text += f". {_tell_ranks(timeout, texts)}"
    return Finding(HANG, "error", "certain", text, values, timeout.lines)


def _missing(timeout: Problem) -> tuple[int, ...]:
    """Ranks that did not say that they waited, below the highest one that did."""
    if len(timeout.ranks) < 2:
        return ()
    return tuple(rank for rank in range(max(timeout.ranks)) if rank not in timeout.ranks)


def _tell_ranks(timeout: Problem, texts: Sequence[str]) -> str:
    missing = _missing(timeout)
    if missing:
        return f"Rank {_name_ranks(missing)} did not report: it is the one to look at, not those that waited."
    enqueued = {int(match[1]): int(match[2]) for text in texts if (match := _ENQUEUED.search(text))}
    if len(set(enqueued.values())) > 1:
        behind = min(enqueued, key=lambda rank: enqueued[rank])
        return f"Rank {behind} had started the fewest operations: it is the one that was missing."
    if timeout.ranks:
        return (
            f"Rank {_name_ranks(timeout.ranks)} reported it; the rank that is missing among them is the one to look at."
        )
    return "The rank that is missing is the one to look at."


def _name_ranks(ranks: Sequence[int]) -> str | None:
    return ", ".join(str(rank) for rank in ranks[:8]) + (", ..." if len(ranks) > 8 else "") if ranks else None
