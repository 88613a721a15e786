"""The same losses in every epoch: what is printed does not change, so the weights do not either."""

from collections.abc import Sequence
from itertools import pairwise

from tools.diagnosis.finding import Finding, Verdict, quote
from tools.diagnosis.signals import RL_LOSS, Signals
from tools.units import format_number

MIN_REPEATED = 5
MIN_DISTINCT = 4
MAX_EXAMINED = 2000
"""Five losses of four values that come back digit by digit in the same order do not do so by chance."""


def judge_repeating_losses(signals: Signals) -> Verdict:
    """Find training losses that come back digit by digit in each pass over the data."""
    if signals.is_rl:
        return RL_LOSS
    losses = signals.losses[:MAX_EXAMINED]
    places = [signals.place(point) for point in losses]
    if any(later <= earlier for earlier, later in pairwise(places)):
        return None
    values = [point.value for point in losses]
    period = find_period(values)
    if len(values) - period < MIN_REPEATED or len(set(values[period:])) < MIN_DISTINCT or len(signals.run.segments) > 1:
        return None
    return Finding(
        id="loss_not_decreasing",
        severity="error",
        confidence="certain",
        summary=f"The training losses come back digit by digit every {period} rows, from "
        f"{format_number(values[0])} on: the weights do not change, so nothing is being trained.",
        values={"period": period, "num_repeated": len(values) - period},
        evidence=quote([losses[0], losses[period], losses[-1]]),
    )


def find_period(values: Sequence[float]) -> int:
    """After how many values a row repeats itself to its end; its length where it does not.

    Source:
        The prefix function of Knuth, Morris and Pratt 1977: linear in the number of values.

    Example:
        >>> find_period([1.5, 1.2, 1.3, 1.5, 1.2]), find_period([3.0, 2.0, 1.0])
        (3, 3)
    """
    borders = [0] * len(values)
    for index in range(1, len(values)):
        length = borders[index - 1]
        while length and values[index] != values[length]:
            length = borders[length - 1]
        borders[index] = length + (values[index] == values[length])
    return len(values) - borders[-1] if values else 0
