"""JSON in which a metric is a key: its values in a list, as Keras keeps its history, or one result at the end."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.columns import COORDINATES, name_all
from tools.log_formats.frames import SAMPLE_BYTES, ByteSource
from tools.log_formats.json_tokens import LineFinder, Path, count_lines, is_whole, read_string, read_whole, walk
from tools.log_formats.record import FileFormat, Kind, Record, classify
from tools.run import Line
from tools.units import parse_number

if TYPE_CHECKING:
    from tools.run_builder import RunBuilder

MAX_BYTES = 16 << 20
TOO_LARGE = "pass the console log, or rows as JSON Lines"
MAX_COLUMNS = 2000
RESULT_KEYS = frozenset({"train_runtime", "eval_runtime", "_step", "_runtime", "_wandb", "train_samples"})

_COLUMN = lazy_pattern(
    rb'"[^"\n]{0,80}(?:[Ll]oss|[Ll]osses|rewards?|perplexity)(?:_(?:history|values|log|step|epoch)|/[^"\n]{0,60})?"\s{0,80}:\s{0,80}'
    rb'(?:\[\s{0,80}(?:\[|"?[-+]?(?:\d|NaN|nan|inf|Infinity)|null|\])|\{\s{0,80}"\d{1,9}"\s{0,80}:)'
)
_OTHER_JSON = lazy_pattern(rb'"(?:log_history|cells|worksheets)"\s{0,80}:')
_WRAPPERS = frozenset({"history", "params", "log", "logs", "metrics", "data", "results", "columns", "scalars"})
_LIST_NAMES = {"total_steps": "step", "eval_steps": "eval_step", "eval_epochs": "eval_epoch"}

Entry = tuple[float | None, int]
"""A value, None where the list holds null, and its place in the text."""
Key = tuple[tuple[str, ...], int]
"""Keys down to a list, and of a list of pairs the place in the pair, else -1."""
Table = dict[str, list[Entry]]
"""Columns of the same length by canonical name, with the steps or epochs among them."""


def is_columns(head: bytes) -> bool:
    """Tell from its beginning whether a file is a JSON object with lists of metrics."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith(b"{") or _OTHER_JSON.search(text) or not _COLUMN.search(text):
        return False
    first, _, rest = text.partition(b"\n")
    return not (rest.lstrip().startswith(b"{") and first.rstrip().endswith(b"}"))


def read_columns(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read lists of metrics, those of the same length side by side.

    Raises:
        BadInput: the file is larger than MAX_BYTES.
    """
    data = _read(stream, builder)
    columns: dict[Key, list[Entry]] = {}
    for path, start, end in walk(data):
        key = _column_of(path)
        if key and (key in columns or len(columns) < MAX_COLUMNS):
            columns.setdefault(key, []).append((parse_number(read_string(data[start:end])), start))
    lines = LineFinder(data)
    for table in _make_tables(columns):
        _add_rows(table, lines, builder)


def is_result(head: bytes) -> bool:
    """Tell from its beginning whether a file is one small JSON object with the results of a run."""
    if len(head) >= SAMPLE_BYTES or _OTHER_JSON.search(head):
        return False
    try:
        loaded = json.loads(head)
    except (ValueError, RecursionError):
        return False
    if not isinstance(loaded, dict) or RESULT_KEYS.isdisjoint(loaded) or "step" in loaded:
        return False
    return not any(isinstance(value, list) for value in loaded.values())


def read_result(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read the results of a run: what it came to, and its last evaluation.

    Raises:
        BadInput: the file is larger than MAX_BYTES.
    """
    data = _read(stream, builder)
    found = [(path, read_string(data[start:end]), start) for path, start, end in walk(data) if len(path) == 2]
    lines = LineFinder(data)
    names = name_all([str(path[1]) for path, _, _ in found])
    read: dict[str, tuple[float, Line]] = {}
    for name, (_, text, start) in zip(names, found, strict=True):
        value = parse_number(text)
        if name and value is not None:
            read[name] = (value, lines.line_at(start))
    is_tracked = any(str(path[1]).startswith("_") for path, _, _ in found)
    evaluated = {} if is_tracked else {name: one for name, one in read.items() if name.startswith("eval_")}
    place = {name: one for name, one in read.items() if name in COORDINATES}
    if evaluated:
        _add_result("eval", {**place, **evaluated}, builder)
    rest = {name: one for name, one in read.items() if name not in evaluated}
    if not COORDINATES.issuperset(rest):
        _add_result("summary", rest, builder)


def _add_result(kind: Kind, part: Mapping[str, tuple[float, Line]], builder: "RunBuilder") -> None:
    lines = {name: line for name, (_, line) in part.items()}
    first = next(line for name, line in lines.items() if name not in COORDINATES)
    builder.add_record(Record(kind, {name: value for name, (value, _) in part.items()}, first, lines))


def _read(stream: ByteSource, builder: "RunBuilder") -> bytes:
    data = read_whole(stream, MAX_BYTES, TOO_LARGE)
    builder.num_bytes, builder.num_lines = len(data), count_lines(data)
    if not is_whole(data):
        builder.notes.append(f"the JSON breaks off in line {builder.num_lines}; what stands before was read")
    return data


def _column_of(path: Path) -> Key | None:
    """The list that a value stands in, None where it stands in no list under a key."""
    last = path[-1]
    if len(path) < 3 or not (isinstance(last, int) or last.isdecimal()):
        return None
    is_paired = isinstance(last, int) and isinstance(path[-2], int)
    keys = [part for part in path[1:-1] if isinstance(part, str)]
    plain = tuple(key for key in keys if key.lower() not in _WRAPPERS)
    return (plain, int(last) if is_paired else -1) if plain else None


def _make_tables(columns: Mapping[Key, list[Entry]]) -> Iterator[Table]:
    """Put columns of the same length side by side, and pairs of step and value by themselves."""
    names = dict(zip(paths := list(dict.fromkeys(path for path, _ in columns)), _name(paths), strict=True))
    alone: Table = {}
    for path in paths:
        parts = [(place, entries) for (other, place), entries in columns.items() if other == path]
        if parts[0][0] < 0:
            alone[names[path]] = parts[0][1]
        elif len(parts) in (2, 3):
            *_, steps, values = (entries for _, entries in parts)
            yield {"step": steps, names[path]: values}
    spelled = {path[-1] for path in paths}
    has_place = not {"step", "epoch", "eval_step", "eval_epoch"}.isdisjoint(alone)
    for length in dict.fromkeys(map(len, alone.values())):
        table = {name: entries for name, entries in alone.items() if name and len(entries) == length}
        for place in COORDINATES:
            own = table.pop(f"eval_{place}", None)
            if own is not None:
                table.setdefault(place, own)
        if not has_place and {"loss", "val_loss"} <= spelled and {"loss", "eval_loss"} <= table.keys():
            table["epoch"] = [(float(index), place) for index, (_, place) in enumerate(table["loss"], start=1)]
        yield table


def _name(paths: Sequence[tuple[str, ...]]) -> list[str]:
    names = name_all(["/".join(path) for path in paths])
    return [_LIST_NAMES.get(name, name) for name in names]


def _add_rows(table: Table, lines: LineFinder, builder: "RunBuilder") -> None:
    if COORDINATES.issuperset(table):
        return
    main = next((name for name in ("loss", "eval_loss") if name in table), next(iter(table.keys() - COORDINATES)))
    for entries in zip(*table.values(), strict=False):
        places = dict(zip(table, (place for _, place in entries), strict=True))
        found = zip(table, (value for value, _ in entries), strict=True)
        values = {name: value for name, value in found if value is not None}
        if not COORDINATES.issuperset(values):
            told = {name: lines.line_at(places[name]) for name in values}
            first = main if main in told else next(name for name in told if name not in COORDINATES)
            builder.add_record(Record(classify(values) or "train", values, told[first], told))


COLUMNS_JSON = FileFormat(
    name="columns_json",
    title="JSON with a list of values for every metric",
    source="keras/src/callbacks/history.py; pandas, DataFrame.to_json; scripts that keep their losses in lists",
    detect=is_columns,
    read=read_columns,
    samples=(
        (b'{"loss": [1.5, 1.25], "val_loss": [1.75, 1.5]}', {"epoch": 1.0, "loss": 1.5, "eval_loss": 1.75}),
        (b'{\n "step": [10, 20],\n "train/loss": [1.5, 1.25]\n}\n', {"step": 10.0, "loss": 1.5}),
        (b'{"history": {"loss": [1.5, NaN], "lr": [0.01, 0.001]}}', {"loss": 1.5, "learning_rate": 0.01}),
        (b'{"train": {"loss": [[10, 1.5], [20, 1.25]]}, "val": {"loss": [[20, 1.75]]}}', {"step": 10.0, "loss": 1.5}),
        (b'{"step": {"0": 10, "1": 20}, "loss": {"0": 1.5, "1": 1.25}}', {"step": 10.0, "loss": 1.5}),
    ),
)
RESULT_JSON = FileFormat(
    name="result_json",
    title="JSON with the results of a run, such as all_results.json or wandb-summary.json",
    source="transformers/trainer_pt_utils.py, save_metrics; wandb, files/wandb-summary.json",
    detect=is_result,
    read=read_result,
    samples=(
        (
            b'{\n    "epoch": 3.0,\n    "eval_loss": 1.25,\n    "eval_runtime": 9.5,\n    "train_loss": 1.5,\n'
            b'    "train_runtime": 600.5\n}',
            {"epoch": 3.0, "eval_loss": 1.25, "eval_runtime": 9.5},
        ),
        (
            b'{"_step": 500, "_wandb": {"runtime": 60}, "train/loss": 1.5}',
            {"step": 500.0, "loss": 1.5},
        ),
    ),
)
