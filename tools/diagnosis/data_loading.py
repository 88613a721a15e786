"""A data loader that the GPU waits for, where the trainer prints how long loading takes."""

from collections.abc import Sequence
from statistics import median

from tools.diagnosis.finding import CannotJudge, Finding, Verdict, quote
from tools.diagnosis.signals import Signals
from tools.run import Point

MIN_ROWS = 5
WAITING_SHARE = 0.5
NOTED_SHARE = 0.25
"""Half of a step spent on waiting doubles its time; under a quarter other things cost more."""
SHARES = ("time_metrics/data_loading(%)", "data_loading(%)", "data_loading_percent")
PAIRS = (
    ("data_time", "time"),
    ("data_time", "step_seconds"),
    ("data_seconds", "step_seconds"),
    ("time_metrics/data_loading(s)", "time_metrics/end_to_end(s)"),
    ("data_loading_seconds", "step_seconds"),
    ("dataloader_time", "step_seconds"),
)
NO_TIMES = CannotJudge(
    "the log does not tell how long loading data takes", "GPU utilisation over time, or a profile of a few steps"
)


def judge_dataloader_bottleneck(signals: Signals) -> Verdict:
    """Find steps of which a large part goes by with waiting for data."""
    found = _shares(signals)
    if found is None:
        return NO_TIMES
    name, shares, points = found
    share = median(shares[len(shares) // 5 :])  # the first steps fill the workers' queues
    if share < NOTED_SHARE:
        return None
    is_waiting = share >= WAITING_SHARE
    return Finding(
        id="dataloader_bottleneck",
        severity="warning" if is_waiting else "note",
        confidence="likely" if is_waiting else "possible",
        summary=f"{100 * share:.0f}% of a step goes by with waiting for data (by {name}).",
        values={"waiting_share": share},
        evidence=quote([points[0], points[-1]]),
    )


def _shares(signals: Signals) -> tuple[str, list[float], Sequence[Point]] | None:
    """The metric that tells loading, its share of each step, and the points that show it."""
    for name in SHARES:
        points = signals.run.finite(name)
        if len(points) >= MIN_ROWS:
            return name, [point.value / 100 for point in points], points
    for loading, whole in PAIRS:
        points = signals.run.finite(loading)
        totals = {_row(point): point.value for point in signals.run.finite(whole)}
        shares = [point.value / total for point in points if (total := totals.get(_row(point), 0.0)) > 0]
        if len(shares) >= MIN_ROWS:
            return loading, shares, points
    return None


def _row(point: Point) -> tuple[bool, int]:
    """What two values of one row share: the step, else the line."""
    return (True, point.step) if point.step is not None else (False, point.line.number)
