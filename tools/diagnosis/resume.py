"""A resumed run: whether the loss goes on where it was left."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from tools.diagnosis.curves import where
from tools.diagnosis.finding import Finding, Verdict, quote
from tools.diagnosis.signals import NO_LOSS, RL_LOSS, Signals
from tools.run import Point
from tools.units import format_number

MIN_ROWS = 3
NUM_ROWS = 5
MAX_RESTARTS = 8
JUMP_SHARE = 0.15
JUMP_SIGMAS = 4.0
RATE_FACTOR = 3.0
MIN_ROWS_TO_REPEAT = 6
FALLEN_SHARE = 0.25
NEAR_START_SHARE = 0.2
REPETITION_SIGMAS = 8.0
"""The loss had fallen by a quarter, and begins again within a fifth of that from where it had begun."""


def judge_checkpoint_resume(signals: Signals) -> Verdict:
    """Find a loss that jumps where a run was resumed: where its steps go back, or where it learns all over again."""
    if signals.is_rl:
        return RL_LOSS
    if not signals.losses:
        return NO_LOSS
    if all(point.step is not None for point in signals.losses):
        for index in _restarts(signals)[:MAX_RESTARTS]:
            finding = _compare(signals, signals.losses[:index], signals.losses[index:])
            if finding:
                return finding
        if finding := _judge_other_epochs(signals):
            return finding
    return _judge_repetition(signals)


def _judge_other_epochs(signals: Signals) -> Finding | None:
    """A loss that jumps where the epochs go back and the steps go on: continued with other data or another batch."""
    losses = signals.losses
    back = [i for i in range(1, len(losses)) if _goes_back(losses[i - 1], losses[i])]
    if len(back) != 1:  # a trainer that counts within each epoch goes back at every one
        return None
    before, after = losses[: back[0]], losses[back[0] :]
    if len(before) < MIN_ROWS or len(after) < MIN_ROWS:
        return None
    level, now = (median(point.value for point in points) for points in (before[-NUM_ROWS:], after[:NUM_ROWS]))
    if now - level <= max(JUMP_SHARE * abs(level), JUMP_SIGMAS * signals.curve.noise):
        return None
    return Finding(
        id="checkpoint_resume",
        severity="warning",
        confidence="likely",
        summary=f"The epochs go back from {before[-1].epoch} to {after[0].epoch} at {where(after[0])} while the steps "
        "go on: the run was continued with other data or another batch size, and the loss jumps from "
        f"{format_number(level)} to {format_number(now)}.",
        values={"resumed_step": after[0].step, "loss_before": level, "loss_after": now},
        evidence=quote([before[-1], after[0]]),
    )


def _goes_back(earlier: Point, later: Point) -> bool:
    if earlier.epoch is None or later.epoch is None or earlier.step is None or later.step is None:
        return False
    return later.epoch < earlier.epoch and later.step > earlier.step


def _judge_repetition(signals: Signals) -> Finding | None:
    """A loss that jumps in one row to where it had begun, and falls again: the weights were not restored."""
    values, noise = signals.values, signals.curve.noise
    index = _largest_jump(values)
    if index is None or signals.run.is_excerpt:
        return None
    start, level = median(values[:MIN_ROWS]), median(values[index - MIN_ROWS : index])
    again, end = median(values[index : index + MIN_ROWS]), median(values[-MIN_ROWS:])
    height = start - level
    is_jump = height > max(FALLEN_SHARE * start, REPETITION_SIGMAS * noise) and values[index - 1] < start - height / 2
    is_start = abs(again - start) < NEAR_START_SHARE * height and max(values[index:]) < start + height / 2
    is_lasting = min(values[index : index + NUM_ROWS]) > start - height / 2
    if not is_jump or not is_lasting or not is_start or again - end < NEAR_START_SHARE * height:
        return None
    before, after = signals.losses[index - 1], signals.losses[index]
    return Finding(
        id="checkpoint_resume",
        severity="warning",
        confidence="likely",
        summary=f"The loss jumps from {format_number(level)} to {format_number(after.value)} at {where(after)}, where "
        f"it had begun ({format_number(start)}), and falls again from there: training started over, without the "
        "weights learned until then.",
        values={"resumed_step": after.step, "loss_before": level, "loss_after": after.value},
        evidence=quote([signals.losses[0], before, after]),
    )


def _largest_jump(values: Sequence[float]) -> int | None:
    """The row that stands highest above the one before it, away from both ends."""
    inside = range(MIN_ROWS_TO_REPEAT, len(values) - MIN_ROWS_TO_REPEAT)
    return max(inside, key=lambda i: values[i] - values[i - 1], default=None)


def _restarts(signals: Signals) -> list[int]:
    """Indices of the rows whose step is below the one before, but not where the run began."""
    steps = [point.step or 0 for point in signals.losses]
    return [i + 1 for i, (earlier, later) in enumerate(pairwise(steps)) if steps[0] < later < earlier]


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
