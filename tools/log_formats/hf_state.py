"""trainer_state.json, its bare log_history, and any JSON whose flat objects hold a loss.

The file is never loaded whole: every innermost object is read by itself, so that a file of any size needs little
memory and one that breaks off is read up to where it breaks.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping

from tools.log_formats.frames import MAX_QUOTED_BYTES, ByteSource, decode
from tools.log_formats.record import LogFormat, Record, classify
from tools.log_formats.settings import CONFIG_NAMES, read_value
from tools.run import Line, Setting

CHUNK_BYTES = 1 << 20
MAX_OBJECT_BYTES = 1 << 20

_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*)?(?:\{\s*[\"}]|\])")
_FLAT_OBJECT = re.compile(rb"\{[^{}]*\}")
_KEY = re.compile(rb'"([^"\\]+)"\s*:')
_TOP_LEVEL = re.compile(
    rb'"(%s)"[ \t]{0,8}:[ \t]{0,8}("[^"\n]{0,400}"|[^\s,{}\[\]"]{1,400})' % "|".join(CONFIG_NAMES).encode()
)
_METRIC = re.compile(rb'"(?:log_history|(?:\w*_)?loss)"\s*:')
_STEP_KEYS = ("step", "current_steps", "global_step")


def is_metric_json(head: bytes) -> bool:
    """Tell from its beginning whether an input is JSON that holds metrics."""
    return bool(_BEGINNING.match(head)) and bool(_METRIC.search(head))


class StateReader:
    """Reads every metric object of a JSON stream, in constant memory.

    Attributes:
        num_lines, num_bytes: what was read.
    """

    def __init__(self, on_record: Callable[[Record], None], on_setting: Callable[[Setting], None]) -> None:
        self._on_record, self._on_setting = on_record, on_setting
        self.num_lines = 0
        self.num_bytes = 0
        self._line_number = 1
        self._depth = 0
        self._num_skipped = 0
        self._num_damaged = 0

    def read(self, stream: ByteSource) -> tuple[str, ...]:
        """Read the stream to its end; gives notes on what could not be read."""
        tail, last = b"", b""
        while chunk := stream.read(CHUNK_BYTES):
            self.num_bytes += len(chunk)
            self.num_lines += chunk.count(b"\n")
            self._depth += sum(map(chunk.count, (b"{", b"["))) - sum(map(chunk.count, (b"}", b"]")))
            tail, last = self._read_objects(tail + chunk), chunk
        if b"{" not in tail:
            self._pass_over(tail)
        self.num_lines += bool(last) and not last.endswith(b"\n")
        return tuple(self._notes())

    def _read_objects(self, data: bytes) -> bytes:
        """Read the objects that are whole; gives the bytes that may begin the next one."""
        position = 0
        for match in _FLAT_OBJECT.finditer(data):
            self._pass_over(data[position : match.start()])
            self._read_object(match[0])
            self._line_number += match[0].count(b"\n")
            position = match.end()
        rest = data[position:]
        start = rest.rfind(b"{")
        start = rest.rfind(b"\n") + 1 if start < 0 else start
        if len(rest) - start > MAX_OBJECT_BYTES:
            self._num_skipped += len(rest) - start
            start = len(rest)
        self._pass_over(rest[:start])
        return rest[start:]

    def _read_object(self, text: bytes) -> None:
        try:
            record = _to_record(text, self._line_number)
        except (ValueError, OverflowError, RecursionError):
            self._num_damaged += bool(_METRIC.search(text))
            return
        if record:
            self._on_record(record)

    def _pass_over(self, gap: bytes) -> None:
        """Read what stands between objects: settings of the top level."""
        for setting in _read_settings(gap, self._line_number):
            self._on_setting(setting)
        self._line_number += gap.count(b"\n")

    def _notes(self) -> Iterator[str]:
        if self._depth > 0:
            yield f"the JSON breaks off in line {self.num_lines}; what stands before was read"
        if self._num_damaged:
            yield f"{self._num_damaged} damaged row(s) were left out"
        if self._num_skipped:
            yield f"{self._num_skipped} bytes without a readable object were skipped"


def _read_settings(gap: bytes, line_number: int) -> Iterator[Setting]:
    for match in _TOP_LEVEL.finditer(gap):
        start = gap.rfind(b"\n", 0, match.start()) + 1
        end = gap.find(b"\n", match.end())
        text = decode(gap[start : end if end >= 0 else len(gap)], MAX_QUOTED_BYTES)
        number = line_number + gap.count(b"\n", 0, match.start())
        value = read_value(decode(match[2]))
        if value is not None:
            yield Setting(CONFIG_NAMES[match[1].decode()], value, Line(number, text))


def _to_record(text: bytes, line_number: int) -> Record | None:
    """Make a record of one flat object, None where it holds no metric.

    Raises:
        ValueError, OverflowError, RecursionError: the object is damaged.
    """
    loaded = json.loads(text)
    if not isinstance(loaded, dict):
        return None
    values = {name: float(value) for name, value in loaded.items() if _is_number(value)}
    step = next((values[name] for name in _STEP_KEYS if name in values), None)
    if step is not None:
        values["step"] = step
    if "lr" in values:
        values.setdefault("learning_rate", values["lr"])
    kind = classify(values)
    if kind is None:
        return None
    lines = dict(_lines_of_keys(text, line_number))
    return Record(kind, values, _first_metric_line(values, lines, text, line_number), lines)


def _first_metric_line(values: Mapping[str, float], lines: Mapping[str, Line], text: bytes, number: int) -> Line:
    for name in ("loss", "eval_loss", "train_loss"):
        if name in values and name in lines:
            return lines[name]
    return next(iter(lines.values()), Line(number, decode(text, MAX_QUOTED_BYTES)))


def _lines_of_keys(text: bytes, line_number: int) -> Iterator[tuple[str, Line]]:
    for offset, raw in enumerate(text.split(b"\n")):
        line = Line(line_number + offset, decode(raw.rstrip(b"\r"), MAX_QUOTED_BYTES))
        for key in _KEY.findall(raw):
            yield decode(key), line


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_sample(text: str) -> dict[str, float] | None:
    try:
        record = _to_record(text.encode(), 1)
    except (ValueError, OverflowError, RecursionError):
        return None
    return dict(record.values) if record else None


HF_STATE = LogFormat(
    name="hf_trainer_state",
    title="trainer_state.json and other JSON with a loss",
    source="transformers/trainer_callback.py, TrainerState.save_to_json",
    samples=(
        (
            '{"epoch": 0.13, "grad_norm": 0.87, "learning_rate": 1.9e-05, "loss": 1.2345, "step": 10}',
            {"epoch": 0.13, "grad_norm": 0.87, "learning_rate": 1.9e-05, "loss": 1.2345, "step": 10.0},
        ),
        ('{"epoch": 1.0, "eval_loss": 0.75, "step": 75}', {"epoch": 1.0, "eval_loss": 0.75, "step": 75.0}),
    ),
    markers=(b'"loss"', b'"eval_', b'"train_'),
    read=_read_sample,
)
