"""Where a log starts again: a resumed run goes on from a checkpoint, a new run begins at its first step."""

from collections.abc import Sequence

from tools.log_formats.record import TRAIN_METRICS
from tools.run import Segment
from tools.steps import RawRow, read_step

RESTART_SHARE = 0.5
RESTART_NEARNESS = 2.0
"""A new run begins within twice the place of the first one's first row, and far before the end of what went before."""
COORDINATES = ("step", "epoch")
"""Rows are placed by whichever of these more of them tell; the two are never compared with each other."""
MIN_ROWS_BACK = 2
"""One row out of order is no resumed run: writers of several processes overtake each other."""


def split_segments(rows: Sequence[RawRow]) -> tuple[Segment, ...]:
    """Split the rows of a log where steps, or epochs, go back.

    Returns:
        The stretches in the order of the log; none where no row tells its place.
    """
    trained = [row for row in rows if not TRAIN_METRICS.isdisjoint(row.record.values)]
    name = max(COORDINATES, key=lambda name: sum(name in row.record.values for row in trained))
    places = [(row, place) for row in trained if (place := row.record.values.get(name)) is not None]
    if not places:
        return ()
    starts, resumed, first, highest = [0], [False], places[0][1], places[0][1]
    for index in range(1, len(places)):
        place, last = places[index][1], places[index - 1][1]
        if place < last:
            is_new = place <= RESTART_SHARE * highest and place <= RESTART_NEARNESS * first
            if is_new or _goes_back(places, index):
                starts.append(index)
                resumed.append(not is_new)
                first, highest = (place, place) if is_new else (first, highest)
        highest = max(highest, place)
    ends = [*(start - 1 for start in starts[1:]), len(places) - 1]
    return tuple(
        _segment(places[start][0], places[end][0], is_resumed=is_resumed)
        for start, end, is_resumed in zip(starts, ends, resumed, strict=True)
    )


def cut_last_run(rows: Sequence[RawRow], segments: Sequence[Segment]) -> Sequence[RawRow]:
    """The rows of the last run of a log: of its last segment and those that it resumes."""
    begins = [segment.first_line for segment in segments if not segment.is_resumed]
    if len(begins) < 2:
        return rows
    start = next(i for i, row in enumerate(rows) if row.record.kind == "train" and row.record.line.number >= begins[-1])
    return rows[start:]


def is_excerpt(rows: Sequence[RawRow], steps: Sequence[int | None]) -> bool:
    """Tell whether the first training row comes later than the spacing of the rows allows."""
    trained = [
        step if step is not None else row.record.values.get("epoch")
        for row, step in zip(rows, steps, strict=True)
        if row.record.kind == "train"
    ]
    if len(trained) < 3 or trained[0] is None or trained[1] is None or trained[2] is None:
        return False
    spacing = max(trained[1] - trained[0], trained[2] - trained[1])
    return spacing > 0 and trained[0] > 2.5 * spacing


def _goes_back(places: Sequence[tuple[RawRow, float]], index: int) -> bool:
    """Whether the rows from here on repeat at least two of the steps before."""
    before = places[max(0, index - MIN_ROWS_BACK) : index]
    after = places[index : index + MIN_ROWS_BACK]
    return all(late <= early for _, early in before for _, late in after[:1]) and len(before) == MIN_ROWS_BACK


def _segment(first: RawRow, last: RawRow, *, is_resumed: bool) -> Segment:
    steps = read_step(first.record.values), read_step(last.record.values)
    return Segment(first.record.line.number, last.record.line.number, *steps, is_resumed)
