"""A resumed run: whether the loss goes on where it was left."""

from itertools import pairwise
from statistics import median

from tools.diagnosis.curves import where
from tools.diagnosis.finding import CannotJudge, Finding, Verdict, quote
from tools.diagnosis.signals import NO_LOSS, RL_LOSS, Signals
from tools.run import Point
from tools.units import format_number

MIN_ROWS = 3
NUM_ROWS = 5
JUMP_SHARE = 0.15
JUMP_SIGMAS = 4.0
RATE_FACTOR = 3.0


def judge_checkpoint_resume(signals: Signals) -> Verdict:
    """Find a loss that jumps where the steps go back, as they do when a run is resumed from a checkpoint."""
    if signals.is_rl:
        return RL_LOSS
    if not signals.losses:
        return NO_LOSS
    if any(point.step is None for point in signals.losses):
        return CannotJudge("the log tells no steps, so that a resumed run is not seen", "the trainer_state.json")
    for index in _restarts(signals):
        before, after = signals.losses[:index], signals.losses[index:]
        finding = _compare(signals, before, after)
        if finding:
            return finding
    return None


def _restarts(signals: Signals) -> list[int]:
    """Indices of the rows whose step is not above the one before."""
    steps = [point.step or 0 for point in signals.losses]
    return [i + 1 for i, (earlier, later) in enumerate(pairwise(steps)) if later <= earlier and later > steps[0]]


def _compare(signals: Signals, before: tuple[Point, ...], after: tuple[Point, ...]) -> Finding | None:
    """Compare the first rows after a restart with those at the same steps before it."""
    resumed = (after[0].step or 0) - 1
    known = [point.value for point in before if (point.step or 0) <= resumed][-NUM_ROWS:]
    again = [point.value for point in after[:NUM_ROWS]]
    if len(known) < MIN_ROWS or len(again) < MIN_ROWS:
        return None
    level, now = median(known), median(again)
    if now - level <= max(JUMP_SHARE * abs(level), JUMP_SIGMAS * signals.curve.noise):
        return None
    return Finding(
        id="checkpoint_resume",
        severity="warning",
        confidence="likely",
        summary=f"The steps go back to {after[0].step} from {before[-1].step}: the run was resumed there. The loss was "
        f"{format_number(level)} at that step and is {format_number(now)} now"
        + _tell_rate(signals, before[-1], after[0])
        + ": weights or the optimiser's state were not restored in full.",
        values={"resumed_step": after[0].step, "loss_before": level, "loss_after": now},
        evidence=quote([before[-1], after[0]]),
    )


def _tell_rate(signals: Signals, before: Point, after: Point) -> str:
    """What the learning rate does at the restart, "" where it goes on."""
    rates = {point.line.number: point.value for point in signals.rates}
    old, new = rates.get(before.line.number), rates.get(after.line.number)
    if old is None or new is None or old <= 0 or 1 / RATE_FACTOR < new / old < RATE_FACTOR:
        return ""
    return f", the learning rate goes from {format_number(old)} to {format_number(new)} ({where(after)})"
