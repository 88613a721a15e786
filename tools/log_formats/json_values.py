"""The metrics in a JSON object under canonical names: at once for objects like one seen before, else one by one."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from tools.log_formats.record import canonical_name, classify, is_metric_name
from tools.units import parse_number

STEP_OF_TOTAL = "global_step/max_steps"
MAX_NESTING = 2
MAX_NUMBER_LETTERS = 30

_TEXT_KEYS = frozenset(
    [
        "elapsed_time",
        "remaining_time",
        "percentage",
        "time",
        "timestamp",
        "date",
        "type",
        "split",
        "phase",
        "mode",
        "stage",
        "event",
    ]
)


ROW_LIST = "log_history"
"""The key of the list of rows: what holds it is a file of them, and no row."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which values of an object are metrics, for all objects with the same keys and types; without ``pick``, all."""

    names: tuple[str, ...]
    pick: Callable[[tuple[Any, ...]], tuple[float, ...]] | None = None


@lru_cache(maxsize=512)
def find_layout(keys: tuple[str, ...], types: tuple[type, ...]) -> Layout | None:
    """The layout of objects without text or objects in them that matter, None where each has to be looked at."""
    if ROW_LIST in keys or any(
        kind in (str, dict, list) and _may_hold_metric(key) for key, kind in zip(keys, types, strict=True)
    ):
        return None
    renamed = _rename([key for key, kind in zip(keys, types, strict=True) if kind in (int, float)])
    places = [place for place, key in enumerate(keys) if key in renamed and types[place] in (int, float)]
    names = tuple(renamed[keys[place]] for place in places)
    if classify(dict.fromkeys(names, 0.0)) is None:
        return None if {str, dict, list} & set(types) else Layout(())
    if len(places) == len(keys):
        return Layout(names)
    pick = itemgetter(*places)
    return Layout(names, pick if len(places) > 1 else lambda values: (pick(values),))


def _may_hold_metric(key: str) -> bool:
    """Whether a text under this key may be a number that somebody wrote as text."""
    return key == STEP_OF_TOTAL or is_metric_name(canonical_name(key))


def _rename(keys: Sequence[str]) -> dict[str, str]:
    """Canonical names of keys; of two with one canonical name, the one that is spelled so, else the first."""
    is_summary = "train_runtime" in keys or "total_flos" in keys
    renamed = {key: key if is_summary and key == "train_loss" else canonical_name(key) for key in keys}
    taken = {name for key, name in renamed.items() if key == name}
    chosen: dict[str, str] = {}
    for key, name in renamed.items():
        if key == name or name not in taken:
            chosen[key] = name
            taken.add(name)
    return chosen


def flatten(loaded: Mapping[str, Any], depth: int = 0) -> dict[str, float]:
    """The numbers of an object under canonical names, those of objects within it and those written as text included."""
    numbers: dict[str, float] = {}
    inner: dict[str, float] = {}
    for key, value in loaded.items():
        if isinstance(value, dict) and depth < MAX_NESTING:
            inner |= flatten(value, depth + 1)
        elif key == STEP_OF_TOTAL and isinstance(value, str):
            step, _, total = value.partition("/")
            numbers |= {"step": parse_number(step) or 0.0, "total_steps": parse_number(total) or 0.0}
        elif isinstance(value, str) and key not in _TEXT_KEYS:
            number = parse_number(value) if len(value) < MAX_NUMBER_LETTERS else None
            numbers |= {} if number is None else {key: number}
        elif is_number(value):
            numbers[key] = float(value)
    renamed = _rename(list(numbers))
    return inner | {name: numbers[key] for key, name in renamed.items()}


def is_number(value: object) -> bool:
    """Whether a JSON value is a number; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)
