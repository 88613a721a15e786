"""The events of a fine-tuning job at a provider, OpenAI or Together: losses stand in their messages and data."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.columns import COORDINATES, name_metric
from tools.log_formats.frames import ByteSource
from tools.log_formats.json_tokens import LineFinder, Path, count_lines, read_string, read_whole, walk
from tools.log_formats.record import FileFormat, Record, classify
from tools.run import Line, Setting
from tools.units import parse_number

if TYPE_CHECKING:
    from tools.run_builder import RunBuilder

MAX_BYTES = 16 << 20
TOO_LARGE = "pass the events of one job"
SEVERE = frozenset({"error", "warn", "warning"})

_EVENT = lazy_pattern(
    rb'"object"\s{0,40}:\s{0,40}"(?:fine_tuning\.job\.event|fine-tune-event)"'
    rb'|"message"\s{0,40}:\s{0,40}"Step \d{1,12}(?:/\d{1,12})?: training loss='
)
_STEP = lazy_pattern(r"[Ss]tep (\d{1,12})(?:/(\d{1,12}))?")
_PAIR = lazy_pattern(r"([A-Za-z][A-Za-z_ ]{0,60})=(-?[\d.]{1,30}(?:e[+-]?\d{1,4})?|nan|inf)", re.IGNORECASE)


def is_events(head: bytes) -> bool:
    """Tell from its beginning whether a file holds the events of a fine-tuning job."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[") and _EVENT.search(head) is not None


def read_events(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read the events, the oldest first: providers list the newest first.

    Raises:
        BadInput: the file is larger than MAX_BYTES.
    """
    data = read_whole(stream, MAX_BYTES, TOO_LARGE)
    builder.num_bytes, builder.num_lines = len(data), count_lines(data)
    lines = LineFinder(data)
    events = [_read_event(event, lines) for event in _split_events(data)]
    steps = [event.values["step"] for event in events if event and "step" in event.values]
    if steps and steps[0] > steps[-1]:
        builder.notes.append("the events stand with the newest first; they were read from the oldest on")
        events.reverse()
    for event in events:
        if event is not None:
            event.add_to(builder)


class _Event:
    """What one event says: metrics, the length of the job, and a complaint."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.lines: dict[str, Line] = {}
        self.message, self.level, self.total = "", "", 0.0
        self.line = Line(0, "")

    def add(self, name: str, value: float | None, line: Line) -> None:
        """Take a number by the name that the provider gives it."""
        canonical = name_metric(name)
        if value is None or not canonical:
            return
        if canonical == "total_steps":
            self.total = value
        else:
            self.values[canonical] = value
            self.lines[canonical] = line

    def read_message(self, text: str, line: Line) -> None:
        """Read the numbers in a message, such as "Step 100/500: training loss=0.52"."""
        self.message, self.line = text, line
        place = _STEP.search(text)
        if place:
            self.add("step", float(place[1]), line)
            self.add("total_steps", float(place[2]) if place[2] else None, line)
        for name, raw in _PAIR.findall(text):
            self.add(name.strip().replace(" ", "_"), parse_number(raw), line)

    def add_to(self, builder: "RunBuilder") -> None:
        """Hand over what was read."""
        if self.total:
            builder.add_setting(Setting("total_steps", self.total, self.line))
        kind = classify(self.values)
        if kind:
            first = next(line for name, line in self.lines.items() if name not in COORDINATES)
            builder.add_record(Record(kind, self.values, first, self.lines))
        elif self.level in SEVERE and self.message:
            builder.feed_text(self.line.number, self.message.encode(errors="replace"))


def _read_event(leaves: list[tuple[Path, str, int]], lines: LineFinder) -> _Event | None:
    event = _Event()
    for path, text, start in leaves:
        if path == ("message",):
            event.read_message(text, lines.line_at(start))
    for path, text, start in leaves:
        if path == ("level",):
            event.level = text
        elif path in (("step",), ("total_steps",)) or path[:1] == ("data",):
            event.add(str(path[-1]), parse_number(text), lines.line_at(start))
    return event if event.message or event.values else None


def _split_events(data: bytes) -> Iterator[list[tuple[Path, str, int]]]:
    """Give the values of each event, by their path in it."""
    leaves: list[tuple[Path, str, int]] = []
    last: Path = ()
    for path, start, end in walk(data):
        depth = 3 if path[1:2] == ("data",) and isinstance(path[2:3] and path[2], int) else 1
        depth = 2 if len(path) > 1 and isinstance(path[1], int) else depth
        if path[:depth] != last and leaves:
            yield leaves
            leaves = []
        last = path[:depth]
        leaves.append((path[depth:], read_string(data[start:end]), start))
    if leaves:
        yield leaves


FINETUNE_EVENTS = FileFormat(
    name="finetune_events",
    title="events of a fine-tuning job at OpenAI or Together",
    source="platform.openai.com, API reference, fine_tuning.job.event; docs.together.ai, fine-tuning events",
    detect=is_events,
    read=read_events,
    samples=(
        (
            b'{"object": "list", "data": [\n{"object": "fine_tuning.job.event", "level": "info", "message": '
            b'"Step 20/40: training loss=1.25", "data": {"step": 20, "train_loss": 1.25, "total_steps": 40}},\n'
            b'{"object": "fine_tuning.job.event", "level": "info", "message": "Step 10/40: training loss=1.50, '
            b'validation loss=1.75", "data": {}}\n]}\n',
            {"step": 10.0, "loss": 1.5, "eval_loss": 1.75},
        ),
        (
            b'{"object": "fine-tune-event", "level": "info", "message": "Job started", "step": 0}\n'
            b'{"object": "fine-tune-event", "level": "info", "message": "Step 5: training loss=1.5", "step": 5}\n',
            {"step": 5.0, "loss": 1.5},
        ),
    ),
)
