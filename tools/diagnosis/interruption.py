"""Runs that were ended from outside: by the scheduler, a person, or the system when its memory ran out."""

from tools.diagnosis.crashes import find_crashes, judge_crash
from tools.diagnosis.finding import CannotJudge, Confidence, Finding, Severity, Value, Verdict
from tools.diagnosis.moments import holds_no_words, went_on
from tools.run import Problem, Run
from tools.units import format_bytes

HOST_MEMORY = "out_of_memory_cpu"
INTERRUPTED = "interrupted"

_ENDS = {
    "time_limit": "The scheduler ended the job at its time limit.",
    "preempted": "The scheduler took the machine away (pre-emption, requeue or a failed node).",
    "cancelled": "The job was cancelled.",
    "SIGTERM": "The process was asked to end (SIGTERM), as a scheduler or a person does.",
    "SIGHUP": "The terminal or connection that the run hung on was closed (SIGHUP).",
    "SIGUSR1": "The scheduler announced the job's end (SIGUSR).",
    "SIGINT": "Someone stopped the run (SIGINT).",
}
_BY_SCHEDULER = ("time_limit", "preempted")
_KILLED = "SIGKILL"
MAX_LINES_AFTER = 2
"""A cursor that goes up and an empty line may follow the last bar."""


def judge_interrupted(run: Run) -> Verdict:
    """Find a positive sign that the run was ended from outside before its end; an early end of the log alone is "
    "none."""
    if holds_no_words(run):
        return CannotJudge("a file of metrics does not tell how the run ended", "the console or scheduler output")
    if _has_crashed(run) or is_finished(run):
        return None
    signals = {problem.name: problem for problem in run.problems if problem.kind == "signal"}
    name = next((name for name in _ENDS if name in signals and not went_on(run, signals[name])), None)
    if name is not None:
        severity: Severity = "warning" if name in _BY_SCHEDULER else "note"
        return Finding(
            INTERRUPTED, severity, "certain", _ENDS[name] + _tell_step(run), {"by": name}, signals[name].lines
        )
    stopped = next((one for one in run.problems if one.name == "KeyboardInterrupt" and not went_on(run, one)), None)
    if stopped is None:
        return _judge_early_end(run)
    text = "Someone stopped the run from the keyboard." + _tell_step(run)
    return Finding(INTERRUPTED, "note", "certain", text, {"by": "KeyboardInterrupt"}, stopped.lines)


def judge_out_of_memory_cpu(run: Run) -> Verdict:
    """Find a process that ended because the machine's own memory ran out, told outright or by a kill without a word."""
    if holds_no_words(run):
        return CannotJudge("a file of metrics does not tell how the run ended", "the console or scheduler output")
    told = [problem for problem in run.problems if problem.kind == "host_memory"]
    if told:
        problem = next((one for one in told if not went_on(run, one)), told[0])
        return _tell_host_memory(run, problem, "certain", "The machine's own memory ran out")
    if found := judge_crash(run, HOST_MEMORY):
        return found
    signals = {problem.name: problem for problem in run.problems if problem.kind == "signal"}
    killed = signals.get(_KILLED) or signals.get("SIGBUS")
    if killed is None or _has_crashed(run) or is_finished(run) or any(name in signals for name in _ENDS):
        return None
    if killed.name == _KILLED:
        text = "The process was killed without a word, as the system does when the machine's memory runs out"
        return _tell_host_memory(run, killed, "likely", text)
    return _tell_host_memory(
        run, killed, "possible", "The process ended in a bus error, as it does without shared memory"
    )


def _judge_early_end(run: Run) -> Verdict:
    """Note a log whose last line is a bar that is not full: the run was ended without a word, or still goes on."""
    bar = run.stages[-1] if run.stages else None
    if bar is None or run.is_excerpt or bar.line.number < run.num_lines - MAX_LINES_AFTER:
        return None
    text = f"The log ends at step {bar.step} of {bar.total} without a word: the run was ended there, or still goes on."
    values: dict[str, Value] = {"by": None, "last_step": bar.step, "total_steps": bar.total}
    return Finding(INTERRUPTED, "note", "possible", text, values, (bar.line,))


def is_finished(run: Run) -> bool:
    """Whether the run reached its end: the trainer printed its summary, or its bar is full.

    Without a single row a full bar may be that of anything, such as of files that were read.
    """
    bar = run.stages[-1] if run.stages and run.series else None
    return "train_runtime" in run.summary or (bar is not None and bar.step >= bar.total > 0)


def _has_crashed(run: Run) -> bool:
    """Whether an error of its own ended the run, so that what its launcher did afterwards is a consequence."""
    memory = (problem for problem in run.problems if problem.kind in {"out_of_memory", "host_memory"})
    if any(not went_on(run, problem) for problem in memory):
        return True
    return any(
        crash.problem.kind == "traceback" and not went_on(run, crash.problem) and not _is_cut(crash.problem)
        for crash in find_crashes(run)
    )


def _is_cut(problem: Problem) -> bool:
    return problem.summary.startswith("the log ends inside")


def _tell_host_memory(run: Run, problem: Problem, confidence: Confidence, text: str) -> Finding:
    is_over = went_on(run, problem)
    tried = problem.values.get("oom_tried_bytes")
    text += f": {format_bytes(tried)} could not be had." if tried else "."
    values: dict[str, Value] = {**problem.values, "phase": problem.phase or None, "num_messages": problem.num_messages}
    severity: Severity = "warning" if is_over else "error"
    return Finding(HOST_MEMORY, severity, confidence, text + _tell_step(run), values, problem.lines)


def _tell_step(run: Run) -> str:
    """How far the run had come, where its bar or its rows tell."""
    if run.stages:
        return f" It had done {run.stages[-1].step} of {run.stages[-1].total} steps."
    points = run.points("loss")
    return f" Its last row was at step {points[-1].step}." if points and points[-1].step is not None else ""
