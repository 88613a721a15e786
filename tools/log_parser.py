"""From a stream of bytes to a Run: one pass, bounded memory, every value with its line."""

import re
from dataclasses import replace
from pathlib import Path

from tools.errors import BadInput
from tools.log_formats import LINE_FORMATS
from tools.log_formats.frames import (
    MAX_QUOTED_BYTES,
    SAMPLE_BYTES,
    ByteSource,
    FrameReader,
    any_of,
    check_is_text,
    decode,
    strip_ansi,
)
from tools.log_formats.hf_state import HF_STATE, StateReader, is_metric_json
from tools.log_formats.progress import read_frame
from tools.log_formats.settings import MARKERS as SETTING_MARKERS
from tools.log_formats.settings import read_settings
from tools.log_formats.tracebacks import MARKERS as PROBLEM_MARKERS
from tools.log_formats.tracebacks import ProblemReader
from tools.run import Line, Run
from tools.run_builder import RunBuilder

NUM_FIRST_FRAMES = 2000
SAMPLED_FRAMES = 50
CLOSING_BRACKET = ord("]")
BAR_END_BYTES = 16

BAR_END = re.compile(rb"(?:it/s|s/it|\?it).{0,4}\]")
RECORD_MARKER = any_of(marker for log_format in LINE_FORMATS for marker in log_format.markers)
PROBLEM_MARKER = any_of(PROBLEM_MARKERS)
SETTING_MARKER = any_of(SETTING_MARKERS)


def parse_path(path: Path) -> Run:
    """Read the log at a path.

    Raises:
        BadInput: there is no such file, it is a folder, it cannot be read, it is empty or it is not text.
    """
    if path.is_dir():
        raise BadInput(f"{path}: is a folder; pass the log file in it, for example {path}/trainer_state.json")
    try:
        with path.open("rb") as stream:
            return parse_log(stream, str(path))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None


def parse_log(stream: ByteSource, name: str = "stdin") -> Run:
    """Read a training log.

    Args:
        stream: the log; read once, never sought, so a pipe serves.
        name: what to call it in messages.

    Returns:
        The run; it is not judgeable where no metric and no problem was recognised.

    Raises:
        BadInput: the stream is empty or is not text.
    """
    head = _read_head(stream)
    if not head.strip():
        raise BadInput(f"{name}: is empty; pipe the trainer's output in, or pass a log file")
    check_is_text(name, head)
    joined = _Joined(head, stream)
    builder = RunBuilder(name)
    if is_metric_json(head):
        return _parse_state(joined, builder)
    return _parse_lines(joined, builder)


def _parse_state(stream: ByteSource, builder: RunBuilder) -> Run:
    builder.format = HF_STATE.name
    reader = StateReader(builder.add_record, builder.add_setting)
    builder.notes.extend(reader.read(stream))
    return builder.build(reader.num_lines, reader.num_bytes, ())


def _parse_lines(stream: ByteSource, builder: RunBuilder) -> Run:
    frames, problems, bars = FrameReader(stream), ProblemReader(), BarSampler(builder)
    for number, raw in frames:
        if raw[-1] == CLOSING_BRACKET and b"{" not in raw and BAR_END.search(raw, len(raw) - BAR_END_BYTES):
            bars.see(number, raw)
            continue
        frame = strip_ansi(raw)
        if b"{" in frame and RECORD_MARKER.search(frame):
            beside = raw[: raw.find(b"{")]
            if BAR_END.search(beside):
                builder.close_rows()
                bars.see(number, beside)
            bars.flush()
            if _read_record(builder, number, frame, raw):
                continue
        if problems.wants_every_line or PROBLEM_MARKER.search(frame):
            problems.read(_quote(number, raw), decode(frame, MAX_QUOTED_BYTES))
        if SETTING_MARKER.search(frame):
            for setting in read_settings(decode(frame, MAX_QUOTED_BYTES), number):
                builder.add_setting(setting if frame is raw else replace(setting, line=_quote(number, raw)))
        if BAR_END.search(frame):
            bars.see(number, raw)
    bars.flush()
    problems.finish()
    if frames.num_cut:
        builder.notes.append(f"{frames.num_cut} line(s) of over 1 MiB without a break were read only at the start")
    return builder.build(frames.num_lines, frames.num_bytes, tuple(problems.problems))


def _read_record(builder: RunBuilder, number: int, frame: bytes, raw: bytes) -> bool:
    for log_format in LINE_FORMATS:
        if any(marker in frame for marker in log_format.markers):
            values = log_format.read(decode(frame))
            if values:
                builder.format = log_format.name
                builder.add_values(values, _quote(number, raw))
                return True
    return False


class BarSampler:
    """Reads the few frames of progress bars that matter: round every record, at the end, and now and then between.

    A log holds up to a hundred frames a record, and reading each would take most of the time.
    """

    def __init__(self, builder: RunBuilder) -> None:
        self._builder = builder
        self._num_seen = 0
        self._last: tuple[int, bytes] | None = None

    def see(self, number: int, raw: bytes) -> None:
        """Take a frame; it is read at once where a record waits for it, and early in the log."""
        self._num_seen += 1
        self._last = (number, raw)
        if self._builder.wants_frames or self._num_seen <= NUM_FIRST_FRAMES or self._num_seen % SAMPLED_FRAMES == 0:
            self.flush()

    def flush(self) -> None:
        """Read the last frame, as before a record and at the end of the log."""
        if self._last:
            number, raw = self._last
            self._last = None
            bar = read_frame(strip_ansi(raw))
            if bar:
                self._builder.add_frame(bar, number, raw)


def _quote(number: int, raw: bytes) -> Line:
    return Line(number, decode(raw, MAX_QUOTED_BYTES))


def _read_head(stream: ByteSource) -> bytes:
    """Read the beginning, however small the pieces are in which a pipe hands it over."""
    parts, missing = [], SAMPLE_BYTES
    while missing > 0 and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


class _Joined:
    """The head that was read ahead, and then the rest of the stream."""

    def __init__(self, head: bytes, rest: ByteSource) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int, /) -> bytes:
        head, self._head = self._head, b""
        return head or self._rest.read(size)
