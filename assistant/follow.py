"""Follows a log that grows: reads it anew when it has changed, and tells what changed in the diagnosis."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tools.diagnosis.finding import Diagnosis, Finding
from tools.errors import BadInput
from tools.facts import collect_facts
from tools.run import Run

ChangeKind = Literal["found", "changed", "gone", "rotated", "truncated", "waiting", "summary"]
Judge = Callable[[Path], tuple[Run, Diagnosis]]

DEFAULT_INTERVAL_SECONDS = 2.0
MAX_BUSY_SHARE = 0.2
"""Reading takes at most this share of the time: a log that takes 2 s to read is read every 10 s."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that became different in a followed log.

    Attributes:
        kind: "found", "changed" (its severity or what follows from it) and "gone" speak of a finding; "rotated" and
            "truncated" of the file; "waiting" says why nothing can be read yet; "summary" is the last word.
        step: of the last training row, None where nothing tells it.
        text: what to say.
    """

    kind: ChangeKind
    step: int | None
    text: str
    finding: Finding | None = None


@dataclass(slots=True)
class Follower:
    """What was known of a log when it was read last.

    Attributes:
        judge: reads the log and diagnoses it.
        run, diagnosis: of the last reading, None before the first.
        busy_seconds: how long the last reading took.
    """

    path: Path
    judge: Judge
    run: Run | None = None
    diagnosis: Diagnosis | None = None
    busy_seconds: float = 0.0
    _stamp: tuple[int, int, int, int] | None = None
    _known: dict[str, Finding] = field(default_factory=dict)
    _said: str = ""

    def poll(self) -> Iterator[Change]:
        """Read the log if it has changed since the last time, and give what became different."""
        try:
            status = self.path.stat()
        except OSError as error:
            yield from self._wait(f"{self.path}: cannot be read ({error.strerror})")
            return
        stamp = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if stamp == self._stamp:
            return
        yield from self._compare_file(stamp)
        self._stamp = stamp
        started = time.monotonic()
        try:
            self.run, self.diagnosis = self.judge(self.path)
        except BadInput as error:
            yield from self._wait(str(error))
            return
        finally:
            self.busy_seconds = time.monotonic() - started
        self._said = ""
        yield from self._compare_findings(self.diagnosis)

    def summary(self) -> Change:
        """The last word: what was read and what stands."""
        if self.run is None or self.diagnosis is None or not self.diagnosis.is_judged:
            return Change("summary", None, f"{self.path}: nothing could be judged")
        found = [f"{finding.id} ({finding.severity})" for finding in self.diagnosis.findings]
        found += [f"not explained: {text}" for text in self.diagnosis.unexplained]
        text = f"{self.run.num_records} records in {self.run.num_lines} lines; {', '.join(found) or 'nothing found'}"
        return Change("summary", self._step(), text)

    def _compare_file(self, stamp: tuple[int, int, int, int]) -> Iterator[Change]:
        if self._stamp is None:
            return
        if stamp[:2] != self._stamp[:2]:
            yield Change("rotated", None, f"{self.path}: is another file now; it is read from its beginning")
            self._known = {}
        elif stamp[2] < self._stamp[2]:
            yield Change("truncated", None, f"{self.path}: became shorter; it is read from its beginning")
            self._known = {}

    def _compare_findings(self, diagnosis: Diagnosis) -> Iterator[Change]:
        now = {finding.id: finding for finding in diagnosis.findings}
        for name, finding in now.items():
            before = self._known.get(name)
            if before is None:
                yield Change("found", self._step(), finding.summary, finding)
            elif (before.severity, before.consequences) != (finding.severity, finding.consequences):
                yield Change("changed", self._step(), finding.summary, finding)
        for name, finding in self._known.items():
            if name not in now:
                yield Change("gone", self._step(), "the log does not show it any more", finding)
        self._known = now

    def _wait(self, text: str) -> Iterator[Change]:
        """Say once why nothing can be read."""
        if text != self._said:
            self._said = text
            yield Change("waiting", None, text)

    def _step(self) -> int | None:
        step = collect_facts(self.run).get("last_step") if self.run else None
        return step if isinstance(step, int) else None


def follow(
    follower: Follower,
    tell: Callable[[Change], None],
    interval_seconds: float,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Poll until the person interrupts; the summary is told last.

    Raises:
        KeyboardInterrupt: the person stopped it.
    """
    try:
        while True:
            for change in follower.poll():
                tell(change)
            sleep(max(interval_seconds, follower.busy_seconds * (1 - MAX_BUSY_SHARE) / MAX_BUSY_SHARE))
    finally:
        tell(follower.summary())


def check_followable(path: Path) -> None:
    """Refuse what cannot grow.

    Raises:
        BadInput: the path is no regular file.
    """
    if not path.exists():
        raise BadInput(f"{path}: no such file; --follow takes the log that a trainer is writing")
    if not path.is_file() or not os.access(path, os.R_OK):
        raise BadInput(f"{path}: cannot be followed; --follow takes one log file that can be read")
