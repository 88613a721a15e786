"""JSON whose flat objects hold metrics: trainer_state.json, its bare log_history, and rows in JSON Lines.

The file is never loaded whole: the innermost objects of a piece are read together, so that a file of any size needs
little memory and one that breaks off is read up to where it breaks.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain
from operator import methodcaller
from typing import TYPE_CHECKING, Any, TypeVar

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.frames import MAX_QUOTED_BYTES, ByteSource, decode
from tools.log_formats.json_records import Locate, make_record, read_gap_settings, settings_of
from tools.log_formats.json_values import ROW_LIST, find_layout, flatten
from tools.log_formats.record import FileFormat, LogFormat, classify
from tools.run import Line

if TYPE_CHECKING:
    from tools.run_builder import RunBuilder

CHUNK_BYTES = 1 << 18
"""Small enough that what is made of a piece is still in the processor's cache when it is looked at."""
MAX_OBJECT_BYTES = 1 << 20
COUNT_LINES: Callable[[bytes], int] = methodcaller("count", b"\n")
_TYPE: Callable[[Any], type] = type
NUMBERS: frozenset[type] = frozenset({int, float})
MIN_GAP_BYTES = 16
"""What stands between two rows of a list is shorter than this; a longer gap may hold settings."""


_BEGINNING = lazy_pattern(rb"(?:\xef\xbb\xbf)?\s*(?:\[\s*)?(?:\{\s*[\"}]|\])")
_FLAT_OBJECT = lazy_pattern(rb"\{[^{}]*\}")
_METRIC = lazy_pattern(rb'"(?:log_history|[\w/. ]{0,60}(?:loss|Loss|reward|perplexity)|kl)"\s*:')
_NOT_FINITE = lazy_pattern(rb"(?<=[:\s])(-?)(NaN|Infinity)(?=\s*[,}\r\n])")


K = TypeVar("K")


def is_metric_json(head: bytes) -> bool:
    """Tell from its beginning whether an input is JSON that holds metrics."""
    return bool(_BEGINNING.match(head)) and bool(_METRIC.search(head))


class StateReader:
    """Reads every metric object of a JSON stream, in constant memory, and hands it to a builder."""

    def __init__(self, builder: "RunBuilder") -> None:
        self._builder = builder
        self._line_number = 1
        self._depth = 0
        self._num_skipped = 0
        self._num_damaged = 0
        self._num_rows = 0

    def read(self, stream: ByteSource) -> None:
        """Read the stream to its end; notes tell what could not be read."""
        tail, last = b"", b""
        is_lines: bool | None = None
        while chunk := stream.read(CHUNK_BYTES):
            self._builder.num_bytes += len(chunk)
            self._builder.num_lines += chunk.count(b"\n")
            data, last = tail + chunk, chunk
            is_lines = _is_json_lines(data) if is_lines is None else is_lines
            tail = self._read_lines(data) if is_lines else self._read_objects(data)
        if is_lines and tail.strip():
            self._read_lines(tail + b"\n")
        elif b"{" not in tail:
            self._pass_over(tail)
        else:
            self._depth += 1
        self._builder.num_lines += bool(last) and not last.endswith(b"\n")
        self._builder.notes.extend(self._notes())

    def _read_lines(self, data: bytes) -> bytes:
        """Read whole lines, one object each; gives the bytes of the line that is not yet whole."""
        lines = data.split(b"\n")
        rest = lines.pop()
        found = [(number, line) for number, line in enumerate(lines, self._line_number) if b"{" in line]
        self._add([line[line.find(b"{") :].rstrip() for _, line in found], [number for number, _ in found])
        self._line_number += len(lines)
        if len(rest) > MAX_OBJECT_BYTES:
            self._num_skipped += len(rest)
            return b""
        return rest

    def _read_objects(self, data: bytes) -> bytes:
        """Read the objects that are whole; gives the bytes that may begin the next one."""
        start, end = data.find(b"{"), data.rfind(b"}") + 1
        if 0 <= start <= MIN_GAP_BYTES and end > start and self._read_list(data[:start], data[start:end]):
            return data[end:]
        return self._find_objects(data)

    def _read_list(self, before: bytes, body: bytes) -> bool:
        """Read a piece that is nothing but flat objects with commas between them; gives False where it is not."""
        loaded = _load(body)
        texts = body.split(b"}")
        if loaded is None or len(texts) != len(loaded) + 1:
            return False
        first = self._line_number + before.count(b"\n")
        numbers = list(accumulate(map(COUNT_LINES, texts), initial=first))

        def locate(index: int) -> tuple[int, bytes]:
            text = texts[index]
            start = text.find(b"{")
            return numbers[index] + text.count(b"\n", 0, start), text[start:] + b"}"

        self._add_loaded(loaded, locate)
        self._line_number = numbers[-1]
        return True

    def _find_objects(self, data: bytes) -> bytes:
        spans = [match.span() for match in _FLAT_OBJECT.finditer(data)]
        numbers, number, place = [], self._line_number, 0
        for start, end in spans:
            if start - place > MIN_GAP_BYTES:
                self._read_gap(data[place:start], number)
            number += data.count(b"\n", place, start)
            numbers.append(number)
            number += data.count(b"\n", start, end)
            place = end
        ends = [0, *(end for _, end in spans)]
        between = b"".join([data[end:start] for end, (start, _) in zip(ends, spans, strict=False)])
        self._depth += _depth_of(between)
        self._line_number = number
        self._add([data[start:end] for start, end in spans], numbers)
        return self._keep_rest(data[place:])

    def _keep_rest(self, rest: bytes) -> bytes:
        start = rest.rfind(b"{")
        start = rest.rfind(b"\n") + 1 if start < 0 else start
        if len(rest) - start > MAX_OBJECT_BYTES:
            self._num_skipped += len(rest) - start
            start = len(rest)
        self._pass_over(rest[:start])
        return rest[start:]

    def _add(self, texts: list[bytes], numbers: list[int]) -> None:
        loaded = _load(b",".join(texts))
        if loaded is None or len(loaded) != len(texts):
            loaded = [self._load_one(text) for text in texts]
        self._add_loaded(loaded, lambda index: (numbers[index], texts[index]))

    def _add_loaded(self, loaded: list[Any], locate: Locate) -> None:
        """Take objects; those with the same keys and types of values are taken together."""
        keys = [tuple(one) if type(one) is dict else () for one in loaded]
        groups = _group(keys)
        groups.pop((), None)
        odd: list[int] = []
        for kind, places in groups.items():
            self._add_alike(kind, places, [tuple(loaded[place].values()) for place in places], locate, odd)
        for place in sorted(odd):
            self._add_odd(loaded[place], place, locate)
        self._builder.count_rows(len(loaded))
        self._num_rows += len(loaded)

    def _add_alike(
        self,
        keys: tuple[str, ...],
        places: Sequence[int],
        values: list[tuple[Any, ...]],
        locate: Locate,
        odd: list[int],
    ) -> None:
        """Take objects with the same keys; those whose values have other types as well are put among the odd ones."""
        types: Mapping[tuple[type, ...], Sequence[int]] = {(float,) * len(keys): range(len(values))}
        if not NUMBERS.issuperset(map(_TYPE, chain.from_iterable(values))):
            types = _group([tuple(map(_TYPE, row)) for row in values])
        for kinds, alike in types.items():
            layout = find_layout(keys, kinds)
            if layout is None:
                odd.extend(places[index] for index in alike)
            elif layout.names:
                pick, names = layout.pick or tuple, layout.names
                is_whole = len(alike) == len(values)
                rows = values if is_whole and pick is tuple else [pick(values[index]) for index in alike]
                where = places if is_whole else [places[index] for index in alike]
                self._builder.add_alike(names, rows, where, partial(make_record, names, rows, where, locate))

    def _add_odd(self, loaded: dict[str, Any], place: int, locate: Locate) -> None:
        """Take an object with text, lists or objects in it; one that repeats the rows before it is passed over."""
        number, text = locate(place)
        is_whole = isinstance(loaded.get(ROW_LIST), list)  # a whole file in one object, with nothing logged yet
        if is_whole and self._num_rows + place > 1:
            self._builder.notes.append(f"line {number} repeats the rows before it and was passed over")
            return
        values = flatten(loaded)
        if classify(values) and not is_whole:
            names, rows = tuple(values), [tuple(values.values())]
            self._builder.add_alike(names, rows, [place], partial(make_record, names, rows, [place], locate))
            return
        for setting in settings_of(loaded, Line(number, decode(text, MAX_QUOTED_BYTES))):
            self._builder.add_setting(setting)

    def _load_one(self, text: bytes) -> Any:
        try:
            return json.loads(text, parse_int=float)
        except (ValueError, RecursionError):
            self._num_damaged += bool(_METRIC.search(text))
            return None

    def _pass_over(self, gap: bytes) -> None:
        """Read what stands between objects: settings of the top level."""
        self._read_gap(gap, self._line_number)
        self._depth += _depth_of(gap)
        self._line_number += gap.count(b"\n")

    def _read_gap(self, gap: bytes, number: int) -> None:
        for setting in read_gap_settings(gap, number):
            self._builder.add_setting(setting)

    def _notes(self) -> Iterator[str]:
        if self._depth > 0:
            yield f"the JSON breaks off in line {self._builder.num_lines}; what stands before was read"
        if self._num_damaged:
            yield f"{self._num_damaged} damaged row(s) were left out"
        if self._num_skipped:
            yield f"{self._num_skipped} bytes without a readable object were skipped"


def _group(kinds: Sequence[K]) -> dict[K, Sequence[int]]:
    """The places of each kind, in order."""
    distinct = set(kinds)
    if len(distinct) == 1:
        return {kinds[0]: range(len(kinds))}
    groups: dict[K, list[int]] = {kind: [] for kind in dict.fromkeys(kinds)}
    for place, kind in enumerate(kinds):
        groups[kind].append(place)
    return dict(groups)


def _depth_of(text: bytes) -> int:
    return text.count(b"{") + text.count(b"[") - text.count(b"}") - text.count(b"]")


def _is_json_lines(data: bytes) -> bool:
    """Whether the first line that is not empty is an object by itself, with another one below it or nothing."""
    lines = [line.strip() for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n", 50) if line.strip()][:2]
    if not lines or not all(line.startswith(b"{") for line in lines):
        return False
    try:
        loaded = json.loads(lines[0])
    except (ValueError, RecursionError):
        return False
    return isinstance(loaded, dict) and not any(isinstance(value, list) for value in loaded.values())


def _load(body: bytes) -> list[Any] | None:
    """Load objects with commas between them, None where one is damaged."""
    import orjson

    if b"NaN" in body or b"Infinity" in body:
        body = _NOT_FINITE.sub(rb'"\1\2"', body)
    try:
        loaded = orjson.loads(b"[" + body + b"]")
    except ValueError:
        return None
    return loaded if isinstance(loaded, list) else None


def _read_sample(text: str) -> dict[str, float] | None:
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return None
    try:
        loaded = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return None
    values = flatten(loaded) if isinstance(loaded, dict) else {}
    return values if classify(values) else None


HF_STATE = FileFormat(
    name="hf_trainer_state",
    title="trainer_state.json, JSON Lines and other JSON with a loss",
    source="transformers/trainer_callback.py, TrainerState.save_to_json",
    samples=(
        (
            b'{"log_history": [{"epoch": 0.13, "grad_norm": 0.8, "learning_rate": 1.9e-05, "loss": 1.2, "step": 10}]}',
            {"epoch": 0.13, "grad_norm": 0.8, "learning_rate": 1.9e-05, "loss": 1.2, "step": 10.0},
        ),
        (b'{"epoch": 1.0, "eval_loss": 0.75, "step": 75}\n', {"epoch": 1.0, "eval_loss": 0.75, "step": 75.0}),
    ),
    detect=is_metric_json,
    read=lambda stream, builder: StateReader(builder).read(stream),
)
JSON_LINE = LogFormat(
    name="json_lines",
    title="JSON objects with a metric, one a line, between other lines",
    source="scripts that print json.dumps(metrics)",
    samples=(
        ('{"step": 10, "train_loss": 1.5, "lr": 2e-05}', {"step": 10.0, "loss": 1.5, "learning_rate": 2e-05}),
        ('INFO metrics {"iter": 20, "val_loss": 0.75}', {"step": 20.0, "eval_loss": 0.75}),
    ),
    markers=(b'loss":', b'Loss":', b'"reward":'),
    read=_read_sample,
)
