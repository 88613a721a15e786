"""The validation loss: climbing while the training loss falls, or never measured."""

import math
from collections.abc import Sequence
from statistics import median

from tools.diagnosis.curves import measure_turn_noise, position, where
from tools.diagnosis.finding import CannotJudge, Finding, Settled, Severity, Verdict, quote
from tools.run import Point, Run
from tools.units import format_number

MIN_EVALS = 3
MIN_EVALS_FOR_NOISE = 5
FEW_VALUES_ALLOWANCE = 3.0
"""A noise estimated from n values is raised by the share 3 / n, since it may be low by luck."""
MIN_ROWS_WITHOUT_EVAL = 5
RISE_SHARE = 0.04
FEW_EVALS_SHARE = 0.3
"""The rise must reach 4 % and 30 % over the number of evaluations: the lowest of few is low by luck as well."""
CERTAIN_SHARE = 0.15
SIGNIFICANCE = 3.0
"""On simulated runs whose evaluations only settle, with 2 % of noise, under 1 in 100 is called overfitting."""
MEMORISED_SIGNIFICANCE = 1.2
MEMORISED_SHARE = 0.25
"""A training loss below a quarter of the validation loss: the rows are known by heart, so less of a rise convinces."""
OUTWEIGHING_SHARE = 0.3
"""A rise of the loss beyond this outweighs a quality metric that still improves."""
TRAIN_RISE_SHARE = 0.05
TRAIN_FOLLOWS = 0.5
"""A training loss that rises by half as much as the validation loss makes it divergence, not overfitting."""
QUALITY_METRICS = ("accuracy", "f1", "bleu", "rouge", "meteor", "exact_match", "precision", "recall", "win_rate")


def judge_overfitting(run: Run) -> Verdict:
    """Find a validation loss that climbs from its minimum while the training loss goes on falling."""
    evals = run.finite("eval_loss")
    if len(evals) < MIN_EVALS:
        found = f"{len(evals)} evaluation{'s' if len(evals) > 1 else ''}" if evals else "no evaluation"
        reason = f"{found} in the log; {MIN_EVALS} are needed to see the validation loss turn"
        return CannotJudge(reason, "a log with evaluations: set eval_strategy and a validation set")
    lowest = min(evals, key=lambda point: point.value)
    after = evals[evals.index(lowest) + 1 :]
    if not after:
        return None
    last = after[-max(3, len(evals) // 6) :]
    end = median(point.value for point in last) if len(after) > 3 else after[-1].value
    share = (end - lowest.value) / abs(lowest.value) if lowest.value else math.inf
    wanted = MEMORISED_SIGNIFICANCE if _is_memorised(run, evals[-1]) else SIGNIFICANCE
    is_noise = end - _floor(evals, lowest) <= wanted * _noise(evals, lowest)
    if share < RISE_SHARE + FEW_EVALS_SHARE / len(evals) or is_noise or _train_rises(run, lowest, share):
        return None
    improving = _improving_metric(run, lowest)
    severity: Severity = "note" if improving and share < OUTWEIGHING_SHARE else "warning"
    return Finding(
        id="overfitting",
        severity=severity,
        confidence="possible" if improving else "certain" if share >= CERTAIN_SHARE and len(after) > 1 else "likely",
        summary=_tell(run, lowest, evals[-1], improving),
        values={
            "min_eval_loss": lowest.value,
            "min_eval_step": lowest.step,
            "min_eval_epoch": lowest.epoch,
            "last_eval_loss": evals[-1].value,
            "last_eval_epoch": evals[-1].epoch,
            "rise_share": share,
        },
        evidence=quote([_train_near(run, lowest), lowest, evals[-1], _train_near(run, evals[-1])]),
        settles=_stop_earlier(lowest, evals[-1]),
    )


def judge_no_evaluation(run: Run) -> Verdict:
    """Find a run in which only the training loss was watched."""
    if any(name.startswith("eval_") for name in run.series):
        return None
    rows = run.points("loss")
    if len(rows) < MIN_ROWS_WITHOUT_EVAL:
        return CannotJudge("too few rows to tell whether an evaluation would have come")
    if run.is_excerpt:
        return CannotJudge("the log is an excerpt; an evaluation may stand outside it", "the whole log")
    return Finding(
        id="no_evaluation",
        severity="note",
        confidence="likely",
        summary=f"None of the {run.series['loss'].num_points} rows is an evaluation: whether the model generalises "
        "cannot be seen in this log.",
        values={"num_rows": run.series["loss"].num_points},
        evidence=quote([rows[0], rows[-1]]),
    )


def _tell(run: Run, lowest: Point, last: Point, improving: str | None) -> str:
    share = 100 * (last.value / lowest.value - 1)
    text = (
        f"The validation loss has its minimum, {format_number(lowest.value)}, at {where(lowest)}. "
        f"The validation loss climbs to {format_number(last.value)} at {where(last)} ({share:+.0f}%)."
    )
    before, end = _train_near(run, lowest), _train_near(run, last)
    if before and end and before is not end:
        text += f" The training loss goes from {format_number(before.value)} to {format_number(end.value)} meanwhile."
    if improving:
        return f"{text} {improving} still improves, so judge by that metric which checkpoint to keep."
    return f"{text} The checkpoint to keep is the one at {where(lowest)}."


def _stop_earlier(lowest: Point, last: Point) -> dict[str, Settled]:
    """The number of epochs that was enough, where the log tells epochs and more than one was trained."""
    if not lowest.epoch or not last.epoch or last.epoch < 1:
        return {}
    enough, done = max(1, round(lowest.epoch)), round(last.epoch, 1)
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


def _train_near(run: Run, point: Point) -> Point | None:
    """The training row at a point of the run: the last one that is not after it."""
    rows = [row for row in run.finite("loss") if position(row) <= position(point)]
    return rows[-1] if rows else None


def _is_memorised(run: Run, last: Point) -> bool:
    train = _train_near(run, last)
    return train is not None and train.value < MEMORISED_SHARE * last.value


def _train_rises(run: Run, lowest: Point, share: float) -> bool:
    """Whether the training loss rises as well from there on, which is divergence and not overfitting."""
    rows = run.finite("loss")
    before = [row.value for row in rows if position(row) <= position(lowest)][-5:] or [row.value for row in rows[:1]]
    after = [row.value for row in rows if position(row) > position(lowest)][-5:]
    if not before or not after:
        return False
    return median(after) > (1 + max(TRAIN_RISE_SHARE, TRAIN_FOLLOWS * share)) * median(before)


def _improving_metric(run: Run, lowest: Point) -> str | None:
    """A quality metric whose last values are better than at the minimum of the validation loss."""
    for name, series in run.series.items():
        if not name.startswith("eval_") or not any(word in name for word in QUALITY_METRICS):
            continue
        before = [point.value for point in series.finite if position(point) <= position(lowest)]
        if before and max(before) > 0 and median(series.values[-3:]) > 1.01 * max(before):
            return name
    return None
