"""A training loss that steps down at the beginning of each epoch: rows are recognised when they come again."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from tools.diagnosis.signals import Signals

MIN_STEPS = 2
MIN_STEPS_UNTOLD = 3
MIN_ROWS_BETWEEN = 5
STAIR_SHARE = 0.2
STAIR_OF_FALL = 0.7
STAIR_SIGMAS = 3.0
UNTOLD_SIGMAS = 8.0
"""Steps that make up 70 % of the fall. Where the log tells no epochs, they must be sharper, and equally far apart."""
SPACING_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Stairs:
    """The first rows of the steps, and by how much the loss falls at each."""

    starts: tuple[int, ...]
    heights: tuple[float, ...]


def find_stairs(signals: Signals) -> Stairs | None:
    """The steps of a training loss, at its epochs or at equal distances; None where it falls in another way."""
    values = signals.values
    if len(values) < MIN_ROWS_BETWEEN * (MIN_STEPS + 1) or min(values) < 0:
        return None
    starts = [start for start in signals.epoch_starts if start < len(values) - 1]
    is_told = len(starts) >= MIN_STEPS
    if not is_told:
        starts = _equal_steps(values, signals.curve.noise)
    if len(starts) < (MIN_STEPS if is_told else MIN_STEPS_UNTOLD) or len(values) < MIN_ROWS_BETWEEN * len(starts):
        return None
    reach = max(2, min(b - a for a, b in pairwise([0, *starts])) // 4)
    heights = [_step(values, start, reach) for start in starts]
    fall = median(values[:reach]) - median(values[-reach:])
    is_clear = min(heights) > STAIR_SIGMAS * signals.curve.noise / math.sqrt(reach)
    if not is_clear or sum(heights) < STAIR_OF_FALL * fall or fall < STAIR_SHARE * values[0]:
        return None
    return Stairs(tuple(starts), tuple(heights))


def _step(values: Sequence[float], start: int, reach: int) -> float:
    return median(values[max(0, start - reach) : start]) - median(values[start : start + reach])


def _equal_steps(values: Sequence[float], noise: float) -> list[int]:
    """Sharp falls between neighbouring rows, where they are equally far apart and nothing falls between them."""
    wanted = max(UNTOLD_SIGMAS * noise, STAIR_SHARE * STAIR_SHARE * max(values))
    falls = [i for i in range(1, len(values)) if values[i - 1] - values[i] > wanted]
    gaps = [b - a for a, b in pairwise([0, *falls])]
    if len(falls) < MIN_STEPS_UNTOLD or min(gaps) < MIN_ROWS_BETWEEN:
        return []
    slack = max(1.0, SPACING_SHARE * median(gaps))
    return falls if max(gaps) - min(gaps) <= 2 * slack else []
