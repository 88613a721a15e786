"""Progress bars, told apart by their total: the step that each shows now, and how it went over time."""

from dataclasses import dataclass, field

from tools.log_formats.frames import MAX_QUOTED_BYTES, decode
from tools.log_formats.progress import Frame
from tools.run import Line, Progress

MAX_STAGES = 400
MAX_BARS = 8


@dataclass(slots=True)
class _Track:
    """One bar over time: every so many frames that moved it, and the last one."""

    stages: list[Progress] = field(default_factory=list)
    stride: int = 1
    num_moves: int = 0
    last: tuple[Frame, int, bytes] | None = None

    def move(self, frame: Frame, number: int, raw: bytes) -> None:
        self.last = (frame, number, raw)
        if self.num_moves % self.stride == 0:
            self.stages.append(_stage(frame, number, raw))
            if len(self.stages) > 2 * MAX_STAGES:
                self.stages = self.stages[::2]
                self.stride *= 2
        self.num_moves += 1

    @property
    def elapsed_seconds(self) -> float:
        return self.last[0].elapsed_seconds if self.last else 0.0

    def all(self) -> tuple[Progress, ...]:
        if self.last is None or (self.num_moves - 1) % self.stride == 0:
            return tuple(self.stages)
        return (*self.stages, _stage(*self.last))


class Bars:
    """The bars of one log.

    Attributes:
        shown: by total, the step shown last; the bar that moved last stands last.
    """

    def __init__(self) -> None:
        self.shown: dict[int, int] = {}
        self._tracks: dict[int, _Track] = {}

    def see(self, frame: Frame, number: int, raw: bytes) -> None:
        """Take a frame, its line number and its text."""
        total, step = frame.total, frame.step
        track = self._tracks.get(total)
        if track is None:
            track = self._tracks[total] = _Track()
        if not frame.is_beside_rows:
            track.move(frame, number, raw)
            return
        if self.shown.pop(total, None) != step:
            track.move(frame, number, raw)
        self.shown[total] = step
        if len(self.shown) > MAX_BARS:
            oldest = next(iter(self.shown))
            del self.shown[oldest], self._tracks[oldest]

    def longest(self) -> int | None:
        """The total of the bar that ran longest, None where there is no bar."""
        return max(self._tracks, key=lambda total: self._tracks[total].elapsed_seconds, default=None)

    def stages(self, total: int | None) -> tuple[Progress, ...]:
        """The bar with this total at several moments, in order; none where there is no such bar."""
        track = self._tracks.get(total) if total is not None else None
        return track.all() if track else ()


def _stage(frame: Frame, number: int, raw: bytes) -> Progress:
    return Progress(frame.step, frame.total, frame.elapsed_seconds, Line(number, decode(raw, MAX_QUOTED_BYTES)))
