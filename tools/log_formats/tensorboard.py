"""TensorBoard event files: scalars with their steps, and the settings that Hugging Face writes beside them."""

import base64
import json
import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.columns import COORDINATES, name_all, name_metric
from tools.log_formats.frames import MAX_QUOTED_BYTES, ByteSource, decode
from tools.log_formats.record import FileFormat, Kind, Record
from tools.log_formats.settings import CONFIG_NAMES
from tools.log_formats.wire import HEADER_BYTES, Field, RecordFile, read_fields, read_length, read_varint
from tools.run import Line, Setting

if TYPE_CHECKING:
    from tools.run_builder import RunBuilder

MAX_FIRST_RECORD = 1 << 16
VALIDATION_FOLDERS = ("/validation/", "/val/", "/eval/", "/valid/")
SUMMARY_NAMES = frozenset({"train_loss", "train_runtime", "total_flos"}) | {
    f"train_{unit}_per_second" for unit in ("samples", "steps", "tokens")
}
OTHER_AXES = lazy_pattern(r"\bhp_metric$|[ _]vs[ _](?:samples|tokens|iterations)")
"""Lightning writes one hp_metric, -1, for its table of hyper-parameters; Megatron writes every value a second time with
the number of samples in place of the step."""
NUM_WAITING = 2048
MAX_TAGS = 2000
MAX_TAG_LENGTH = 500

# Field numbers of event.proto, summary.proto and tensor.proto.
_EVENT_STEP, _EVENT_VERSION, _EVENT_SUMMARY = 2, 3, 5
_SUMMARY_VALUE = 1
_VALUE_TAG, _VALUE_SIMPLE, _VALUE_TENSOR = 1, 2, 8
_TENSOR_TYPE, _TENSOR_CONTENT, _TENSOR_STRING = 1, 4, 8
_TENSOR_NUMBERS = {5: "<f", 6: "<d"}
_TENSOR_INTEGERS = (7, 10)
_CONTENT_FORMATS = {1: "<f", 2: "<d", 3: "<i", 9: "<q", 19: "<e"}
_BFLOAT16 = 14


def is_event_file(head: bytes) -> bool:
    """Tell an event file by its first record: a length with a right checksum, then a message with a version."""
    length = read_length(head[:HEADER_BYTES])
    if length is None or length > MAX_FIRST_RECORD:
        return False
    try:
        fields = dict(read_fields(head[HEADER_BYTES : HEADER_BYTES + length]))
    except ValueError:
        return False
    return not fields.keys().isdisjoint((_EVENT_VERSION, _EVENT_SUMMARY))


def read_event_file(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read the scalars of an event file to its end."""
    records, rows, num_broken = RecordFile(stream), _Rows(builder), 0
    for number, content in records:
        try:
            fields = list(read_fields(content))
        except ValueError:
            num_broken += 1
            continue
        step = next((_signed(value) for field, value in fields if field == _EVENT_STEP and isinstance(value, int)), 0)
        for field, value in fields:
            if field == _EVENT_SUMMARY and isinstance(value, bytes):
                num_broken += not _read_summary(value, number, step, rows)
    rows.finish()
    builder.num_lines, builder.num_bytes = records.num_records, records.num_bytes
    builder.notes.extend(_notes(records, num_broken))


def _notes(records: RecordFile, num_broken: int) -> Iterator[str]:
    yield "an event file has records, not lines: what is given as a line is the number of a record"
    if records.fault:
        yield f"the file {records.fault} record {records.num_records + 1}; what stands before was read"
    if records.num_damaged + num_broken:
        yield f"{records.num_damaged + num_broken} damaged record(s) were left out"
    if records.num_large:
        yield f"{records.num_large} record(s) of over 1 MiB were left out"


class _Rows:
    """Puts the scalars of one step together, as the trainer logged them.

    The first scalars wait, so that the names of all metrics are known before one of them is called the loss.
    """

    def __init__(self, builder: "RunBuilder") -> None:
        self._builder = builder
        self._is_validation = any(folder in builder.name.replace("\\", "/") for folder in VALIDATION_FOLDERS)
        self._waiting: list[tuple[str, float, int, int]] = []
        self._names: dict[str, str] = {}
        self._values: dict[str, float] = {}
        self._lines: dict[str, Line] = {}
        self._kind: Kind = "train"

    def add(self, tag: str, value: float, step: int, number: int) -> None:
        """Take a scalar of a step, from the record of this number."""
        if self._names:
            self._put(tag, value, step, number)
            return
        self._waiting.append((tag, value, step, number))
        if len(self._waiting) == NUM_WAITING:
            self._settle()

    def finish(self) -> None:
        """Give what is left to the builder."""
        self._settle()
        self._flush()

    def add_settings(self, text: bytes, number: int) -> None:
        """Take the settings that Hugging Face writes as JSON text."""
        try:
            settings = json.loads(text)
        except (ValueError, RecursionError):
            return
        for key, value in settings.items() if isinstance(settings, dict) else ():
            name = CONFIG_NAMES.get(key)
            if name and isinstance(value, bool | int | float | str):
                shown = decode(f"{key}={value}".encode(errors="replace"), MAX_QUOTED_BYTES)
                is_count = isinstance(value, int) and not isinstance(value, bool)
                self._builder.add_setting(Setting(name, float(value) if is_count else value, Line(number, shown)))

    def _settle(self) -> None:
        tags = list(dict.fromkeys(tag for tag, _, _, _ in self._waiting if not OTHER_AXES.search(tag)))
        self._names = dict(zip(tags, name_all(tags), strict=True))
        waiting, self._waiting = self._waiting, []
        for scalar in waiting:
            self._put(*scalar)

    def _put(self, tag: str, value: float, step: int, number: int) -> None:
        """Add to the row; a new one begins with another step, another kind, or a name that is there already."""
        name = self._name(tag)
        if not name:
            return
        kind: Kind = "summary" if name in SUMMARY_NAMES else "eval" if name.startswith("eval_") else "train"
        place = "epoch" if tag.startswith("epoch_") else "step"
        is_new = self._values.get(place) != step or name in self._lines
        if is_new or (kind != self._kind and name not in COORDINATES):
            self._flush()
            self._values[place] = float(step)
        if name not in COORDINATES or not self._lines:
            self._kind = kind
        self._values[name] = value
        self._lines[name] = Line(number, f"{tag[:MAX_TAG_LENGTH]}={value!r} step={step}")

    def _flush(self) -> None:
        if not COORDINATES.issuperset(self._lines):
            first = next(name for name in self._lines if name not in COORDINATES)
            self._builder.add_record(Record(self._kind, self._values, self._lines[first], self._lines))
        self._values, self._lines = {}, {}

    def _name(self, tag: str) -> str:
        if tag not in self._names and OTHER_AXES.search(tag):
            return ""
        if tag not in self._names and len(self._names) < MAX_TAGS:
            name = name_metric(tag)
            self._names[tag] = tag if name in self._names.values() else name
        name = self._names.get(tag, "")
        is_evaluated = self._is_validation and name and not name.startswith("eval_") and name not in COORDINATES
        return f"eval_{name}" if is_evaluated else name


def _read_summary(summary: bytes, number: int, step: int, rows: _Rows) -> bool:
    """Read the values of a summary; False where it is damaged."""
    try:
        for field, value in read_fields(summary):
            if field == _SUMMARY_VALUE and isinstance(value, bytes):
                _read_value(value, number, step, rows)
    except ValueError:
        return False
    return True


def _read_value(content: bytes, number: int, step: int, rows: _Rows) -> None:
    fields = dict(read_fields(content))
    tag, simple, tensor = (fields.get(field) for field in (_VALUE_TAG, _VALUE_SIMPLE, _VALUE_TENSOR))
    if not isinstance(tag, bytes):
        return
    name = decode(tag)
    if isinstance(simple, float):
        rows.add(name, simple, step, number)
    elif isinstance(tensor, bytes):
        parts = dict(read_fields(tensor))
        text = parts.get(_TENSOR_STRING)
        if isinstance(text, bytes):
            if "text_summary" in name:
                rows.add_settings(text, number)
            return
        value = _read_scalar(parts)
        if value is not None:
            rows.add(name, value, step, number)


def _read_scalar(parts: Mapping[int, Field]) -> float | None:
    """Read a tensor that holds one number, None where it holds something else."""
    content, kind = parts.get(_TENSOR_CONTENT), parts.get(_TENSOR_TYPE)
    for field, packing in _TENSOR_NUMBERS.items():
        value = parts.get(field)
        if isinstance(value, bytes) and len(value) == struct.calcsize(packing):
            return float(struct.unpack(packing, value)[0])
        if isinstance(value, float):
            return value
    for field in _TENSOR_INTEGERS:
        value = parts.get(field)
        if value is not None:
            return float(_signed(read_varint(value, 0)[0] if isinstance(value, bytes) else int(value)))
    if kind == _BFLOAT16 and isinstance(content, bytes) and len(content) == 2:
        return float(struct.unpack("<f", bytes(2) + content)[0])
    packing = _CONTENT_FORMATS.get(kind, "") if isinstance(kind, int) else ""
    if packing and isinstance(content, bytes) and len(content) == struct.calcsize(packing):
        return float(struct.unpack(packing, content)[0])
    return None


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


# A version record, and train/loss = 1.5 at step 10.
_SAMPLE = base64.b64decode(
    "GAAAAAAAAACjf0siCQAAAED8VNlBGg1icmFpbi5FdmVudDoy7O2PnSAAAAAAAAAAKe2pUAkAAEBA/FTZQRAKKhMKEQoKdHJhaW4vbG9zcxUAAMA/"
    "P93DeQ=="
)

TENSORBOARD = FileFormat(
    name="tensorboard",
    title="TensorBoard event file",
    source="tensorflow/core/util/event.proto; tensorflow/core/lib/io/record_writer.cc; tensorboardX and "
    "torch.utils.tensorboard write the same; transformers/integrations, TensorBoardCallback",
    detect=is_event_file,
    read=read_event_file,
    samples=((_SAMPLE, {"step": 10.0, "loss": 1.5}),),
)
