"""Which checkpoint to keep: where it lies, whether it was saved, and by which metric to choose."""

from collections.abc import Sequence
from statistics import median

from tools.diagnosis.curves import where
from tools.diagnosis.signals import Signals
from tools.run import Point
from tools.units import format_number

HIGHER_IS_BETTER = [
    "accuracy",
    "f1",
    "bleu",
    "rouge",
    "meteor",
    "exact_match",
    "precision",
    "recall",
    "win_rate",
    "chrf",
    "matthews",
    "pearson",
    "spearman",
    "auc",
    "map",
    "accuracies",
    "margins",
]
LOWER_IS_BETTER = ("wer", "cer", "ter", "perplexity", "mse", "mae", "rmse", "error_rate")
IMPROVED_SHARE = 0.01
IMPROVED_OF_RANGE = 0.05
SAME_SHARE = 0.01
"""Two validation losses within 1 % are not told apart by anybody who uses the model."""


def improving_metric(signals: Signals, lowest: Point) -> str | None:
    """A quality metric of the evaluations whose last values are better than the best until the loss's minimum."""
    for name, series in signals.run.series.items():
        sign = _direction(name)
        if not sign:
            continue
        points = series.finite
        before = [sign * point.value for point in points if signals.place(point) <= signals.place(lowest)]
        after = [sign * point.value for point in points if signals.place(point) > signals.place(lowest)]
        if before and after and min(median(after[-3:]), after[-1]) > max(before) + _margin(before, after):
            return name
    return None


def _margin(before: Sequence[float], after: Sequence[float]) -> float:
    """What counts as better: a share of the level, or of the whole range where the metric wanders about zero."""
    spread = max(*before, *after) - min(*before, *after)
    return max(IMPROVED_SHARE * abs(max(before)), IMPROVED_OF_RANGE * spread)


def tell_checkpoint(signals: Signals, lowest: Point) -> str:
    """Name the checkpoint to keep, among those that save_steps left behind where the settings tell."""
    saved = _nearest_saved(signals, lowest)
    if saved is None or saved is lowest:
        return f"The checkpoint to keep is the one at {where(lowest)}."
    difference = saved.value / lowest.value - 1
    matters = "which makes no difference" if difference < SAME_SHARE else f"{100 * difference:.0f}% above the minimum"
    return (
        f"No checkpoint was saved there; the one to keep is at {where(saved)}, with a validation loss of "
        f"{format_number(saved.value)}, {matters}."
    )


def _nearest_saved(signals: Signals, lowest: Point) -> Point | None:
    """The evaluation with the lowest loss among those at a step that was saved; None where that is not known."""
    every = signals.run.number("save_steps")
    strategy = signals.run.settings.get("save_strategy")
    if not every or every < 1 or (strategy and strategy.value != "steps") or lowest.step is None:
        return None
    if lowest.step % every == 0:
        return lowest
    saved = [point for point in signals.evals if point.step and point.step % every == 0]
    return min(saved, key=lambda point: point.value, default=None)


def _direction(name: str) -> int:
    """1 where a higher value of an evaluation's metric is better, -1 where a lower one is, 0 where nothing tells."""
    if not name.startswith("eval_") or name == "eval_loss":
        return 0
    plain = name.removeprefix("eval_").lower()
    if any(word in plain for word in HIGHER_IS_BETTER):
        return 1
    return -1 if any(word in plain.replace("/", "_").split("_") for word in LOWER_IS_BETTER) else 0
