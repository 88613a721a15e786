"""Slow training, as far as a log alone can say it: long steps, steps that grow longer, a slow path announced."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from tools.diagnosis.finding import CannotJudge, Finding, Value, Verdict
from tools.run import Line, Progress, Run
from tools.units import format_duration, format_number

LONG_STEP_SECONDS = 5.0
LONG_RUN_SECONDS = 12 * 3600.0
"""A fine-tune with steps over 5 s that takes more than half a day is worth a look at its settings."""
SLOWING_FACTOR = 3.0
"""Steps vary by a factor of two with sequence length alone."""
MIN_STAGES = 12
NUM_SPREAD = 80


def judge_slow_training(run: Run) -> Verdict:
    """Find long steps, steps that grow longer, or a trainer's own word that it takes a slow path."""
    warned = next((problem for problem in run.problems if problem.kind == "warning"), None)
    bar = run.stages[-1] if run.stages else None
    seconds = bar.seconds_per_step if bar else None
    runtime = run.summary.get("train_runtime")
    if warned is None and seconds is None and runtime is None:
        return CannotJudge("the log shows no progress bar and no run time", "the console output with its progress bar")
    if warned:
        return _finding("warning", f"The log itself says so: {warned.summary}", {}, warned.lines)
    if bar is None or seconds is None:
        return None
    slowing = _slowing(run.stages)
    whole = seconds * bar.total
    values: dict[str, Value] = {"seconds_per_step": seconds, "expected_seconds": whole, "slowing_factor": slowing}
    if slowing and slowing >= SLOWING_FACTOR:
        text = f"Steps take {slowing:.1f} times as long at the end of the log as at its beginning."
        return _finding("warning", text, values, (run.stages[len(run.stages) // 8].line, bar.line))
    if seconds >= LONG_STEP_SECONDS and whole >= LONG_RUN_SECONDS:
        text = (
            f"A step takes {format_number(seconds)} s on average; all {bar.total} steps come to "
            f"{format_duration(whole)}. Whether the hardware could do better, the log does not tell."
        )
        return _finding("note", text, values, (bar.line,))
    return None


def _finding(severity: str, text: str, values: dict[str, Value], lines: tuple[Line, ...]) -> Finding:
    if severity == "warning":
        return Finding("slow_training", "warning", "likely", text, values, lines)
    return Finding("slow_training", "note", "possible", text, values, lines)


def _slowing(stages: Sequence[Progress]) -> float | None:
    """How much longer a step takes in the last quarter of the steps than between their first eighth and their half.

    The first steps compile and warm up, so they are left out; medians, so that one pause is not taken for slow steps;
    a bar that started again counts from there.
    """
    restarts = [i for i in range(1, len(stages)) if stages[i].step < stages[i - 1].step]
    current = stages[restarts[-1] if restarts else 0 :]
    if len(current) < MIN_STAGES:
        return None
    spread = _spread(current)
    paces = [pace for earlier, later in pairwise(spread) if (pace := _pace(earlier, later)) is not None]
    early, late = paces[len(paces) // 8 : len(paces) // 2], paces[-max(3, len(paces) // 4) :]
    return median(late) / median(early) if early and median(early) > 0 else None


def _spread(stages: Sequence[Progress]) -> list[Progress]:
    """Stages that lie evenly over the steps: the bar is read more often at the beginning of a long log."""
    kept, apart = [stages[0]], (stages[-1].step - stages[0].step) / NUM_SPREAD
    for stage in stages[1:]:
        if stage.step - kept[-1].step >= apart:
            kept.append(stage)
    return kept


def _pace(start: Progress, end: Progress) -> float | None:
    """Seconds a step between two moments of a bar."""
    return (end.elapsed_seconds - start.elapsed_seconds) / (end.step - start.step) if end.step > start.step else None
