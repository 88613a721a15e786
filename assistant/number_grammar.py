"""GBNF rules for numbers between bounds, which llama_cpp's converter of JSON schemas leaves out."""

import math
from collections.abc import Mapping
from typing import Any

MOST = 10**15  # a double holds every integer up to here
FRACTION = '("." [0-9]{1,9})?'
NONZERO_FRACTION = '"." [0-9]{0,8} [1-9]'
TINY = '[1-9] ("." [0-9]{1,9})? [eE] "-" "0"? [1-9] [0-9]?'  # between 0 and 1


def integer_rule(low: int, high: int) -> str:
    """Write the integers from low to high, both included, as alternatives of GBNF.

    Example:
        >>> integer_rule(8, 120)
        '[8-9] | [1-9] [0-9] | "1" [0-1] [0-9] | "1" "2" "0"'
        >>> integer_rule(-2, 1)
        '"-" [1-2] | [0-1]'
    """
    choices = []
    if low < 0:
        negative = integer_rule(max(1, -high), -low)
        choices.append(f'"-" ({negative})' if " | " in negative else f'"-" {negative}')
    start = max(low, 0)
    while start <= high:
        end = min(high, 10 ** len(str(start)) - 1)
        choices += _same_length(str(start), str(end))
        start = end + 1
    return " | ".join(choices)


def _same_length(low: str, high: str) -> list[str]:
    """The digit strings from low to high, which are equally long."""
    if not low:
        return [""]
    rest, first, last = len(low) - 1, int(low[0]), int(high[0])
    if first == last:
        return [f'"{low[0]}" {tail}'.strip() for tail in _same_length(low[1:], high[1:])]
    choices = []
    if low[1:] != "0" * rest:
        choices += [f'"{low[0]}" {tail}' for tail in _same_length(low[1:], "9" * rest)]
        first += 1
    ends_in_the_middle = high[1:] != "9" * rest
    if first <= last - ends_in_the_middle:
        choices.append(f"[{first}-{last - ends_in_the_middle}]" + " [0-9]" * rest)
    if ends_in_the_middle:
        choices += [f'"{high[0]}" {tail}' for tail in _same_length("0" * rest, high[1:])]
    return choices


def bounded_rule(schema: Mapping[str, Any]) -> str | None:
    """Write the rule of an integer or a number that has bounds; None where it has none, or no rule can say them.

    A rule may leave out numbers that the bounds allow (1.7, where they are 1.5 and 9); it lets none pass that they
    forbid.
    """
    low, high = _bound(schema, "inimum", max), _bound(schema, "aximum", min)
    if low is None and high is None:
        return None
    excludes_low, excludes_high = _excludes(schema, "inimum", low), _excludes(schema, "aximum", high)
    first = -MOST if low is None else math.floor(low) + 1 if excludes_low else math.ceil(low)
    last = MOST if high is None else math.ceil(high) - 1 if excludes_high else math.floor(high)
    if schema["type"] == "integer":
        return integer_rule(first, last) if first <= last else None
    if first < 0:
        return None
    in_full = MOST if high is None else math.floor(high) - 1  # the last whole part that any fraction may follow
    choices = [TINY, f'"0" {NONZERO_FRACTION}'] if (low, first) == (0, 1) and in_full >= 0 else []
    if first <= in_full:
        choices += [TINY] if first == 0 else []
        choices.append(f"({integer_rule(first, in_full)}) {FRACTION}")
    if last > max(in_full, 0) and first <= last:
        choices.append(integer_rule(last, last))
    return " | ".join(choices) or None


def _bound(schema: Mapping[str, Any], ending: str, tighter: Any) -> float | None:
    bounds = [schema[key] for key in (f"m{ending}", f"exclusiveM{ending}") if _is_number(schema.get(key))]
    return tighter(bounds) if bounds else None


def _excludes(schema: Mapping[str, Any], ending: str, bound: float | None) -> bool:
    """Tell whether a bound itself is forbidden: draft 4 says so with a boolean, later drafts with a number."""
    exclusive = schema.get(f"exclusiveM{ending}")
    return exclusive is True or (_is_number(exclusive) and exclusive == bound)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
