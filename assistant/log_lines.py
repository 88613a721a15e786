"""Some lines of a log read a second time, by number: short enough to show, bars taken together."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

from assistant.kept_logs import TAIL_BYTES, KeptLog
from tools.console_reader import BAR_END, BAR_ENDS
from tools.errors import BadInput
from tools.log_formats.frames import SAMPLE_BYTES, ByteSource, FrameReader, check_is_text, decode, strip_ansi
from tools.opening import open_text

MAX_PASS_BYTES = 64 << 20
MAX_LINE_BYTES = 1 << 20
MAX_LINE_CHARACTERS = 300
MAX_FRAMES = 2
MAX_INDENT = 16


def read_lines(
    log: KeptLog, num_lines: int, num_bytes: int, wanted: Sequence[int], quoted: Mapping[int, Sequence[str]]
) -> dict[int, str]:
    """Read the wanted lines of a log; of a very long one those near its beginning and its end.

    Args:
        log: read from its beginning in one pass of at most MAX_PASS_BYTES.
        num_lines, num_bytes: of the text, as the parser counted them.
        wanted: line numbers.
        quoted: by line number what a finding quotes of it, which is shown of a line of many frames.

    Returns:
        By number the text of each line that could be read; nothing where the input is no text, or has gone.
    """
    notes: list[str] = []
    is_short = log.is_whole and num_bytes <= MAX_PASS_BYTES
    try:
        with log.open() as stream:
            opened = _Bounded(open_text(stream, "", notes), MAX_PASS_BYTES if is_short else TAIL_BYTES)
            found = _pick(opened, sorted(set(wanted)))
        if not is_short and not notes:
            found |= _pick_tail(log.read_tail(), num_lines, wanted)
    except (OSError, BadInput):
        return {}
    return {number: shorten_line(raw, quoted.get(number, ())) for number, raw in sorted(found.items())}


def read_span(log: KeptLog, first: int, last: int) -> bytes:
    """Some lines of a log as they stand in it, within the first MAX_PASS_BYTES; none where they cannot be read."""
    try:
        with log.open() as stream:
            found = _pick(_Bounded(open_text(stream, "", []), MAX_PASS_BYTES), range(first, last + 1))
    except (OSError, BadInput):
        return b""
    return b"\n".join(raw for _, raw in sorted(found.items()))


def count_log_lines(log: KeptLog) -> tuple[int, int]:
    """The lines and bytes of a log's text, at most MAX_PASS_BYTES of it; (0, 0) where it cannot be read."""
    try:
        with log.open() as stream:
            frames = FrameReader(_Bounded(open_text(stream, "", []), MAX_PASS_BYTES))
            for _ in frames.blocks():
                pass
    except (OSError, BadInput):
        return 0, 0
    return frames.num_lines, frames.num_bytes


class _Bounded:
    """A stream that ends after so many bytes, and is refused where it begins like no text."""

    def __init__(self, stream: ByteSource, max_bytes: int) -> None:
        self._stream, self._left, self._is_checked = stream, max_bytes, False

    def read(self, size: int, /) -> bytes:
        piece = self._stream.read(min(size, self._left))
        if piece and not self._is_checked:
            check_is_text("", piece[:SAMPLE_BYTES])
            self._is_checked = True
        self._left -= len(piece)
        return piece


def _pick(stream: ByteSource, wanted: Sequence[int]) -> dict[int, bytes]:
    """The wanted physical lines, each at most MAX_LINE_BYTES long."""
    found: dict[int, bytes] = {}
    for first, lines in FrameReader(stream).blocks():
        last = first + len(lines) - 1
        for number in wanted[bisect_left(wanted, first) : bisect_right(wanted, last)]:
            before = found[number] + b"\r" if number in found else b""
            found[number] = before + lines[number - first] if len(before) < MAX_LINE_BYTES else before
        if wanted and first > wanted[-1]:
            break
    return found


def _pick_tail(tail: bytes, num_lines: int, wanted: Sequence[int]) -> dict[int, bytes]:
    """The wanted lines among a log's last bytes, counted from its last line; the first one is not whole."""
    lines = tail.removesuffix(b"\n").split(b"\n")
    first = num_lines - len(lines) + 1
    return {number: lines[number - first] for number in wanted if first < number <= num_lines}


def shorten_line(raw: bytes, quoted: Sequence[str] = ()) -> str:
    r"""A physical line as it is shown: of several frames what is quoted, or the first that are no bars and the last.

    Example:
        >>> shorten_line(b"  0%| | 0/9 [00:00<?, ?it/s]\r 50%| | 4/9 [00:04<00:05, 1.00s/it]")
        '50%| | 4/9 [00:04<00:05, 1.00s/it] … (1 more on this line)'
    """
    frames = [frame for frame in raw.split(b"\r") if frame and not frame.isspace()]
    if len(frames) <= 1:
        text = decode(strip_ansi(raw.replace(b"\r", b""))).rstrip()
        return clip_line(text if text[:MAX_INDENT].strip() else text.strip())
    telling = [frame for frame in frames[:-1] if not is_bar(frame)]
    shown = [decode(strip_ansi(frame)).strip() for frame in (*telling[:MAX_FRAMES], frames[-1])]
    shown = list(dict.fromkeys(text.strip() for text in quoted)) or shown
    num_left = max(0, len(frames) - len(shown))
    more = f" … ({num_left:,} more on this line)" if num_left else ""
    return " … ".join(map(clip_line, shown)) + more


def is_bar(frame: bytes) -> bool:
    """Whether a frame is a progress bar that tells no loss."""
    return b"oss" not in frame and (frame.endswith(BAR_ENDS) or bool(BAR_END.search(frame[-200:])))


def clip_line(text: str) -> str:
    """A line with its end left out where it is very long, and said so."""
    if len(text) <= MAX_LINE_CHARACTERS:
        return text
    return f"{text[:MAX_LINE_CHARACTERS]} … ({len(text) - MAX_LINE_CHARACTERS:,} more characters)"
