"""Collects what the readers find and makes a Run of it, within bounded memory."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import eq
from typing import Protocol

from tools.bars import Bars
from tools.log_formats.frames import MAX_QUOTED_BYTES, decode, strip_ansi
from tools.log_formats.progress import read_frame
from tools.log_formats.record import Kind, Record, classify, kind_of
from tools.row_batch import TELLING_METRICS, Event, Row, Totals, choose_telling
from tools.run import Line, Point, Problem, Run, Setting
from tools.run_series import make_series, make_summary, name_train_loss
from tools.segments import cut_last_run, is_excerpt, split_segments
from tools.steps import RawRow, read_epoch, read_step, resolve_steps, training_total
from tools.twice_told import count_totals, drop_twice_told

MAX_RECORDS = 5000
MAX_PENDING = 8
NEIGHBOURS = (-2, -1, 0, 1)
"""Before a row may stand the sign that the next bar is its own, and that bar; behind it the bar as it was redrawn."""
SAMPLED_EVENTS = 50
THINNING = 4
ROWS_PER_BLOCK = 24
"""A long run keeps the rows with extremes, at most six of a block: a quarter of them."""
BAR_SIGN = b"%|"
ToRecord = Callable[[int], Record]


def make_record(row: Row) -> Record:
    """The record of a row that stands on a line of its own."""
    names, values, number, text = row
    line = Line(number, decode(text, MAX_QUOTED_BYTES))
    return Record(kind_of(names), dict(zip(names, values, strict=True)), line)


class FeedText(Protocol):
    """Takes a line of console text."""

    def __call__(self, number: int, text: bytes, quoted: bytes | None = None) -> None:
        """Read it."""
        ...


def _ignore(number: int, text: bytes, quoted: bytes | None = None) -> None:
    """Read no console text, as long as nobody does."""


@dataclass(slots=True)
class RunBuilder:
    """Takes rows, bars, settings and problems in the order of the log.

    Attributes:
        feed_text: sends a line of console text in a file through its reader: number, text, how it is quoted there.
        num_lines, num_bytes: what was read of the input.
    """

    name: str
    format: str | None = None
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    num_lines: int = 0
    num_bytes: int = 0
    feed_text: FeedText = _ignore
    _rows: dict[Kind, list[RawRow]] = field(default_factory=dict)
    _strides: dict[Kind, int] = field(default_factory=dict)
    _totals: Totals = field(default_factory=Totals)
    _last: Row = ((), (), 0, b"")
    _settings: dict[str, Setting] = field(default_factory=dict)
    _bars: Bars = field(default_factory=Bars)
    _pending: list[RawRow] = field(default_factory=list)
    _num_records: int = 0
    _rank: int | None = None
    _rank_faults: dict[int, Point] = field(default_factory=dict)
    _other_ranks: set[int] = field(default_factory=set)

    @property
    def is_long(self) -> bool:
        """Whether rows are thinned out already."""
        return bool(self._strides)

    def add_record(self, record: Record) -> None:
        """Take one group of metrics; one that was printed twice counts once."""
        if record.kind == "summary":
            self._num_records += 1
            self._keep(record, self._num_records)
        elif record.values and self.accepts_rank(record.rank, record.values, record.line):
            row: Row = (tuple(record.values), tuple(record.values.values()), record.line.number, b"")
            self.add_events([row], lambda _row: record)

    def add_values(self, values: Mapping[str, float], line: Line) -> None:
        """Take the values that stand on one line, if they are a row of a training run."""
        kind = classify(values)
        if kind:
            self.add_record(Record(kind, values, line))

    def add_events(self, events: Sequence[Event], to_record: Callable[[Row], Record] = make_record) -> None:
        """Take rows and the bars between them; of a run that is long already only telling rows are kept."""
        rows = [(place, event) for place, event in enumerate(events) if event is not None and len(event) == 4]
        order = self._num_records
        kept = {rows[index][0]: order + index for index in self._choose([row for _, row in rows])}
        self._num_records += len(rows)
        for place in self._places_to_read(len(events), kept):
            event = events[place]
            if event is None:
                self._pending = []
            elif len(event) == 2:
                self.add_bar(*event)
            elif place in kept:
                self._keep(to_record(event), kept[place])

    def add_alike(
        self, names: tuple[str, ...], values: Sequence[tuple[float, ...]], places: Sequence[int], to_record: ToRecord
    ) -> None:
        """Take rows of the same names, without bars between them.

        Args:
            names: of the metrics.
            values: one tuple a row, in the order of the log.
            places: of each row among those read together, how many is said by ``count_rows``.
            to_record: makes the record of one of the values, by its index.
        """
        fresh = self._drop_repeated(names, values)
        if not fresh:
            return
        order, is_whole = self._num_records, len(fresh) == len(values)
        span = order + places[fresh[0]], order + places[fresh[-1]]
        for index in self._choose_alike(names, values if is_whole else [values[index] for index in fresh], span):
            self._keep(to_record(fresh[index]), order + places[fresh[index]])

    def _drop_repeated(self, names: tuple[str, ...], values: Sequence[tuple[float, ...]]) -> Sequence[int]:
        """Leave out rows with a step that were written twice in a row, as by two processes."""
        last, self._last = self._last, (names, values[-1], 0, b"")
        before = [last[1] if last[0] == names else (), *values[:-1]]
        if "step" not in names or not any(map(eq, values, before)):
            return range(len(values))
        return [index for index, (one, other) in enumerate(zip(values, before, strict=True)) if one != other]

    def count_rows(self, num_rows: int) -> None:
        """Say how many rows were read together, after ``add_alike``."""
        self._num_records += num_rows

    def _choose(self, rows: Sequence[Row]) -> list[int]:
        """Count rows, and choose those to keep.

        A row with a step that was printed twice in a row is not kept, and counts only where a bar was drawn again.
        """
        groups: dict[tuple[str, ...], list[int]] = {}
        redrawn: dict[tuple[str, ...], list[int]] = {}
        last = self._last
        for index, row in enumerate(rows):
            if row[1] == last[1] and row[0] == last[0] and "step" in row[0]:
                if BAR_SIGN in row[3]:
                    redrawn.setdefault(row[0], []).append(index)
                continue
            last = row
            groups.setdefault(row[0], []).append(index)
        self._last = last
        order, chosen = self._num_records, []
        for names, places in redrawn.items():
            self._totals.add(names, [rows[place][1] for place in places], (order + places[0], order + places[-1]))
        for names, places in groups.items():
            span, values = (order + places[0], order + places[-1]), [rows[place][1] for place in places]
            chosen += [places[index] for index in self._choose_alike(names, values, span)]
        return chosen

    def _choose_alike(
        self, names: tuple[str, ...], values: Sequence[tuple[float, ...]], span: tuple[int, int]
    ) -> Sequence[int]:
        """Count rows of the same names, and choose those to keep; ``span`` is the places of the first and the last."""
        self._totals.add(names, values, span)
        stride = self._strides.get(kind_of(names), 1)
        if stride == 1:
            return range(len(values))
        return sorted(choose_telling(names, values, stride * ROWS_PER_BLOCK // THINNING))

    def _places_to_read(self, num_events: int, kept: Mapping[int, int]) -> Sequence[int]:
        """The kept rows, the bars beside them, and now and then one between; everything of a run that is not long."""
        if not self.is_long:
            return range(num_events)
        near = {place + shift for place in kept for shift in NEIGHBOURS if 0 <= place + shift < num_events}
        return sorted(near.union(range(0, num_events, SAMPLED_EVENTS)))

    def _keep(self, record: Record, order: int) -> None:
        row = RawRow(record, dict(self._bars.shown), {}, order)
        rows = self._rows.setdefault(record.kind, [])
        rows.append(row)
        self._pending = [row] if record.kind == "train" else [*self._pending[-MAX_PENDING:], row]
        if len(rows) > MAX_RECORDS:
            self._rows[record.kind] = _thin(rows)
            self._strides[record.kind] = self._strides.get(record.kind, 1) * THINNING

    def accepts_rank(self, rank: int | None, values: Mapping[str, float], line: Line) -> bool:
        """Whether a rank's rows are read: of several ranks, only those of the first that printed any."""
        if rank is None or self._rank is None or rank == self._rank:
            self._rank = rank if self._rank is None else self._rank
            return True
        self._other_ranks.add(rank)
        loss = values.get("loss", 0.0)
        if not math.isfinite(loss):
            self._rank_faults.setdefault(rank, Point(loss, read_step(values), read_epoch(values), line))
        return False

    def add_setting(self, setting: Setting) -> None:
        """Take a setting; the first one printed is the one that the run started with."""
        self._settings.setdefault(setting.name, setting)

    def add_bar(self, number: int, raw: bytes) -> None:
        """Take a frame of a progress bar, of training or of something else."""
        frame = read_frame(strip_ansi(raw))
        if frame:
            for row in self._pending if frame.is_beside_rows else ():
                row.after.setdefault(frame.total, frame.step)
            self._bars.see(frame, number, raw)

    def build(self) -> Run:
        """Make the Run once everything has been read."""
        rows, counted = sorted(chain(*self._rows.values()), key=lambda row: row.order), self._totals
        if not self.is_long and len(told := drop_twice_told(rows)) < len(rows):
            self.notes.append(f"{len(rows) - len(told)} losses were printed twice, in two ways, and count once")
            rows, counted = told, count_totals(told)
        segments = split_segments(rows)
        judged = cut_last_run(rows, segments)
        if len(judged) < len(rows):
            num_runs = 1 + sum(not segment.is_resumed for segment in segments[1:])
            first = judged[0].record.line.number
            self.notes.append(f"{num_runs} runs stand in this log; the last one, from line {first} on, was judged")
        if self._other_ranks:
            self.notes.append(f"rows of {len(self._other_ranks)} other rank(s) repeat those of rank {self._rank}")
        total = training_total(judged, self._settings)
        steps = resolve_steps(judged, self._settings, total)
        totals = name_train_loss(counted.all())
        return Run(
            name=self.name,
            format=self.format or ("console" if self.problems else None),
            series=name_train_loss(make_series(judged, steps, totals if len(judged) == len(rows) else {})),
            summary=make_summary(judged, steps),
            settings=self._settings,
            problems=tuple(self.problems),
            stages=self._bars.stages(total or self._bars.longest()),
            num_lines=self.num_lines,
            num_bytes=self.num_bytes,
            num_records=self._num_records,
            notes=tuple(self.notes),
            is_excerpt=is_excerpt(judged, steps),
            totals=totals,
            segments=segments,
            rank_faults=self._rank_faults,
        )


def _thin(rows: Sequence[RawRow]) -> list[RawRow]:
    """Keep a quarter of the rows: both ends, and the lowest and highest of each telling metric in a block."""
    values = [tuple(row.record.values.get(name, 0.0) for name in TELLING_METRICS) for row in rows]
    return [rows[index] for index in sorted(choose_telling(TELLING_METRICS, values, ROWS_PER_BLOCK))]
