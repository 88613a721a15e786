"""The true step of every row: from the record, from the training bar beside it, or from its epoch.

The row's number is never taken for a step; where nothing tells the step it stays None.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tools.log_formats.record import Record
from tools.run import Setting

MAX_REPEATED_SHARE = 0.2
EPOCH_ROUNDING = 0.006
CONTRADICTION_SHARE = 0.2
MAX_GAP_DIFFERENCE = 0.1
MAX_EPOCH = 1e6
MAX_STEP = 1e15


@dataclass(slots=True)
class RawRow:
    """A record, its place among all, and the bars round it: total -> step shown, before it and first after it."""

    record: Record
    before: dict[int, int]
    after: dict[int, int]
    order: int


def training_total(rows: Sequence[RawRow], settings: Mapping[str, Setting]) -> int | None:
    """Tell which bar is the training bar, by its total number of steps.

    The banner's number of optimisation steps decides; without it, the bar that moves most from row to row.
    """
    seen: dict[int, set[int]] = {}
    for row in rows:
        if row.record.kind == "train":
            for total, step in (*row.before.items(), *row.after.items()):
                seen.setdefault(total, set()).add(step)
    for name in ("total_steps", "max_steps"):
        if name in settings and settings[name].value in seen:
            return int(settings[name].value)
    return max(seen, key=lambda total: (len(seen[total]), total), default=None)


def resolve_steps(rows: Sequence[RawRow], settings: Mapping[str, Setting], total: int | None) -> list[int | None]:
    """Give the step of every row, None where nothing tells it."""
    recorded = [read_step(row.record.values) for row in rows]
    if total is None or all(step is not None for step in recorded):
        return recorded
    told = _told(rows, settings, total)
    return [other if step is None else step for step, other in zip(recorded, told, strict=True)]


def _told(rows: Sequence[RawRow], settings: Mapping[str, Setting], total: int) -> list[int | None]:
    """The steps that bars tell, or the epochs where the bars do not move with the rows."""
    per_epoch = _steps_per_epoch(rows, total)
    shown = [_shown(row, total, per_epoch) for row in rows]
    if _are_steps([step for row, step in zip(rows, shown, strict=True) if row.record.kind == "train"]):
        return shown
    return _from_epochs(rows, per_epoch or _planned_steps_per_epoch(rows, settings, total))


def _steps_per_epoch(rows: Sequence[RawRow], total: int) -> float | None:
    """The summary's epoch belongs to the last step."""
    ends = [
        epoch for row in rows if row.record.kind == "summary" and (epoch := read_epoch(row.record.values)) is not None
    ]
    return total / ends[-1] if ends and ends[-1] > 0 else None


def _planned_steps_per_epoch(rows: Sequence[RawRow], settings: Mapping[str, Setting], total: int) -> float | None:
    """The banner's number of epochs, unless the rows' last epoch contradicts the bar's last step.

    It does where the run is limited by a number of steps: the banner then rounds its epochs up.
    """
    setting = settings.get("num_train_epochs")
    if setting is None or not isinstance(setting.value, float) or setting.value <= 0:
        return None
    per_epoch = total / setting.value
    epochs = [epoch for row in rows if (epoch := read_epoch(row.record.values)) is not None]
    reached = max((step for row in rows for step in (row.before.get(total), row.after.get(total)) if step), default=0)
    if not epochs or max(epochs) * per_epoch < (1 - CONTRADICTION_SHARE) * reached:
        return None
    return per_epoch


def read_epoch(values: Mapping[str, float]) -> float | None:
    """The epoch that a row tells, None where it tells none or one that cannot be."""
    epoch = values.get("epoch")
    return epoch if epoch is not None and 0 <= epoch < MAX_EPOCH else None


def read_step(values: Mapping[str, float]) -> int | None:
    """The step that a row tells itself, None where it tells none or no whole number."""
    step = values.get("step")
    return int(step) if step is not None and abs(step) < MAX_STEP else None


def _shown(row: RawRow, total: int, per_epoch: float | None) -> int | None:
    """The step that the bar shows beside a row.

    The frame drawn right after a row is up to date, the one before it may lag behind. Where the epoch says that the
    one before is nearer, as in excerpts with lines left out, that one is taken.
    """
    before, after = row.before.get(total), row.after.get(total)
    if before is None or after is None:
        return after if before is None else before
    epoch = read_epoch(row.record.values)
    if per_epoch is None or epoch is None:
        return after
    wanted = epoch * per_epoch
    slack = EPOCH_ROUNDING * per_epoch + 1
    return before if abs(before - wanted) + slack < abs(after - wanted) else after


def _are_steps(shown: Sequence[int | None]) -> bool:
    """Tell whether the bars moved with the rows; they do not where stdout was buffered."""
    known = [step for step in shown if step is not None]
    if 2 * len(known) <= len(shown):
        return False
    repeated = sum(later <= earlier for earlier, later in itertools.pairwise(known))
    return repeated <= MAX_REPEATED_SHARE * max(1, len(known) - 1)


def _from_epochs(rows: Sequence[RawRow], per_epoch: float | None) -> list[int | None]:
    """Compute steps as epoch x steps per epoch, set to the logging interval where the row agrees with it."""
    if per_epoch is None:
        return [None] * len(rows)
    slack = EPOCH_ROUNDING * per_epoch + 0.5
    epochs = [read_epoch(row.record.values) for row in rows]
    guesses = [None if epoch is None else epoch * per_epoch for epoch in epochs]
    interval = _interval([guess for row, guess in zip(rows, guesses, strict=True) if row.record.kind == "train"])
    return [
        None if guess is None else _settle(guess, interval if row.record.kind == "train" else 1, slack)
        for row, guess in zip(rows, guesses, strict=True)
    ]


def _settle(guess: float, interval: int, slack: float) -> int | None:
    """The multiple of the interval that the rounded epoch allows; None where it allows more than one, or none."""
    nearest = round(guess / interval) * interval
    is_only = slack < max(interval, 3) / 2
    return nearest if is_only and abs(nearest - guess) <= slack else None


def _interval(guesses: Sequence[float | None]) -> int:
    """Steps between rows: the mean gap, which rounding spoils least, unless rows are missing; then the median."""
    known = [guess for guess in guesses if guess is not None]
    gaps = [later - earlier for earlier, later in itertools.pairwise(known) if later > earlier]
    if not gaps:
        return 1
    mean, middle = (known[-1] - known[0]) / len(gaps), median(gaps)
    return max(1, round(mean if abs(mean - middle) <= MAX_GAP_DIFFERENCE * middle else middle))
