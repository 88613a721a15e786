"""Losses that two parts of a program print, each in lines of its own: a callback and the trainer, an engine and all."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from tools.row_batch import Totals
from tools.steps import RawRow

MIN_PAIRS = 2
ROUNDING = 6e-4
"""A loss printed with four digits is off by half a unit of the fourth: at most 5e-4 of it."""
SHIFTS = (0, 1, -1)
"""One of the two may lag, so that a log that is cut holds one row more of either."""


def drop_twice_told(rows: Sequence[RawRow]) -> list[RawRow]:
    """Leave out the second telling of each loss; what it alone tells, such as a gradient norm, goes to the first.

    Only where two kinds of rows tell all of the losses between them, one for one, and they are not all the same.
    """
    shapes: dict[tuple[str, ...], list[RawRow]] = {}
    for row in rows:
        if row.record.kind == "train" and "loss" in row.record.values:
            shapes.setdefault(tuple(row.record.values), []).append(row)
    if len(shapes) != 2:
        return list(rows)
    kept, other = sorted(shapes.values(), key=lambda group: ("step" not in group[0].record.values, -len(group)))
    pairs = next((found for shift in SHIFTS if (found := _pair(kept, other, shift))), None)
    if pairs is None:
        return list(rows)
    merged = {first.order: _merge(first, second) for first, second in pairs}
    dropped = {second.order for _, second in pairs}
    return [merged.get(row.order, row) for row in rows if row.order not in dropped]


def count_totals(rows: Sequence[RawRow]) -> Totals:
    """Count the rows that are left."""
    totals = Totals()
    for row in rows:
        values = row.record.values
        totals.add(tuple(values), [tuple(values.values())], (row.order, row.order))
    return totals


def _pair(kept: Sequence[RawRow], other: Sequence[RawRow], shift: int) -> list[tuple[RawRow, RawRow]] | None:
    """Pair the rows of two kinds one for one; None where one pair disagrees or too few are left."""
    first, second = kept[max(0, shift) :], other[max(0, -shift) :]
    if abs(len(first) - len(second)) > 1 or min(len(first), len(second)) < MIN_PAIRS:
        return None
    pairs = list(zip(first, second, strict=False))
    losses = [one.record.values["loss"] for one, _ in pairs]
    if not any(before != after for before, after in pairwise(losses)):
        return None
    return pairs if all(_agree(one, other) for one, other in pairs) else None


def _agree(one: RawRow, other: RawRow) -> bool:
    """Whether two rows tell the same loss, and the same step where both tell one."""
    first, second = one.record.values, other.record.values
    if "step" in first and "step" in second and first["step"] != second["step"]:
        return False
    if not math.isfinite(first["loss"]) or not math.isfinite(second["loss"]):
        return str(first["loss"]) == str(second["loss"])
    return abs(first["loss"] - second["loss"]) <= ROUNDING * abs(first["loss"])


def _merge(first: RawRow, second: RawRow) -> RawRow:
    record = first.record
    return replace(first, record=replace(record, values={**second.record.values, **record.values}))
