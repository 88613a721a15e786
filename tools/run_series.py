"""Rows in order as series of points, and what the end-of-run record says."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from tools.run import Line, Point, Series, Total
from tools.steps import RawRow, read_epoch

TRAIN_LOSS_OF_EVAL = "eval_train_loss"
BAR_SIGN = "%|"
COORDINATES = frozenset({"step", "epoch", "total_steps"})
T = TypeVar("T")


def name_train_loss(found: dict[str, T]) -> dict[str, T]:
    """Where only evaluations tell the training loss, call that the loss."""
    if "loss" in found or TRAIN_LOSS_OF_EVAL not in found:
        return found
    return {"loss" if name == TRAIN_LOSS_OF_EVAL else name: value for name, value in found.items()}


def _point(row: RawRow, name: str, step: int | None) -> Point:
    record = row.record
    return Point(record.values[name], step, read_epoch(record.values), record.lines.get(name, record.line))


def make_series(rows: Sequence[RawRow], steps: Sequence[int | None], totals: Mapping[str, Total]) -> dict[str, Series]:
    """Make a series of each metric: rows with their steps, and what each metric came to where rows were left out."""
    points: dict[str, list[Point]] = {}
    for row, step in zip(rows, steps, strict=True):
        if row.record.kind == "summary":
            continue
        for name in row.record.values:
            if name not in COORDINATES:
                found = points.setdefault(name, [])
                if found and _is_redrawn(found, step, row, name):
                    found.pop()
                found.append(_point(row, name, step))
    return {
        name: Series(name, tuple(found), totals[name].num_points if name in totals else len(found))
        for name, found in points.items()
    }


def _is_redrawn(found: Sequence[Point], step: int | None, row: RawRow, name: str) -> bool:
    """Whether a bar showed this step before, with this value or still with the value of the step before that.

    Where that value was new, the step may be stale: tqdm draws it again after a tenth of a second only.
    """
    last = found[-1]
    if step is None or last.step != step or not all(_is_bar(one) for one in (row.record.line, last.line)):
        return False
    return str(last.value) == str(row.record.values[name]) or (len(found) > 1 and last.value == found[-2].value)


def _is_bar(line: Line) -> bool:
    return BAR_SIGN in line.text


def make_summary(rows: Sequence[RawRow], steps: Sequence[int | None]) -> dict[str, Point]:
    """The values of the end-of-run records."""
    summary: dict[str, Point] = {}
    for row, step in zip(rows, steps, strict=True):
        if row.record.kind == "summary":
            summary.update({name: _point(row, name, step) for name in row.record.values})
    return summary
