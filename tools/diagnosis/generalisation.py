"""The validation loss climbing while the training loss falls: where it turned, and which checkpoint to keep."""

from collections.abc import Sequence
from statistics import median

from tools.diagnosis.checkpoints import improving_metric, tell_checkpoint
from tools.diagnosis.curves import measure_turn_noise, measure_wobble, where
from tools.diagnosis.finding import CannotJudge, Confidence, Finding, Settled, Severity, Verdict, quote
from tools.diagnosis.signals import Signals, read_epoch
from tools.diagnosis.stairs import find_stairs
from tools.run import Point
from tools.units import format_number

MIN_EVALS = 3
MIN_EVALS_FOR_NOISE = 5
MANY_EVALS = 8
"""From here on a turn takes two evaluations after the minimum, and neighbours tell the noise of the rise as well."""
FEW_VALUES_ALLOWANCE = 3.0
"""A noise estimated from n values is raised by the share 3 / n, since it may be low by luck."""
RISE_SHARE = 0.04
FEW_EVALS_SHARE = 0.3
"""The rise must reach 4 % and 30 % over the number of evaluations: the lowest of few is low by luck as well."""
SHORT_TAIL = 2
DOUBTFUL_SHARE = 0.2
"""One or two evaluations that lie higher are a turn where they lie 20 % higher: on a small validation set single ones
wobble by 6 %, and the lowest before them was low by luck as well. The same holds where the training loss is still the
higher of the two, so that there is no gap yet."""
CERTAIN_SHARE = 0.15
SIGNIFICANCE = 3.0
"""Of 1500 simulated runs whose evaluations only settle, with noise of 0.2 to 5 %, none is called overfitting; of 1500
whose validation loss climbs by 15 to 100 %, 98 % are."""
MEMORISED_SIGNIFICANCE = 1.2
MEMORISED_SHARE = 0.25
"""A training loss below a quarter of the validation loss: the rows are known by heart, so less of a rise convinces."""
OUTWEIGHING_SHARE = 0.3
"""A rise of the loss beyond this outweighs a quality metric that still improves."""
TRAIN_RISE_SHARE = 0.05
TRAIN_FOLLOWS = 0.5
"""A training loss that rises by half as much as the validation loss makes it divergence, not overfitting."""


RECITED_SHARE = 0.05
"""Stairs that end at a twentieth of the first loss: there is nothing left in the rows that is not known by heart."""


def judge_overfitting(signals: Signals) -> Verdict:
    """Find a validation loss that climbs from its minimum while the training loss goes on falling."""
    if signals.is_rl:
        return CannotJudge("a reinforcement-learning run is not judged by its loss")
    evals = signals.evals
    if len(evals) < MIN_EVALS:
        return _judge_stairs(signals) or _too_few(evals)
    lowest = min(evals, key=lambda point: point.value)
    after = evals[evals.index(lowest) + 1 :]
    if not after:
        return None
    share = _rise_share(evals, lowest, after)
    if share is None or not _is_turn(signals, lowest, after, share):
        return None
    improving = improving_metric(signals, lowest)
    is_outweighed = improving is not None and share < OUTWEIGHING_SHARE and not _is_memorised(signals, evals[-1])
    severity: Severity = "note" if is_outweighed else "warning"
    return Finding(
        id="overfitting",
        severity=severity,
        confidence="possible" if is_outweighed else _confidence(share, after),
        summary=_tell(signals, lowest, evals[-1], improving),
        values={
            "min_eval_loss": lowest.value,
            "min_eval_step": lowest.step,
            "min_eval_epoch": lowest.epoch,
            "last_eval_loss": evals[-1].value,
            "last_eval_epoch": evals[-1].epoch,
            "rise_share": share,
        },
        evidence=quote([signals.loss_near(lowest), lowest, evals[-1], signals.loss_near(evals[-1])]),
        settles=_stop_earlier(lowest, evals[-1]),
    )


def _rise_share(evals: Sequence[Point], lowest: Point, after: Sequence[Point]) -> float | None:
    """How far the end lies above the minimum, as a share; None where the loss has no natural zero."""
    if lowest.value <= 0:
        return None
    return (_end(evals, after) - lowest.value) / lowest.value


def _end(evals: Sequence[Point], after: Sequence[Point]) -> float:
    """The level at the end: of many evaluations a median, so that the last one alone decides nothing."""
    last = after[-max(3, len(evals) // 6) :]
    if len(after) > 3 or (len(evals) >= MANY_EVALS and len(after) == 3):
        return median(point.value for point in last)
    return min(point.value for point in last) if len(evals) >= MANY_EVALS else after[-1].value


def _is_turn(signals: Signals, lowest: Point, after: Sequence[Point], share: float) -> bool:
    """Whether the rise is larger than noise and few evaluations explain, and the training loss does not follow it."""
    evals, is_memorised = signals.evals, _is_memorised(signals, signals.evals[-1])
    if len(evals) >= MANY_EVALS and len(after) < 2 and not is_memorised:
        return False
    noise = _noise(evals, lowest)
    if is_memorised:
        wanted = MEMORISED_SIGNIFICANCE * noise
    else:
        wanted = SIGNIFICANCE * max(noise, _wobble(evals, lowest, after))
    if _end(evals, after) - _floor(evals, lowest) <= wanted:
        return False
    least = max(RISE_SHARE + FEW_EVALS_SHARE / len(evals), DOUBTFUL_SHARE if _is_doubtful(signals, after) else 0.0)
    return share >= least and not _train_rises(signals, lowest, share)


def _is_doubtful(signals: Signals, after: Sequence[Point]) -> bool:
    """Whether a short tail alone tells the rise, or the training loss is still the higher one."""
    train = signals.loss_near(after[-1])
    if _is_memorised(signals, after[-1]):
        return False
    return len(after) <= SHORT_TAIL or (train is not None and train.value >= _end(signals.evals, after))


def _confidence(share: float, after: Sequence[Point]) -> Confidence:
    return "certain" if share >= CERTAIN_SHARE and len(after) > 1 else "likely"


def _too_few(evals: Sequence[Point]) -> CannotJudge:
    found = f"{len(evals)} evaluation{'s' if len(evals) > 1 else ''}" if evals else "no evaluation"
    reason = f"{found} in the log; {MIN_EVALS} are needed to see the validation loss turn"
    return CannotJudge(reason, "a log with evaluations: set eval_strategy and a validation set")


def _judge_stairs(signals: Signals) -> Finding | None:
    """A training loss that steps down at each epoch: memorising, of which an evaluation would tell the harm."""
    stairs = find_stairs(signals)
    if stairs is None:
        return None
    before, first = signals.losses[stairs.starts[0] - 1], signals.losses[stairs.starts[0]]
    is_recited = signals.curve.end < RECITED_SHARE * signals.curve.start
    return Finding(
        id="overfitting",
        severity="warning" if is_recited else "note",
        confidence="likely" if is_recited else "possible",
        summary=f"The training loss falls in steps at the beginning of each epoch ({len(stairs.starts)} of them, by "
        f"{format_number(median(stairs.heights))} each) and hardly between: rows are recognised when they come again. "
        "Without evaluations the log does not tell whether that does harm.",
        values={"num_steps_down": len(stairs.starts), "median_step_down": median(stairs.heights)},
        evidence=quote([before, first, signals.losses[-1]]),
    )


def _tell(signals: Signals, lowest: Point, last: Point, improving: str | None) -> str:
    share = 100 * (last.value / lowest.value - 1)
    text = (
        f"The validation loss has its minimum, {format_number(lowest.value)}, at {where(lowest)}. "
        f"The validation loss climbs to {format_number(last.value)} at {where(last)} ({share:+.0f}%)."
    )
    before, end = signals.loss_near(lowest), signals.loss_near(last)
    if before and end and before is not end:
        text += f" The training loss goes from {format_number(before.value)} to {format_number(end.value)} meanwhile."
    if improving:
        return f"{text} {improving} still improves, so judge by that metric which checkpoint to keep."
    return f"{text} {tell_checkpoint(signals, lowest)}"


def _stop_earlier(lowest: Point, last: Point) -> dict[str, Settled]:
    """The number of epochs that was enough, where the log tells epochs and more than one was trained."""
    lowest_epoch, last_epoch = read_epoch(lowest), read_epoch(last)
    if not lowest_epoch or not last_epoch or last_epoch < 1:
        return {}
    enough, done = max(1, round(lowest_epoch)), round(last_epoch, 1)
    if enough >= done:
        return {}
    return {"epochs": Settled("lower", f"from {done:g} to {enough}, where the validation loss was lowest")}


def _floor(evals: Sequence[Point], lowest: Point) -> float:
    """The level round the minimum: the lowest of many noisy values is low by luck as well."""
    index, reach = evals.index(lowest), max(1, len(evals) // 12)
    return median(point.value for point in evals[max(0, index - reach) : index + reach + 1])


def _noise(evals: Sequence[Point], lowest: Point) -> float:
    values = [point.value for point in evals]
    if len(values) < MIN_EVALS_FOR_NOISE:
        return 0.0
    return measure_turn_noise(values, evals.index(lowest)) * (1 + FEW_VALUES_ALLOWANCE / len(values))


def _wobble(evals: Sequence[Point], lowest: Point, after: Sequence[Point]) -> float:
    """What neighbours of a long enough rise do not share, which a rising curve fitted to it hides."""
    return measure_wobble([point.value for point in (lowest, *after)]) if len(evals) >= MANY_EVALS else 0.0


def _is_memorised(signals: Signals, last: Point) -> bool:
    train = signals.loss_near(last)
    return train is not None and train.value < MEMORISED_SHARE * last.value


def _train_rises(signals: Signals, lowest: Point, share: float) -> bool:
    """Whether the training loss rises as well from there on, which is divergence and not overfitting."""
    turn = signals.num_losses_until(lowest)
    before, after = signals.values[max(0, turn - 5) : turn] or signals.values[:1], signals.values[turn:][-5:]
    if not before or not after:
        return False
    return median(after) > (1 + max(TRAIN_RISE_SHARE, TRAIN_FOLLOWS * share)) * median(before)
