"""Slow training, as far as a log alone can say it: long steps, steps that grow longer, a slow path announced."""

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from tools.diagnosis.finding import CannotJudge, Confidence, Finding, Severity, Value, Verdict
from tools.diagnosis.signals import Signals
from tools.run import Line, Progress, Run
from tools.units import format_duration, format_number

LONG_STEP_SECONDS = 5.0
LONG_RUN_SECONDS = 12 * 3600.0
"""A fine-tune with steps over 5 s that takes more than half a day is worth a look at its settings."""
SLOWING_FACTOR = 3.0
"""Steps vary by a factor of two with sequence length alone."""
MIN_STAGES = 12
MIN_STEP_TIMES = 24
NUM_SPREAD = 80
UTILISATIONS = ("mfu", "perf/mfu/actor", "mfu(%)")
TOTALS = ("total_steps", "max_steps")


def judge_slow_training(signals: Signals) -> Verdict:
    """Find long steps, steps that grow longer, or a trainer's own word that it takes a slow path."""
    run = signals.run
    warned = next((problem for problem in run.problems if problem.kind == "warning"), None)
    bar = run.stages[-1] if run.stages else None
    seconds = _seconds_per_step(run)
    if warned is None and seconds is None and "train_runtime" not in run.summary:
        return CannotJudge("the log shows no progress bar and no run time", "the console output with its progress bar")
    if warned:
        text = f"The log itself says so: {warned.summary}"
        return _finding("warning", "likely", text, {}, warned.lines)
    if seconds is None:
        return None
    slowing = _slowing(run.stages) or _slowing_times(run)
    total = bar.total if bar else _total(run)
    values: dict[str, Value] = {
        "seconds_per_step": seconds,
        "expected_seconds": seconds * total if total else None,
        "slowing_factor": slowing,
    }
    last = bar.line if bar else run.points("step_seconds")[-1].line
    if slowing and slowing >= SLOWING_FACTOR:
        text = f"Steps take {slowing:.1f} times as long at the end of the log as at its beginning."
        first = run.stages[len(run.stages) // 8].line if bar else run.points("step_seconds")[0].line
        return _finding("warning", "likely", text, values, (first, last))
    if bar is None or total is None or seconds < LONG_STEP_SECONDS or seconds * total < LONG_RUN_SECONDS:
        return None
    text = (
        f"A step takes {format_number(seconds)} s on average; all {total} steps come to "
        f"{format_duration(seconds * total)}." + _tell_utilisation(run)
    )
    return _finding("warning", "possible", text, values, (last,))


def _finding(
    severity: Severity, confidence: Confidence, text: str, values: dict[str, Value], lines: tuple[Line, ...]
) -> Finding:
    return Finding("slow_training", severity, confidence, text, values, lines)


def _seconds_per_step(run: Run) -> float | None:
    """By the bar as a whole, else the median of the times that the rows print."""
    if run.stages and run.stages[-1].seconds_per_step:
        return run.stages[-1].seconds_per_step
    times = run.values("step_seconds")
    return median(times) if times else None


def _total(run: Run) -> int | None:
    numbers = (run.number(name) for name in TOTALS)
    return next((int(number) for number in numbers if number and math.isfinite(number)), None)


def _tell_utilisation(run: Run) -> str:
    """What the trainer says of how much of the hardware's arithmetic it reaches."""
    for name in UTILISATIONS:
        shares = run.values(name)
        if shares:
            share = median(shares)
            return f" The trainer reports a utilisation (MFU) of {share if share > 1 else 100 * share:.0f}%."
    return " Whether the hardware could do better, the log does not tell."


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
    return _growth([pace for earlier, later in pairwise(spread) if (pace := _pace(earlier, later)) is not None])


def _slowing_times(run: Run) -> float | None:
    """The same from the step times that the rows print."""
    times = run.values("step_seconds")
    return _growth(times) if len(times) >= MIN_STEP_TIMES else None


def _growth(paces: Sequence[float]) -> float | None:
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
