"""Console text to rows, bars, settings and problems: one pass, and little time for the lines that say nothing."""

from collections.abc import Sequence
from dataclasses import replace

from tools.lazy_pattern import lazy_pattern
from tools.log_formats import LINE_FORMATS
from tools.log_formats.containers import Unwrap, find_container
from tools.log_formats.dispatch import LineDispatch, row_marker
from tools.log_formats.frames import MAX_QUOTED_BYTES, ByteSource, FrameReader, any_of, decode, read_rank, strip_ansi
from tools.log_formats.hf_console import HF_CONSOLE, Layout, learn_layout
from tools.log_formats.pasted_table import HEADER_MARKERS, PastedTable
from tools.log_formats.record import Record, classify
from tools.log_formats.setting_blocks import SettingReader
from tools.log_formats.settings import MARKERS as SETTING_MARKERS
from tools.log_formats.tracebacks import MARKERS as PROBLEM_MARKERS
from tools.log_formats.tracebacks import ProblemReader
from tools.log_formats.wandb_console import SUMMARY_MARKERS, WandbSummary
from tools.row_batch import Event
from tools.run import Line
from tools.run_builder import BAR_SIGN, RunBuilder

NUM_FIRST_BARS = 2000
SAMPLED_BARS = 50
NUM_AWAITED_BARS = 3
MAX_WRAPPED_LINES = 4
MAX_WRAPPED_BYTES = 4000
MAX_SETTINGS_BYTES = 16_000
MAX_LAYOUTS = 16
NUM_ALIKE = 40
MAX_SHAPES = 2000
DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
BAR_SIGNS = (BAR_SIGN, "•".encode())
PROBLEM_BYTES = 500
BEFORE_PROBLEM_BYTES = 200
PASTED_TABLE = "pasted_table"

BAR_ENDS = (b"it/s]", b"s/it]", b"?it/s]")
BAR_END = lazy_pattern(rb"(?:it/s|s/it|\?it).{0,4}\]")
RECORD_MARKER = row_marker(LINE_FORMATS)
TABLE_MARKER = any_of((*HEADER_MARKERS, *SUMMARY_MARKERS))
PROBLEM_MARKER = any_of(PROBLEM_MARKERS)
SETTING_MARKER = any_of(SETTING_MARKERS)


class ConsoleReader:
    """Reads what a trainer printed, line by line, and hands it to a builder."""

    def __init__(self, builder: RunBuilder) -> None:
        self._builder = builder
        self._problems, self._settings = ProblemReader(), SettingReader()
        self._layouts: dict[bytes, Layout] = {}
        self._dispatch = LineDispatch(LINE_FORMATS)
        self._table, self._summary = PastedTable(), WandbSummary()
        self._quoted: bytes | None = None
        self._num_seen: dict[bytes, int] = {}
        self._shown_evals: dict[str, str] = {}
        self._wrapped = b""
        self._num_wrapped = 0
        self._num_bars = 0
        self._num_awaited = 0
        self._last_bar: tuple[int, bytes] | None = None
        self._events: list[Event] = []

    def read(self, stream: ByteSource, head: bytes) -> None:
        """Read a stream to its end; ``head`` is its beginning, by which its container is known."""
        frames, unwrap = FrameReader(stream), find_container(head)
        for first, lines in frames.blocks():
            self.read_lines(first, lines if unwrap is None else _unwrap(unwrap, lines))
        self._builder.num_lines, self._builder.num_bytes = frames.num_lines, frames.num_bytes
        if frames.num_cut:
            self._builder.notes.append(
                f"{frames.num_cut} line(s) of over 1 MiB without a break were read only at the start"
            )
        self.finish()

    def read_lines(self, first: int, lines: Sequence[bytes]) -> None:
        """Read lines that stand one below the other."""
        self._events = []
        for number, line in enumerate(lines, first):
            if b"\r" not in line:
                self._take(number, line)
                continue
            frames = line.split(b"\r")
            odd = [place for place, frame in enumerate(frames) if not frame.endswith(BAR_ENDS)]
            if self._num_bars < NUM_FIRST_BARS or b"oss:" in line or b"oss=" in line:
                for frame in frames:
                    self._take(number, frame)
            else:
                self._take_odd(number, frames, odd)
        self._builder.add_events(self._events)

    def _take_odd(self, number: int, frames: list[bytes], odd: list[int]) -> None:
        """Take a line in which most frames are bars: of these, the ones beside other frames, and the last, do."""
        self._num_bars += len(frames) - len(odd)
        shown = 0
        for place in odd:
            frame = frames[place]
            if place > shown:
                self._await_bar(number, frames[shown])
                self._last_bar = (number, frames[place - 1])
            if frame and not frame.isspace():
                self._take_other(number, frame)
            shown = place + 1
        if shown < len(frames):
            self._await_bar(number, frames[shown])
            self._last_bar = (number, frames[-1])

    def _await_bar(self, number: int, frame: bytes) -> None:
        """Take the bar behind a row, where one still waits for it."""
        if self._num_awaited:
            self._events.append((number, frame))
            self._num_awaited -= 1

    def _take(self, number: int, frame: bytes) -> None:
        """Take one frame: a bar, a row of a known layout, or anything else."""
        if frame.endswith(BAR_ENDS) and b"oss" not in frame and b"{" not in frame:
            self._num_bars += 1
            self._last_bar = (number, frame)
            if self._num_awaited or self._num_bars <= NUM_FIRST_BARS or self._num_bars % SAMPLED_BARS == 0:
                self._events.append(self._last_bar)
                self._last_bar = None
                self._num_awaited -= self._num_awaited > 0
        elif frame and not frame.isspace():
            self._take_other(number, frame)

    def _take_other(self, number: int, frame: bytes) -> None:
        """Take a frame that is no plain bar and not blank."""
        layout = self._layouts.get(frame[: frame.find(b":")])
        values = layout.read(frame) if layout else None
        if layout and values:
            found: Sequence[Event] = ((layout.names, values, number, frame),)
        else:
            found = self._read_frame(number, frame)
        if found:
            if self._last_bar:
                self._events.append(self._last_bar)
                self._last_bar = None
            self._events.extend(found)
            self._num_awaited = 1 if self._builder.is_long else NUM_AWAITED_BARS

    def feed(self, number: int, text: bytes, quoted: bytes | None = None) -> None:
        """Read one line of console text out of a file; ``quoted`` is how it stands there, where that differs."""
        self._quoted = quoted
        self.read_lines(number, [text])
        self._quoted = None

    def finish(self) -> None:
        """Take note of what the log ends in."""
        if self._last_bar:
            self._builder.add_events([self._last_bar])
        for setting in self._settings.finish():
            self._builder.add_setting(setting)
        self._problems.finish()
        self._builder.problems.extend(self._problems.problems)

    def _read_frame(self, number: int, raw: bytes) -> Sequence[Event]:
        """Read a frame that is neither a plain bar nor a row of a known layout; gives the rows and bars in it."""
        frame = strip_ansi(raw)
        if b"{" in frame or self._wrapped:
            frame = self._join_wrapped(frame)
        if RECORD_MARKER.search(frame):
            found = self._read_row(number, raw, frame)
            if found:
                return found
        is_new = self._is_new(frame)
        if self._table.is_open or self._summary.is_open or (is_new and TABLE_MARKER.search(frame)):
            found = self._read_block(number, raw, frame)
            if found:
                return found
        sign = PROBLEM_MARKER.search(frame)
        if sign or self._problems.wants_every_line:
            self._read_problem(number, raw, frame, sign.start() if sign else 0)
        settings = self._settings
        if is_new and not settings.is_idle and (settings.wants_every_line or SETTING_MARKER.search(frame)):
            self._read_settings(number, raw, frame)
        return ((number, raw),) if BAR_END.search(frame) else ()

    def _is_new(self, frame: bytes) -> bool:
        """Whether few lines were the same but for their digits: settings and tables are not printed by the thousand."""
        if len(frame) > MAX_QUOTED_BYTES:
            return True
        shape = frame.translate(DIGITS_AS_ZEROS)
        num_seen = self._num_seen.get(shape, 0)
        if num_seen < NUM_ALIKE and (num_seen or len(self._num_seen) < MAX_SHAPES):
            self._num_seen[shape] = num_seen + 1
        return num_seen < NUM_ALIKE

    def _read_settings(self, number: int, raw: bytes, frame: bytes) -> None:
        for setting in self._settings.read(decode(frame, MAX_SETTINGS_BYTES), number):
            is_quote = frame is raw and self._quoted is None and len(raw) <= MAX_QUOTED_BYTES
            self._builder.add_setting(setting if is_quote else replace(setting, line=self._quote(number, raw)))

    def _read_problem(self, number: int, raw: bytes, frame: bytes, place: int) -> None:
        """Hand on what stands round a sign; it may come after megabytes of bars."""
        if place < MAX_QUOTED_BYTES - PROBLEM_BYTES:
            self._problems.read(self._quote(number, raw), decode(frame, MAX_QUOTED_BYTES))
            return
        window = frame[place - BEFORE_PROBLEM_BYTES :]
        shown = max(0, raw.find(window[:PROBLEM_BYTES]))
        self._problems.read(self._quote(number, raw[shown:]), decode(window, MAX_QUOTED_BYTES))

    def _read_row(self, number: int, raw: bytes, frame: bytes) -> Sequence[Event]:
        """Ask the formats whose markers the frame holds; gives its row and the bar in front of it, if any."""
        found = self._dispatch.read(frame)
        if found is None:
            return ()
        log_format, values, text = found
        self._builder.format = log_format.name
        if log_format is HF_CONSOLE and frame is raw and self._quoted is None and len(self._layouts) < MAX_LAYOUTS:
            self._learn(frame)
        return self._to_events(values, number, raw, read_rank(text))

    def _read_block(self, number: int, raw: bytes, frame: bytes) -> Sequence[Event]:
        """Read a line of a pasted table, or of the summary that W&B prints at the end."""
        text = decode(frame, MAX_SETTINGS_BYTES)
        summary = self._summary.read(text)
        if summary:
            self._builder.add_record(Record("summary", summary, self._quote(number, raw)))
            return ()
        values = self._table.read(text)
        if not values or classify(values) is None:
            return ()
        self._builder.format = self._builder.format or PASTED_TABLE
        return self._to_events(values, number, raw, read_rank(text))

    def _learn(self, frame: bytes) -> None:
        layout = learn_layout(frame)
        if layout:
            self._layouts[frame[: frame.find(b":")]] = layout

    def _to_events(self, values: dict[str, float], number: int, raw: bytes, rank: int | None) -> Sequence[Event]:
        rank = int(values.pop("rank", -1)) if rank is None and values.get("rank", -1) >= 0 else rank
        if not self._builder.accepts_rank(rank, values, self._quote(number, raw) if rank else Line(number, "")):
            return ((0, b""),)
        fresh = self._drop_repeated_evals(values) if any(sign in raw for sign in BAR_SIGNS) else values
        row = (tuple(fresh), tuple(fresh.values()), number, raw if self._quoted is None else self._quoted)
        if BAR_SIGN in raw and b"{" not in raw:
            return (row, (number, raw))
        beside = raw[: max(0, raw.find(b"{"))]
        return (None, (number, beside), row) if BAR_END.search(beside) else (row,)

    def _drop_repeated_evals(self, values: dict[str, float]) -> dict[str, float]:
        """Leave out what a bar shows of the last evaluation in each of its frames, until it changes."""
        if "loss" not in values:
            return values
        evals = {name: str(value) for name, value in values.items() if name.startswith("eval_")}
        fresh = {name: value for name, value in values.items() if evals.get(name, "") != self._shown_evals.get(name)}
        self._shown_evals.update(evals)
        return fresh

    def _quote(self, number: int, raw: bytes) -> Line:
        return Line(number, decode(raw if self._quoted is None else self._quoted, MAX_QUOTED_BYTES))

    def _join_wrapped(self, frame: bytes) -> bytes:
        """Join a row that a terminal or an editor broke into lines; gives the frame itself where none is open."""
        joined = self._wrapped + frame
        start = joined.rfind(b"{'")
        is_open = start >= 0 and b"}" not in joined[start:] and RECORD_MARKER.search(joined)
        self._num_wrapped = self._num_wrapped + 1 if is_open else 0
        self._wrapped = (
            joined if is_open and self._num_wrapped < MAX_WRAPPED_LINES and len(joined) < MAX_WRAPPED_BYTES else b""
        )
        return joined if start >= 0 and not is_open else frame


def _unwrap(unwrap: Unwrap, lines: Sequence[bytes]) -> list[bytes]:
    return [text if (text := unwrap(line)) is not None else b"" for line in lines]
