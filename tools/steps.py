"""The true step of every row: from the record, from the training bar beside it, or from its epoch.

The row's number is never taken for a step; where nothing tells the step it stays None.
"""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tools.log_formats.record import Record
from tools.run import Setting

MAX_REPEATED_SHARE = 0.2
EPOCH_ROUNDING = 0.006


@dataclass(slots=True)
class RawRow:
    """A record with the bars round it: total -> step shown, before the record and first after it."""

    record: Record
    before: dict[int, int]
    after: dict[int, int]


def training_total(rows: Sequence[RawRow], settings: Mapping[str, Setting]) -> int | None:
    """Tell which bar is the training bar, by its total number of steps.

    The banner's number of optimisation steps decides; without it, the bar that stands beside most training rows.
    """
    seen: Counter[int] = Counter()
    for row in rows:
        if row.record.kind == "train":
            seen.update({**row.before, **row.after}.keys())
    for name in ("total_steps", "max_steps"):
        if name in settings and settings[name].value in seen:
            return int(settings[name].value)
    return max(seen, key=lambda total: (seen[total], total), default=None)


def resolve_steps(rows: Sequence[RawRow], settings: Mapping[str, Setting], total: int | None) -> list[int | None]:
    """Give the step of every row, None where nothing tells it."""
    recorded = [_recorded(row) for row in rows]
    if total is None or all(step is not None for step in recorded):
        return recorded
    told = _told(rows, settings, total)
    return [other if step is None else step for step, other in zip(recorded, told, strict=True)]


def _told(rows: Sequence[RawRow], settings: Mapping[str, Setting], total: int) -> list[int | None]:
    """The steps that bars and epochs tell."""
    per_epoch = _steps_per_epoch(rows, settings, total)
    shown = [_shown(row, total, per_epoch) for row in rows]
    if _are_steps([step for row, step in zip(rows, shown, strict=True) if row.record.kind == "train"]):
        return shown
    return _from_epochs(rows, per_epoch)


def _steps_per_epoch(rows: Sequence[RawRow], settings: Mapping[str, Setting], total: int) -> float | None:
    """The summary's epoch belongs to the last step; without a summary the banner's number of epochs serves."""
    ends = [row.record.values["epoch"] for row in rows if row.record.kind == "summary" and "epoch" in row.record.values]
    setting = settings.get("num_train_epochs")
    num_epochs = ends[-1] if ends else setting.value if setting and isinstance(setting.value, float) else None
    return total / num_epochs if num_epochs else None


def _recorded(row: RawRow) -> int | None:
    step = row.record.values.get("step")
    return int(step) if step is not None and step - step == 0 else None


def _shown(row: RawRow, total: int, per_epoch: float | None) -> int | None:
    """The step that the bar shows beside a row: after it for training rows, before it for evaluations.

    The frame drawn right after a training row is up to date, the one before it may lag behind. Where the epoch says
    that the other one is nearer, as in excerpts with lines left out, the other one is taken.
    """
    before, after = row.before.get(total), row.after.get(total)
    first, second = (before, after) if row.record.kind == "eval" else (after, before)
    if first is None or second is None:
        return first if second is None else second
    epoch = row.record.values.get("epoch")
    if per_epoch is None or epoch is None:
        return first
    wanted = epoch * per_epoch
    slack = EPOCH_ROUNDING * per_epoch + 1
    return second if abs(second - wanted) + slack < abs(first - wanted) else first


def _are_steps(shown: Sequence[int | None]) -> bool:
    """Tell whether the bars moved with the rows; they do not where stdout was buffered."""
    pairs = [(a, b) for a, b in itertools.pairwise(shown) if a is not None and b is not None]
    if not pairs:
        return any(step is not None for step in shown)
    return sum(b <= a for a, b in pairs) <= MAX_REPEATED_SHARE * len(pairs)


def _from_epochs(rows: Sequence[RawRow], per_epoch: float | None) -> list[int | None]:
    """Compute steps as epoch x steps per epoch, set to the logging interval where the row agrees with it."""
    if per_epoch is None:
        return [None] * len(rows)
    slack = EPOCH_ROUNDING * per_epoch + 0.5
    epochs = [row.record.values.get("epoch") for row in rows]
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
    known = [guess for guess in guesses if guess is not None]
    gaps = [b - a for a, b in itertools.pairwise(known) if b > a]
    return max(1, round(median(gaps))) if gaps else 1
