"""Jumps of the training loss: isolated spikes that recover, and blow-ups that take long to come back."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tools.diagnosis.curves import MAD_TO_SIGMA, measure_noise, running_median, where
from tools.diagnosis.finding import Finding, Settled, Severity, Verdict, quote
from tools.diagnosis.signals import RL_LOSS, Signals
from tools.units import format_number

MIN_POINTS = 20
NUM_NEIGHBOURS = 7
"""Rows on each side that give the level round a row; an isolated jump is short against that."""
MIN_NEIGHBOURS = 3
SPIKE_FACTOR = 2.0
SPIKE_HEIGHT = 0.5
"""A spike at least doubles the loss and adds half a nat (half the first loss where that is below 1)."""
SPIKE_SIGMAS = 8.0
"""In logarithms. Of 6000 simulated healthy runs (5 to 5000 rows, batch noise up to 30 %, among it Student-t tails
with 3 degrees of freedom) 2 are warned of spikes; of runs with three to seven real ones, 99 % are."""
MIN_SPIKES = 3
TALL_FACTOR = 4.0
HUGE_FACTOR = 8.0
HUGE_HEIGHT = 2.0
"""One spike of eight times the level and two nats is worth a warning by itself."""
SIDE_ROWS = 2
MIN_EPOCH_ROWS = 8
SEASON_SHARE = 0.6
"""Spikes at the first rows of most epochs belong to the data, not to the training."""
BLOW_UP_FACTOR = 3.0
BLOW_UP_SIGMAS = 10.0
RECOVERED_SHARE = 0.7
MOSTLY_SHARE = 0.85
BACK_FACTOR = 1.2
MIN_ROWS_AFTER = 10


@dataclass(frozen=True, slots=True)
class BlowUp:
    """A rise of the smoothed loss to several times its best level.

    Attributes:
        before: the best level until then; peak: the highest afterwards; end: the level of the last tenth.
        first, top: indices of the row at the best level and of the highest row.
    """

    before: float
    peak: float
    end: float
    first: int
    top: int

    @property
    def recovered_share(self) -> float:
        """Which part of the jump was taken back by the end."""
        return (self.peak - self.end) / (self.peak - self.before)


def judge_loss_spikes(signals: Signals) -> Verdict:
    """Find isolated jumps of the training loss, and one large jump from which the loss mostly came back."""
    if signals.is_rl:
        return RL_LOSS
    missing = signals.too_few(MIN_POINTS)
    if missing:
        return missing
    blow_up = find_blow_up(signals)
    spikes = find_spikes(signals)
    if blow_up and (is_recovered(signals, blow_up) or _is_mostly_back(signals, blow_up)):
        return _tell_blow_up(signals, blow_up)
    if not spikes:
        return None
    return _tell_spikes(signals, spikes)


def find_spikes(signals: Signals) -> list[int]:
    """Indices of the highest row of each spike: far above the levels before and after it."""
    values = signals.values
    if len(values) < MIN_POINTS:
        return []
    height = SPIKE_HEIGHT * min(1.0, abs(signals.curve.head))
    noise = _log_noise(values) if min(values) > 0 else measure_noise(values)
    is_positive = min(values) > 0
    rows = [i for i in range(1, len(values)) if _stands_out(values, i, noise, height, is_positive=is_positive)]
    spikes = _highest_of_clusters(values, rows)
    starts = signals.epoch_starts
    at_starts = {start + shift for start in starts for shift in range(SIDE_ROWS)}
    has_long_epochs = len(values) >= MIN_EPOCH_ROWS * (len(starts) + 1)
    is_season = has_long_epochs and len(at_starts.intersection(spikes)) >= max(2, SEASON_SHARE * len(starts))
    return [i for i in spikes if not (is_season and i in at_starts)]


def find_blow_up(signals: Signals) -> BlowUp | None:
    """The largest rise of the smoothed loss over its best level so far, where it is several times that level."""
    values = signals.values
    if len(values) < MIN_POINTS or min(values) <= 0:
        return None
    smooth = running_median(values, max(5, len(values) // 100))
    best, first, found = math.inf, 0, None
    for index, level in smooth.items():
        if level < best:
            best, first = level, index
        elif found is None or level - best > found.peak - found.before:
            found = BlowUp(best, level, signals.curve.end, first, index)
    is_large = found and found.peak > BLOW_UP_FACTOR * found.before
    if not found or not is_large or found.peak - found.before < SPIKE_HEIGHT * min(1.0, abs(signals.curve.start)):
        return None
    return found if found.peak - found.before > BLOW_UP_SIGMAS * signals.curve.noise else None


def is_recovered(signals: Signals, blow_up: BlowUp) -> bool:
    """Whether the loss came back from a blow-up: most of its height, and below where the run had started.

    A loss that is still above its start has learned nothing: that is divergence.
    """
    has_time = len(signals.losses) - blow_up.top >= MIN_ROWS_AFTER
    is_below_start = blow_up.end < max(signals.curve.start, BACK_FACTOR * blow_up.before)
    return has_time and is_below_start and blow_up.recovered_share >= RECOVERED_SHARE


def _is_mostly_back(signals: Signals, blow_up: BlowUp) -> bool:
    """Whether nearly all of the height was taken back, though the run ends above its start."""
    return len(signals.losses) - blow_up.top >= MIN_ROWS_AFTER and blow_up.recovered_share >= MOSTLY_SHARE


def _stands_out(values: Sequence[float], i: int, noise: float, height: float, *, is_positive: bool) -> bool:
    value = values[i]
    if value < values[i - 1] and value < values[max(0, i - 2)]:
        return False
    if is_positive and value < SPIKE_FACTOR * min(values[max(0, i - 3) : i]):
        return False
    before, after = values[max(0, i - NUM_NEIGHBOURS) : i], values[i + 1 : i + 1 + 2 * NUM_NEIGHBOURS]
    if len(before) < MIN_NEIGHBOURS or len(after) < MIN_NEIGHBOURS:
        return False
    base = max(median(before), median(after))
    if value - base < height:
        return False
    if is_positive:
        return math.log(value / base) > max(math.log(SPIKE_FACTOR), SPIKE_SIGMAS * noise)
    return value - base > max(SPIKE_SIGMAS * noise, abs(base))


def _highest_of_clusters(values: Sequence[float], rows: Sequence[int]) -> list[int]:
    clusters: list[int] = []
    for i in rows:
        if clusters and i - clusters[-1] <= NUM_NEIGHBOURS:
            clusters[-1] = max(clusters[-1], i, key=values.__getitem__)
        else:
            clusters.append(i)
    return clusters


def _log_noise(values: Sequence[float]) -> float:
    """The noise of the logarithm of a positive loss."""
    logarithms = [math.log(value) for value in values]
    return max(measure_noise(logarithms), _late_noise(logarithms))


def _late_noise(logarithms: Sequence[float]) -> float:
    """The scatter of the second half about its median, which a slow swing raises and a fall hardly does."""
    late = logarithms[len(logarithms) // 2 :]
    middle = median(late)
    return MAD_TO_SIGMA * median(abs(value - middle) for value in late) / 2


def _tell_spikes(signals: Signals, spikes: Sequence[int]) -> Finding:
    points = [signals.losses[i] for i in spikes]
    top = max(points, key=lambda point: point.value)
    base = _level_round(signals.values, signals.losses.index(top))
    is_huge = base > 0 and top.value > HUGE_FACTOR * base and top.value - base > HUGE_HEIGHT
    is_serious = is_huge or (len(spikes) >= MIN_SPIKES and top.value > TALL_FACTOR * base)
    severity: Severity = "warning" if is_serious else "note"
    times = f"{len(spikes)} times" if len(spikes) > 1 else "once"
    return Finding(
        id="loss_spikes",
        severity=severity,
        confidence="likely" if is_serious else "possible",
        summary=f"The training loss jumps {times} out of its noise and comes back; the highest is "
        f"{format_number(top.value)} at {where(top)}, where the rows round it stand at {format_number(base)}.",
        values={"num_spikes": len(spikes), "highest_loss": top.value, "highest_step": top.step, "level": base},
        evidence=quote([points[0], top, points[-1]]),
        settles={"learning_rate": Settled("lower")} if is_serious else {},
    )


def _tell_blow_up(signals: Signals, blow_up: BlowUp) -> Finding:
    low, top = signals.losses[blow_up.first], signals.losses[blow_up.top]
    return Finding(
        id="loss_spikes",
        severity="warning",
        confidence="certain" if blow_up.end > 2 * blow_up.before else "likely",
        summary=f"The training loss stands at {format_number(blow_up.before)} round {where(low)}, jumps to "
        f"{format_number(blow_up.peak)} round {where(top)}, and comes back to {format_number(blow_up.end)} by the end"
        + (", which is still above what it had reached." if blow_up.end > 1.2 * blow_up.before else "."),
        values={
            "num_spikes": 1,
            "level": blow_up.before,
            "highest_loss": blow_up.peak,
            "highest_step": top.step,
            "end_loss": blow_up.end,
        },
        evidence=quote([low, top, signals.losses[-1]]),
        settles={"learning_rate": Settled("lower")},
    )


def _level_round(values: Sequence[float], i: int) -> float:
    near: list[float] = [*values[max(0, i - NUM_NEIGHBOURS) : i], *values[i + 1 : i + 1 + NUM_NEIGHBOURS]]
    return median(near)
