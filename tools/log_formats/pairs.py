"""Lines of ``name: value`` pairs: a format of this kind is a head that tells the step, a pattern for a pair, and "
"names."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from tools.log_formats.record import STEP_METRICS, TRAIN_METRICS, canonical_name
from tools.units import UNIT_BYTES

_CANONICAL_NAMES = TRAIN_METRICS | STEP_METRICS

LineReader = Callable[[str], dict[str, float] | None]

NUMBER = (
    r"[-+]?(?:\d{1,40}(?:,\d{3}){0,6}(?:\.\d{0,40})?(?:[eE][-+]?\d{1,4})?|\.\d{1,40}(?:[eE][-+]?\d{1,4})?"
    r"|(?:nan|NaN|NAN|inf|Inf|INF)(?![a-zA-Z]))"
)
"""A number as trainers print it, with thousands separators, or one that is not finite."""

WRAPPED = rf"(?:tensor\(|(?:np|numpy)\.\w{{1,12}}\(|(?:mx\.)?array\(|Array\(|\[{{1,2}})?({NUMBER})"
"""A number, bare or inside ``tensor(...)``, ``np.float64(...)``, ``array(...)`` or brackets; one group."""

SIZE_UNITS = {**UNIT_BYTES, "G": 1 << 30, "M": 1 << 20}
TIME_UNITS = {"min": 60.0, "m": 60.0, "h": 3600.0}
TIME_DIVISORS = {"ms": 1e3, "us": 1e6}
COUNT_UNITS = {"K": 1e3, "k": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12}

UNIT = r"(?: ?(us|ms|sec|s|min|m|h|[KMGT]i?B|[KMGTBk])(?![a-zA-Z]))?"
"""The unit that may follow a number; one group, empty where there is none."""


@dataclass(frozen=True, slots=True)
class Field:
    """Where a value goes: its canonical name, and the unit it is in where none is printed behind it."""

    name: str
    unit: str = ""


Names = Mapping[str, Field | None]
"""The trainer's name -> where it goes, None where it is left out; other names go through ``canonical_name``."""


@lru_cache(maxsize=4096)
def _field(name: str) -> Field:
    plain = name.lower().replace(" ", "_")
    is_canonical = plain in _CANONICAL_NAMES or plain.startswith("eval_")
    return Field(plain if is_canonical else canonical_name(name))


def to_number(raw: str) -> float:
    """Read what NUMBER matched.

    Example:
        >>> to_number("1,678,112"), to_number("nan"), to_number("-1.5E-04")
        (1678112.0, nan, -0.00015)
    """
    return float(raw.replace(",", "") if "," in raw else raw)


def scale(name: str, value: float, unit: str) -> float:
    """Bring a value to the unit that its canonical name states; other names keep the number as it is printed.

    Example:
        >>> scale("step_seconds", 250.0, "ms"), scale("memory_bytes", 2.0, "GiB"), scale("epoch_time", 9.0, "min")
        (0.25, 2147483648.0, 9.0)
        >>> scale("tokens_per_second", 12.5, "K")
        12500.0
    """
    if name.endswith("_seconds"):
        return value / TIME_DIVISORS[unit] if unit in TIME_DIVISORS else value * TIME_UNITS.get(unit, 1.0)
    if name.endswith("_bytes"):
        return value * SIZE_UNITS.get(unit.upper(), 1)
    return value * COUNT_UNITS.get(unit, 1.0)


def _measure(target: Field, value: float, printed: str) -> float:
    """Apply the unit printed behind a number, and the unit of its name where the printed one only counts."""
    if target.unit and printed in COUNT_UNITS:
        return scale(target.name, value * COUNT_UNITS[printed], target.unit)
    return scale(target.name, value, printed or target.unit)


def read_pairs(pair: re.Pattern[str], names: Names, text: str, position: int = 0) -> dict[str, float]:
    """Read the pairs of a text from a position on; of a name that occurs twice the first counts.

    Args:
        pair: its groups are name, number, and, if there is a third one, unit.
        names: what the trainer's names mean.
        text, position: where to look.
    """
    values: dict[str, float] = {}
    has_unit = pair.groups > 2
    for found in pair.findall(text, position):
        name = found[0]
        target = names[name] if name in names else _field(name)
        if target is None or target.name in values:
            continue
        value = to_number(found[1])
        printed = found[2] if has_unit else ""
        values[target.name] = _measure(target, value, printed) if printed or target.unit else value
    return values


@dataclass(frozen=True, slots=True)
class PairLayout:
    """A line that begins with a head and goes on with pairs.

    Attributes:
        head: found anywhere in the line; its named groups (step, total_steps, epoch, or a metric) are values.
        pair: what follows the head; groups name, number and maybe unit. None where the head says all.
        names: what the trainer's names mean.
        needs: a row without one of these metrics is none of this layout.
        is_eval: the row is an evaluation, so that its metrics get the prefix ``eval_``.
    """

    head: re.Pattern[str]
    pair: re.Pattern[str] | None = None
    names: Names = field(default_factory=dict)
    needs: frozenset[str] = frozenset()
    is_eval: bool = False

    def read(self, text: str) -> dict[str, float] | None:
        """Read the line, None where it is not of this layout."""
        head = self.head.search(text)
        if not head:
            return None
        values = {name: to_number(raw) for name, raw in head.groupdict().items() if raw is not None}
        if self.pair:
            found = read_pairs(self.pair, self.names, text, head.end())
            values |= as_eval(found) if self.is_eval else found
        if self.needs and self.needs.isdisjoint(values):
            return None
        return values


COORDINATES = frozenset({"step", "epoch", "total_steps", "learning_rate", "step_seconds", "memory_bytes"})


def as_eval(values: Mapping[str, float]) -> dict[str, float]:
    """Mark the metrics of a row as those of an evaluation.

    Example:
        >>> as_eval({"loss": 1.0, "step": 10.0, "eval_wer": 0.5})
        {'eval_loss': 1.0, 'step': 10.0, 'eval_wer': 0.5}
    """
    return {
        name if name in COORDINATES or name.startswith("eval_") else f"eval_{name}": value
        for name, value in values.items()
    }


def first_of(*readers: LineReader) -> LineReader:
    """A reader that asks several in turn."""

    def read(text: str) -> dict[str, float] | None:
        for reader in readers:
            values = reader(text)
            if values is not None:
                return values
        return None

    return read


def reading_alone(new_reader: Callable[[], LineReader]) -> LineReader:
    """A reader of a text by itself, for a format whose reader remembers what earlier lines said.

    The text may have several lines: it is read with a fresh memory, and its last row is given.
    """

    def read(text: str) -> dict[str, float] | None:
        reader = new_reader()
        rows = [values for line in text.split("\n") if (values := reader(line)) is not None]
        return rows[-1] if rows else None

    return read
