"""trainer_state.json, its bare log_history, and any JSON whose flat objects hold a loss.

The file is never loaded whole: every innermost object is read by itself, so that a file of any size needs little
memory and one that breaks off is read up to where it breaks.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping

from tools.log_formats.frames import ByteSource
from tools.log_formats.record import LogFormat, Record, classify
from tools.log_formats.settings import CONFIG_NAMES, read_value
from tools.run import Line, Setting

CHUNK_BYTES = 1 << 20
MAX_OBJECT_BYTES = 1 << 20

_FLAT_OBJECT = re.compile(rb"\{[^{}]*\}")
_KEY = re.compile(rb'"([^"\\]+)"\s*:')
_TOP_LEVEL = re.compile(rb'"(%s)"\s*:\s*("[^"]*"|[^\s,{}\[\]]+)' % "|".join(CONFIG_NAMES).encode())
_METRIC = re.compile(rb'"(?:log_history|(?:\w*_)?loss)"\s*:')
_STEP_KEYS = ("step", "current_steps", "global_step")


def is_metric_json(head: bytes) -> bool:
    """Tell from its beginning whether an input is JSON that holds metrics."""
    return head.lstrip()[:1] in (b"{", b"[") and bool(_METRIC.search(head))


def read_state(
    stream: ByteSource,
    on_record: Callable[[Record], None],
    on_setting: Callable[[Setting], None],
) -> tuple[int, int, tuple[str, ...]]:
    """Read every metric object of the stream.

    Returns:
        Lines, bytes, and notes on what could not be read.
    """
    tail, line_number, num_bytes, skipped = b"", 1, 0, 0
    last = b""
    while chunk := stream.read(CHUNK_BYTES):
        num_bytes += len(chunk)
        last = chunk.rstrip()[-1:] or last
        data, position = tail + chunk, 0
        for match in _FLAT_OBJECT.finditer(data):
            gap = data[position : match.start()]
            _read_settings(gap, line_number, on_setting)
            line_number += gap.count(b"\n")
            for record in _read_object(match[0], line_number):
                on_record(record)
            line_number += match[0].count(b"\n")
            position = match.end()
        rest = data[position:]
        keep = rest[rest.rfind(b"{") :] if b"{" in rest else rest[-len(rest.rpartition(b"\n")[2]) or len(rest) :]
        if len(keep) > MAX_OBJECT_BYTES:
            skipped, keep = skipped + len(keep), b""
        gap = rest[: len(rest) - len(keep)]
        _read_settings(gap, line_number, on_setting)
        line_number += gap.count(b"\n")
        tail = keep
    _read_settings(tail, line_number, on_setting)
    return line_number + tail.rstrip(b"\n").count(b"\n"), num_bytes, _notes(last, line_number, skipped)


def _notes(last: bytes, line_number: int, skipped: int) -> tuple[str, ...]:
    notes = []
    if last not in (b"}", b"]"):
        notes.append(f"the JSON breaks off after line {line_number}; what stands before was read")
    if skipped:
        notes.append(f"{skipped} bytes without a readable object were skipped")
    return tuple(notes)


def _read_settings(gap: bytes, line_number: int, on_setting: Callable[[Setting], None]) -> None:
    for match in _TOP_LEVEL.finditer(gap):
        start = gap.rfind(b"\n", 0, match.start()) + 1
        end = gap.find(b"\n", match.end())
        text = decode(gap[start : end if end >= 0 else len(gap)])
        number = line_number + gap.count(b"\n", 0, match.start())
        name = CONFIG_NAMES[match[1].decode()]
        value = read_value(decode(match[2]))
        if value is not None:
            on_setting(Setting(name, value, Line(number, text)))


def _read_object(text: bytes, line_number: int) -> Iterator[Record]:
    try:
        loaded = json.loads(text)
    except ValueError:
        return
    values = {name: float(value) for name, value in loaded.items() if _is_number(value)}
    for name in _STEP_KEYS:
        if name in values:
            values["step"] = values[name]
            break
    if "lr" in values:
        values.setdefault("learning_rate", values["lr"])
    kind = classify(values)
    if kind:
        lines = dict(_lines_of_keys(text, line_number))
        yield Record(kind, values, _first_metric_line(values, lines, text, line_number), lines)


def _first_metric_line(values: Mapping[str, float], lines: Mapping[str, Line], text: bytes, number: int) -> Line:
    for name in ("loss", "eval_loss", "train_loss"):
        if name in values and name in lines:
            return lines[name]
    return next(iter(lines.values()), Line(number, decode(text)))


def _lines_of_keys(text: bytes, line_number: int) -> Iterator[tuple[str, Line]]:
    for offset, raw in enumerate(text.split(b"\n")):
        line = Line(line_number + offset, decode(raw.rstrip(b"\r")))
        for key in _KEY.findall(raw):
            yield decode(key), line


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def decode(raw: bytes) -> str:
    """Read bytes as UTF-8; what is not UTF-8 stays visible as ``\\xNN``."""
    return raw.decode("utf-8", errors="backslashreplace")


def _read_sample(text: str) -> dict[str, float] | None:
    for record in _read_object(text.encode(), 1):
        return dict(record.values)
    return None


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
