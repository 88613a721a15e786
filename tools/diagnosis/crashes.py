"""Crashes: which errors stopped the run, what they mean, and which of them only follow from another."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.diagnosis.finding import CannotJudge, Finding, Severity, Value, Verdict
from tools.diagnosis.moments import PHASES, holds_no_words, went_on
from tools.run import Problem, Run

if TYPE_CHECKING:
    from tools.diagnosis.signatures import Explanation

HANG = "distributed_hang"
_CONFIDENCES = ("certain", "likely", "possible")

_WRAPPER = re.compile(
    r"ChildFailedError|SignalException|Process(?:Raised|Exited)Exception|returned non-zero exit status"
    r"|Caught \w{1,40} in (?:replica|DataLoader worker|pin memory)|^SystemExit|^KeyboardInterrupt|^GeneratorExit"
    r"|RayTaskError|RayActorError|ActorDiedError|EngineDeadError|Engine core initialization failed"
    r"|ExecuteUserScriptError|^asyncio\.exceptions\.CancelledError|BrokenPipeError"
)
_LAUNCHER = re.compile(r"ChildFailedError|Process(?:Raised|Exited)Exception|returned non-zero exit status")
_FAULTS = {
    "SIGSEGV": "The process ended in a segmentation fault: a fault in native code, such as a mismatched extension.",
    "SIGABRT": "The process aborted itself: native code found a fault that it could not go on with.",
    "SIGILL": "The processor does not know an instruction: a library was built for another one.",
}


@dataclass(frozen=True, slots=True)
class Crash:
    """One error with what led to it and what it means.

    Attributes:
        problem: the error to show; chain: the tracebacks that hang together with it, in the order of the log.
        explanation: None where it is not known.
    """

    problem: Problem
    chain: tuple[Problem, ...]
    explanation: "Explanation | None"

    @property
    def id(self) -> str:
        """The pitfall that it belongs to, "" for none."""
        return self.explanation.signature.id if self.explanation else ""


def find_crashes(run: Run) -> tuple[Crash, ...]:
    """The errors of a run, without launchers' words and without what hangs together with an out-of-memory message."""
    chains: list[list[Problem]] = []
    for problem in run.problems:
        if problem.kind not in {"traceback", "error", "out_of_memory", "host_memory"}:
            continue
        if problem.link and chains:
            chains[-1].append(problem)
        else:
            chains.append([problem])
    crashes = [_read_chain(chain) for chain in chains if not any(_is_memory(problem) for problem in chain)]
    return tuple(crash for crash in crashes if crash is not None)


def judge_crash(run: Run, rule: str) -> Verdict:
    """Find the first error of a run that belongs to a pitfall.

    Args:
        run: as it was read.
        rule: id of the pitfall.
    """
    if holds_no_words(run):
        return CannotJudge("a file of metrics holds no error messages", "the console output with the traceback")
    crashes = find_crashes(run)
    found = [crash for crash in crashes if crash.id == rule and not _is_echo(run, crash, crashes)]
    if not found:
        return None
    here = next((crash for crash in found if not went_on(run, crash.problem)), found[0])
    return _tell(run, here.problem, here.explanation) if here.explanation else None


def describe_unexplained(run: Run, explained: Sequence[Finding]) -> tuple[str, ...]:
    """Errors that no finding explains: known ones in words, unknown ones with the last frame of the person's own code.

    Args:
        run: as it was read.
        explained: the findings; what comes after an error among them is taken for its consequence.
    """
    roots = [finding for finding in explained if finding.severity != "note" and finding.evidence]
    first = min((finding.evidence[0].number for finding in roots), default=None)
    shown: dict[str, str] = {}
    for crash in find_crashes(run):
        problem = crash.problem
        is_lone = problem.kind == "error" and (crash.explanation is None or went_on(run, problem))
        if crash.id or is_lone or (first is not None and problem.first_line > first):
            continue
        key = crash.explanation.cause if crash.explanation else problem.summary
        if problem.kind == "traceback" or key not in shown:
            shown[key] = _describe(crash)
    return tuple(shown.values()) or _describe_end(run, explained)


def _describe_end(run: Run, explained: Sequence[Finding]) -> tuple[str, ...]:
    """What is left to say where no error is shown: a fault in native code, or a launcher's word about another file."""
    ended = [finding for finding in explained if finding.severity != "note"]
    if ended or find_crashes(run):
        return ()
    fault = next((one for one in run.problems if one.kind == "signal" and one.name in _FAULTS), None)
    if fault is not None and not went_on(run, fault):
        return (f"{_FAULTS[fault.name]} ({fault.summary}; line {fault.first_line})",)
    wrapper = next((one for one in run.problems if _LAUNCHER.search(one.summary) and not went_on(run, one)), None)
    if wrapper is None or any(finding.id == "interrupted" for finding in explained):
        return ()
    where = f"{wrapper.summary}; lines {wrapper.first_line}-{wrapper.last_line}"
    return (f"A launcher says that one of its processes failed; why stands in that process's own output ({where})",)


def is_kernel_assertion(problem: Problem) -> bool:
    """Whether a check inside a GPU kernel failed; the compilers' own checks are none."""
    return problem.kind == "assertion" and bool(re.search(r"\.cuh?:\d", problem.summary))


def _read_chain(chain: Sequence[Problem]) -> Crash | None:
    """Explain errors that hang together.

    What was raised from another error follows from it, so the first counts; what was raised while another error was
    handled is most often what matters, so the last counts. Of several that say the same, the surest is shown.
    """
    telling = [problem for problem in chain if not _WRAPPER.search(problem.summary)]
    if not telling:
        return None
    from tools.diagnosis.signatures import explain_error

    order = list(reversed(telling)) if telling[-1].link == "context" else telling
    known = [(problem, found) for problem in order if (found := explain_error(problem.message, problem.stack))]
    if not known:
        return Crash(order[0], tuple(chain), None)
    rule = next((found.signature.id for _, found in known if found.signature.id), "")
    same = [(problem, found) for problem, found in known if found.signature.id == rule]
    problem, explanation = min(same, key=lambda pair: _CONFIDENCES.index(pair[1].signature.confidence))
    return Crash(problem, tuple(chain), explanation)


def _is_memory(problem: Problem) -> bool:
    return problem.kind in {"out_of_memory", "host_memory"}


def _is_echo(run: Run, crash: Crash, crashes: Sequence[Crash]) -> bool:
    """Whether an error of the communication between ranks only tells that another rank had failed."""
    return crash.id == HANG and has_other_root(run, [other for other in crashes if other is not crash])


def has_other_root(run: Run, crashes: Sequence[Crash]) -> bool:
    """Whether something else than communication stopped the run."""
    memory = any(not went_on(run, problem) for problem in run.problems if _is_memory(problem))
    asserted = any(is_kernel_assertion(problem) for problem in run.problems)
    return (
        memory
        or asserted
        or any(
            crash.id != HANG and crash.problem.kind == "traceback" and not went_on(run, crash.problem)
            for crash in crashes
        )
    )


def _tell(run: Run, problem: Problem, explanation: "Explanation") -> Finding:
    signature, text = explanation.signature, explanation.cause
    if problem.phase in PHASES:
        text += f" It happened {PHASES[problem.phase]}."
    if problem.user_frame:
        text += f" Your code was last at {problem.user_frame}."
    elif problem.library_frame:
        text += f" The library was at {problem.library_frame}."
    is_over = went_on(run, problem)
    text += " The run went on after it." if is_over else ""
    values: dict[str, Value] = {
        **explanation.values,
        "error": problem.name or None,
        "signature": signature.name,
        "user_frame": problem.user_frame or None,
        "num_ranks": len(problem.ranks) or None,
    }
    severity = _severity(problem, is_over=is_over)
    return Finding(signature.id, severity, signature.confidence, text, values, problem.lines)


def _severity(problem: Problem, *, is_over: bool) -> Severity:
    """An error after which the run went on was caught, unless it ended a process and another one was started."""
    if not is_over:
        return "error"
    return "warning" if problem.is_uncaught else "note"


def _describe(crash: Crash) -> str:
    problem = crash.problem
    where = f"lines {problem.first_line}-{problem.last_line}"
    if problem.user_frame:
        where += f", your code last at {problem.user_frame}"
    elif problem.library_frame:
        where += f", the library at {problem.library_frame}"
    summary = problem.summary if len(problem.summary) <= 300 else problem.summary[:297] + "..."
    if crash.explanation:
        return f"{crash.explanation.cause} ({summary}; {where})"
    return f"not known to ftchat: {summary} ({where})"
