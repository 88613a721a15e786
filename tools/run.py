"""A training run as its log tells it: series, settings and problems, each value with the line it stands on."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Line:
    """A physical line of the input, or the part of it between carriage returns that holds the value.

    Attributes:
        number: 1-based, counted by line feeds.
        text: as it stands in the input; bytes that are not UTF-8 are written as ``\\xNN``.
        source: name of the input, "" where there is only one.
    """

    number: int
    text: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a series; step and epoch are None where the log does not tell them."""

    value: float
    step: int | None
    epoch: float | None
    line: Line


@dataclass(frozen=True, slots=True)
class Series:
    """One metric over the run, in the order of the log.

    Attributes:
        points: at most MAX_RECORDS of them; extremes, ends and non-finite values are always kept.
        num_points: how many the log held.
    """

    name: str
    points: tuple[Point, ...]
    num_points: int

    @property
    def finite(self) -> tuple[Point, ...]:
        """The points whose value is neither nan nor infinite."""
        return tuple(point for point in self.points if math.isfinite(point.value))

    @property
    def values(self) -> list[float]:
        """The finite values, in order."""
        return [point.value for point in self.finite]

    def minimum(self) -> Point | None:
        """The first point with the lowest finite value."""
        return min(self.finite, key=lambda point: point.value, default=None)


@dataclass(frozen=True, slots=True)
class Total:
    """What one metric came to over the whole log, rows of earlier runs in it and rows that were thinned out included.

    Attributes:
        first, last: as the log prints them, nan and inf included.
        lowest, highest: of the finite values of losses and gradient norms, None for other metrics.
    """

    num_points: int
    first: float
    last: float
    lowest: float | None
    highest: float | None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the log without a restart: a resumed run has several, a log of several runs as well.

    Attributes:
        first_line, last_line: of its training rows.
        first_step, last_step: None where the log does not tell steps.
        is_resumed: it goes on from within the steps of the one before, so both are one run.
    """

    first_line: int
    last_line: int
    first_step: int | None
    last_step: int | None
    is_resumed: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting that the log prints, under the name that Hugging Face uses for it."""

    name: str
    value: float | str | bool
    line: Line


@dataclass(frozen=True, slots=True)
class Problem:
    """A traceback, an error or a telling warning.

    Attributes:
        kind: "out_of_memory" (of a GPU), "host_memory", "traceback", "error" (a line without its stack), "assertion"
            (in a GPU kernel), "timeout" (of a collective), "signal" (a process was ended from outside), "warning"
            (a slow path) or "sign" (any other telling message).
        summary: the line that says what happened.
        lines: the lines to show; first_line and last_line are the span in the log.
        values: numbers read from the text, sizes in bytes.
        phase: what the stack was doing: load, forward, loss, backward, optimiser, evaluation, generation, rollout,
            save, data, or "" (not known).
        name: of the exception, signal or sign, "" where there is none.
        message: what the error says, with the lines that belong to it; summary holds the first of them.
        user_frame: place in the person's own code that was last entered, library_frame: the innermost one of a library.
        stack: the frames as "path in function: code", outermost first, bounded.
        link: how it hangs together with the traceback before it: "cause" (raised from it), "context" (raised while that
            one was handled) or "".
        num_messages: how often it was printed; ranks: which ranks printed it, as far as the log tells.
        last_seen: line on which it was printed last.
        is_uncaught: the stack begins in a main program, so that the process ended with it.
    """

    kind: str
    summary: str
    lines: tuple[Line, ...]
    first_line: int
    last_line: int
    values: Mapping[str, int] = field(default_factory=dict)
    phase: str = ""
    name: str = ""
    message: str = ""
    user_frame: str = ""
    library_frame: str = ""
    stack: str = ""
    link: str = ""
    num_messages: int = 1
    ranks: tuple[int, ...] = ()
    last_seen: int = 0
    is_uncaught: bool = False


@dataclass(frozen=True, slots=True)
class Progress:
    """The training progress bar as it stood last."""

    step: int
    total: int
    elapsed_seconds: float
    line: Line

    @property
    def seconds_per_step(self) -> float | None:
        """Mean over what this bar saw, not the rate of its last frame."""
        return self.elapsed_seconds / self.step if self.step and self.elapsed_seconds else None


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that was read from one input.

    Attributes:
        format: name of the log format that gave the records, None where nothing was recognised.
        series: by metric name as the trainer prints it ("loss", "eval_loss", "grad_norm", ...).
        summary: values of the end-of-run record ("train_runtime", "train_loss", ...).
        stages: bars over time, thinned: the training bar at several moments of the run.
        num_records: metric records read; num_lines: physical lines.
        notes: what was skipped, cut or not understood, in words.
        is_excerpt: the log begins after the run's first steps.
        totals: by metric name, over the whole log; series hold the last run in it only.
        segments: where the log starts again, the judged run's last.
        rank_faults: by rank, the first loss that is not finite, for ranks other than the one whose rows were read.
    """

    name: str
    format: str | None
    series: Mapping[str, Series]
    summary: Mapping[str, Point]
    settings: Mapping[str, Setting]
    problems: tuple[Problem, ...]
    stages: tuple[Progress, ...]
    num_lines: int
    num_bytes: int
    num_records: int
    notes: tuple[str, ...]
    is_excerpt: bool = False
    totals: Mapping[str, Total] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()
    rank_faults: Mapping[int, Point] = field(default_factory=dict)

    @property
    def is_judgeable(self) -> bool:
        """Whether anything was read that a rule can judge."""
        return bool(self.num_records or self.problems)

    def points(self, name: str) -> tuple[Point, ...]:
        """The points of a series, none where the log does not hold it."""
        return self.series[name].points if name in self.series else ()

    def finite(self, name: str) -> tuple[Point, ...]:
        """The points of a series that are neither nan nor infinite, none where the log does not hold it."""
        return self.series[name].finite if name in self.series else ()

    def values(self, name: str) -> list[float]:
        """The finite values of a series, in order."""
        return [point.value for point in self.finite(name)]

    def number(self, name: str) -> float | None:
        """The numeric value of a setting, None where it is missing or not a number."""
        setting = self.settings.get(name)
        if setting is None or isinstance(setting.value, bool | str):
            return None
        return setting.value
