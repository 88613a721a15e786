"""From a stream of bytes to a Run: one pass, bounded memory, every value with its line."""

from pathlib import Path

from tools.errors import BadInput
from tools.log_formats import LINE_FORMATS
from tools.log_formats.frames import SAMPLE_BYTES, ByteSource, FrameReader, check_is_text, strip_ansi
from tools.log_formats.hf_state import HF_STATE, decode, is_metric_json, read_state
from tools.log_formats.progress import read_frame
from tools.log_formats.settings import MARKERS as SETTING_MARKERS
from tools.log_formats.settings import read_settings
from tools.log_formats.tracebacks import MARKERS as PROBLEM_MARKERS
from tools.log_formats.tracebacks import ProblemReader
from tools.run import Line, Run
from tools.run_builder import RunBuilder

MAX_QUOTED_CHARACTERS = 2000


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
    num_lines, num_bytes, notes = read_state(stream, builder.add_record, builder.add_setting)
    builder.notes.extend(notes)
    return builder.build(num_lines, num_bytes, ())


def _parse_lines(stream: ByteSource, builder: RunBuilder) -> Run:
    frames, problems = FrameReader(stream), ProblemReader()
    for number, raw in frames:
        frame = strip_ansi(raw)
        if frame[-3:] == b"it]" or b"it/s" in frame or b"s/it" in frame or b"?it" in frame:
            bar = read_frame(frame)
            if bar:
                builder.add_frame(bar, number, raw)
        if b"{" in frame and _read_record(builder, number, frame, raw):
            continue
        if problems.wants_every_line or any(marker in frame for marker in PROBLEM_MARKERS):
            problems.read(_quote(number, raw))
        if any(marker in frame for marker in SETTING_MARKERS):
            for setting in read_settings(decode(frame[:MAX_QUOTED_CHARACTERS]), number):
                builder.add_setting(setting)
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


def _quote(number: int, raw: bytes) -> Line:
    return Line(number, decode(raw[:MAX_QUOTED_CHARACTERS]))


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
