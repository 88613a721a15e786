"""Sizes, durations and numbers: from the text of a log and back to text."""

import math
import re

from tools.lazy_pattern import lazy_pattern

UNIT_BYTES = {"B": 1, "KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "TIB": 1 << 40}
UNIT_BYTES |= {"KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40, "BYTES": 1}

_SIZE = lazy_pattern(r"(?<![0-9.,])([0-9][0-9,]{0,19}(?:\.[0-9]{1,20})?)\s{0,4}([KMGT]i?B|B|bytes)\b", re.IGNORECASE)

_CLOCK = lazy_pattern(r"(?:(\d{1,6}) days?, )?(?:(?:(\d{1,6}):)?(\d{1,4}):)?(\d{1,9}(?:\.\d{1,9})?)")


def parse_size(text: str) -> int | None:
    """Read a memory size such as ``7.83 GiB``; torch writes GiB and MiB, and means 2**30 by GB as well.

    Returns:
        Bytes, or None where the text holds no size.

    Example:
        >>> parse_size("Tried to allocate 20.00 MiB")
        20971520
    """
    match = _SIZE.search(text)
    if not match:
        return None
    return round(float(match[1].replace(",", "")) * UNIT_BYTES[match[2].upper()])


def parse_number(text: str) -> float | None:
    """Read a number as trainers print it, ``nan``, ``inf`` and ``tensor(1.2, ...)`` included.

    Example:
        >>> parse_number("'1.706e+05'"), parse_number("tensor(0.5, device='cuda:0')"), parse_number("none")
        (170600.0, 0.5, None)
    """
    text = text.strip().strip("'\"")
    if text.startswith("tensor("):
        text = text[len("tensor(") :].split(",")[0].rstrip(")")
    try:
        return float(text)
    except ValueError:
        return None


def parse_clock(text: str) -> float | None:
    """Read a tqdm duration, ``42``, ``01:02``, ``1:02:03`` or ``2 days, 1:02:03``, as seconds.

    Example:
        >>> parse_clock("01:02"), parse_clock("1 day, 0:00:01"), parse_clock("?")
        (62.0, 86401.0, None)
    """
    match = _CLOCK.fullmatch(text.strip())
    if not match:
        return None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 86400 * days + 3600 * hours + 60 * minutes + seconds


def format_bytes(num_bytes: float) -> str:
    """Write a size with the unit a person expects, as torch does.

    Example:
        >>> format_bytes(8407397519), format_bytes(20971520)
        ('7.83 GiB', '20.00 MiB')
    """
    for unit in ("GiB", "MiB", "KiB"):
        size = num_bytes / UNIT_BYTES[unit.upper()]
        if abs(size) >= 1:
            return f"{size:.2f} {unit}"
    return f"{num_bytes:.0f} B"


def format_number(value: float) -> str:
    """Write a metric short enough to read and long enough to find again in the log: four significant digits.

    Example:
        >>> format_number(2.89712), format_number(1.9e-05), format_number(3.0), format_number(0.0)
        ('2.897', '1.9e-05', '3', '0')
    """
    if not math.isfinite(value):
        return str(value)
    return f"{value:.4g}"


def format_duration(seconds: float) -> str:
    """Write a duration in the two units that matter.

    Example:
        >>> format_duration(4000), format_duration(200000), format_duration(12.3)
        ('1 h 7 min', '2 d 8 h', '12 s')
    """
    minutes = round(seconds / 60)
    hours = round(seconds / 3600)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if seconds >= 120 else f"{seconds:.0f} s"
