"""The same faults in other clothes: a fault is no other one for a scale, a spacing of rows or a little more noise."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import count

from run_factory import Row, add_noise

from evals.story import Story

LOSSES = ("loss", "eval_loss")
MIN_ROWS = 24
"""Fewer rows than this are not thinned: half of them would be too few to tell anything."""
BOUND = frozenset(
    {"above a uniform guess", "uniform over 32,000 tokens", "classes stay at ln 3", "starts at 0.002"}
    | {"from scratch, starts at ln V", "two classes from 0.69", "loss below 0", "KTO that learns from 0.5"}
)
"""Stories whose losses mean what they are, so that another scale is another story."""


def scale(story: Story, factor: float) -> Story:
    """Every loss times a factor."""
    rows = [{name: value * factor if name in LOSSES else value for name, value in row.items()} for row in story.rows]
    return replace(story, name=f"{story.name}, losses x {factor:g}", rows=rows)


def thin(story: Story) -> Story:
    """Every second training row, all evaluations."""
    counter = count()
    rows = [row for row in story.rows if "loss" not in row or next(counter) % 2 == 0]
    return replace(story, name=f"{story.name}, half of the rows", rows=rows)


def stretch(story: Story) -> Story:
    """Seven times as many steps between rows."""
    return replace(
        story, name=f"{story.name}, steps x 7", rows=[{**row, "step": 7 * row["step"]} for row in story.rows]
    )


def shake(story: Story) -> Story:
    """One percent more of noise on every training loss."""
    shifts = iter(add_noise([1.0] * len(story.rows), 0.01, 11))
    return replace(story, name=f"{story.name}, shaken", rows=[shake_row(row, next(shifts)) for row in story.rows])


def shake_row(row: Row, factor: float) -> Row:
    """A row with its training loss times a factor; a loss of exactly 0 stays."""
    return {**row, "loss": row["loss"] * factor} if math.isfinite(row.get("loss", math.nan)) else row


def vary(stories: Iterable[Story]) -> Iterator[Story]:
    """Every story in every other dress that leaves it the same story."""
    for story in stories:
        is_reinforced = any("reward" in name for row in story.rows for name in row)
        if story.name not in BOUND and not is_reinforced:
            yield scale(story, 0.4)
            yield scale(story, 2.5)
        if sum("loss" in row for row in story.rows) >= MIN_ROWS:
            yield thin(story)
        yield stretch(story)
        yield shake(story)
