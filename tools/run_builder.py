"""Collects what the readers find and makes a Run of it, within bounded memory."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from tools.log_formats.frames import MAX_QUOTED_BYTES, decode, read_rank
from tools.log_formats.progress import Frame
from tools.log_formats.record import Kind, Record, classify
from tools.run import Line, Point, Problem, Progress, Run, Series, Setting
from tools.steps import RawRow, resolve_steps, training_total

MAX_RECORDS = 20_000
MAX_STAGES = 400
MAX_BARS = 8
MAX_PENDING = 8
THINNED_ROWS = 8
TELLING_METRICS = ("loss", "grad_norm")
MAX_AWAITED_FRAMES = 3
RESTART_SHARE = 0.5
RESTART_NEARNESS = 2.0
COORDINATES = frozenset({"step", "epoch", "current_steps", "global_step", "total_steps"})


@dataclass(slots=True)
class RunBuilder:
    """Takes records, bars and settings in the order of the log."""

    name: str
    format: str | None = None
    notes: list[str] = field(default_factory=list)
    _rows: dict[Kind, list[RawRow]] = field(default_factory=dict)
    _last_values: Mapping[str, float] = field(default_factory=dict)
    _settings: dict[str, Setting] = field(default_factory=dict)
    _bars: dict[int, int] = field(default_factory=dict)
    _pending: list[RawRow] = field(default_factory=list)
    _stages: dict[int, list[Progress]] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)
    _num_records: int = 0
    _num_awaited: int = 0
    _rank: int | None = None
    _other_ranks: set[int] = field(default_factory=set)

    def add_record(self, record: Record) -> None:
        """Take one group of metrics; one that was printed twice counts once."""
        if "step" in record.values and record.values == self._last_values:
            return
        self._num_records += 1
        self._num_awaited = MAX_AWAITED_FRAMES
        for name in record.values:
            self._counts[name] = self._counts.get(name, 0) + 1
        row = RawRow(record, dict(self._bars), {}, self._num_records)
        rows = self._rows.setdefault(record.kind, [])
        rows.append(row)
        self._last_values = record.values
        self._pending = [row] if record.kind == "train" else [*self._pending[-MAX_PENDING:], row]
        if len(rows) > 2 * MAX_RECORDS:
            self._rows[record.kind] = _thin(rows)

    def add_values(self, values: Mapping[str, float], line: Line) -> None:
        """Take the values of one console line; of several ranks, those of the first that printed any."""
        kind, rank = classify(values), read_rank(line.text)
        if kind is None:
            return
        if rank is not None and self._rank is None:
            self._rank = rank
        if rank is None or rank == self._rank:
            self.add_record(Record(kind, values, line))
        else:
            self._other_ranks.add(rank)

    def add_setting(self, setting: Setting) -> None:
        """Take a setting; the first one printed is the one that the run started with."""
        self._settings.setdefault(setting.name, setting)

    def add_frame(self, frame: Frame, number: int, raw: bytes) -> None:
        """Take a frame of a progress bar, of training or of something else."""
        self._num_awaited = max(0, self._num_awaited - 1)
        for row in self._pending:
            row.after.setdefault(frame.total, frame.step)
        stages = self._stages.setdefault(frame.total, [])
        if self._bars.get(frame.total) != frame.step:
            line = Line(number, decode(raw, MAX_QUOTED_BYTES))
            stages.append(Progress(frame.step, frame.total, frame.elapsed_seconds, line))
        self._bars.pop(frame.total, None)
        self._bars[frame.total] = frame.step
        if len(self._bars) > MAX_BARS:
            oldest = next(iter(self._bars))
            del self._bars[oldest], self._stages[oldest]
        if len(stages) > 2 * MAX_STAGES:
            del stages[1:-1:2]

    def close_rows(self) -> None:
        """Stop waiting for a bar: the next one belongs to the row that it shares a line with."""
        self._pending = []

    @property
    def wants_frames(self) -> bool:
        """Whether a record still waits for the bar that is drawn after it."""
        return self._num_awaited > 0

    def build(self, num_lines: int, num_bytes: int, problems: tuple[Problem, ...]) -> Run:
        """Make the Run once everything has been read."""
        rows, num_runs = _last_run(sorted(chain(*self._rows.values()), key=lambda row: row.order))
        if num_runs > 1:
            line = rows[0].record.line.number
            self.notes.append(f"{num_runs} runs stand in this log; the last one, from line {line} on, was judged")
        if self._other_ranks:
            self.notes.append(f"rows of {len(self._other_ranks)} other rank(s) repeat those of rank {self._rank}")
        total = training_total(rows, self._settings)
        steps = resolve_steps(rows, self._settings, total)
        return Run(
            name=self.name,
            format=self.format or ("console" if problems else None),
            series=_series(rows, steps, self._counts if num_runs == 1 else {}),
            summary=_summary(rows, steps),
            settings=self._settings,
            problems=problems,
            stages=tuple(self._stages.get(total or 0, ())),
            num_lines=num_lines,
            num_bytes=num_bytes,
            num_records=self._num_records,
            notes=tuple(self.notes),
            is_excerpt=_is_excerpt(rows, steps),
        )


def _last_run(rows: list[RawRow]) -> tuple[list[RawRow], int]:
    """Cut off earlier runs: step or epoch starts again near its first value, as in sweeps and restarted jobs."""
    start, num_runs, first, highest, last = 0, 1, None, 0.0, 0.0
    for index, row in enumerate(rows):
        values = row.record.values
        place = values.get("step", values.get("epoch"))
        if place is None or row.record.kind != "train":
            continue
        if first is None:
            first = place
        elif place < last and place <= RESTART_SHARE * highest and place <= RESTART_NEARNESS * first:
            start, num_runs, first, highest = index, num_runs + 1, place, place
        highest, last = max(highest, place), place
    return rows[start:], num_runs


def _point(row: RawRow, name: str, step: int | None) -> Point:
    record = row.record
    return Point(record.values[name], step, record.values.get("epoch"), record.lines.get(name, record.line))


def _series(rows: Sequence[RawRow], steps: Sequence[int | None], counts: Mapping[str, int]) -> dict[str, Series]:
    points: dict[str, list[Point]] = {}
    for row, step in zip(rows, steps, strict=True):
        if row.record.kind == "summary":
            continue
        for name in row.record.values:
            if name not in COORDINATES:
                points.setdefault(name, []).append(_point(row, name, step))
    return {name: Series(name, tuple(found), counts.get(name, len(found))) for name, found in points.items()}


def _summary(rows: Sequence[RawRow], steps: Sequence[int | None]) -> dict[str, Point]:
    summary: dict[str, Point] = {}
    for row, step in zip(rows, steps, strict=True):
        if row.record.kind == "summary":
            summary.update({name: _point(row, name, step) for name in row.record.values})
    return summary


def _is_excerpt(rows: Sequence[RawRow], steps: Sequence[int | None]) -> bool:
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


def _thin(rows: list[RawRow]) -> list[RawRow]:
    """Halve the rows: of every eight, keep those with the lowest and highest loss and gradient, and both ends."""
    kept = [rows[0]]
    for start in range(1, len(rows) - 1, THINNED_ROWS):
        block = rows[start : min(start + THINNED_ROWS, len(rows) - 1)]
        heights = [partial(_height, name) for name in TELLING_METRICS]
        telling = {choose(block, key=height).order for height in heights for choose in (min, max)}
        kept += [row for row in block if row.order in telling]
    return [*kept, rows[-1]]


def _height(name: str, row: RawRow) -> float:
    """A value to compare rows by; one that is not finite is above all others."""
    value = row.record.values.get(name, row.record.values.get(f"eval_{name}", 0.0))
    return value if math.isfinite(value) else math.inf
