"""The curves of real logs, written as other trainers write them: a fault is no other one for the words round it."""

from collections.abc import Iterator
from pathlib import Path

from run_factory import Row

from evals.case import NO_FAULT, Case
from evals.labelled import read_folder
from evals.story import Story
from tools.errors import BadInput
from tools.run import Point, Run

NEEDS = {
    "loss_nan": (),
    "loss_zero": (),
    "loss_divergence": (),
    "loss_not_decreasing": (),
    "loss_spikes": (),
    "overfitting": ("eval_loss",),
    "exploding_gradients": ("grad_norm",),
    "vanishing_gradients": ("grad_norm",),
}
"""Faults that a curve shows, and the metrics that show them."""
BESIDE = ("grad_norm", "learning_rate")
MIN_ROWS = 8
ROWS_PER_EPOCH = 100


def read_stories(folder: Path) -> Iterator[Story]:
    """Give a story for every labelled log whose label is one of curves, or that is fine.

    Runs of reinforcement learning are left out, since the other formats do not carry the reward that tells them apart.
    """
    for case in read_folder(folder):
        if case.is_outside or not set(case.labels) <= set(NEEDS):
            continue
        try:
            run = case.read()
        except BadInput:
            continue
        rows = [] if "reward" in run.series else collect_rows(run)
        if sum("loss" in row for row in rows) >= MIN_ROWS:
            yield make_story(case, rows)


def make_story(case: Case, rows: list[Row]) -> Story:
    """A log's curves with its labels; whether it was evaluated is not asked."""
    needs = {metric for label in case.labels for metric in NEEDS[label]}
    has_evals = any("eval_loss" in row for row in rows)
    fair = {"no_evaluation", "learning_rate_too_high", "learning_rate_too_low", "vanishing_gradients"}
    fair = fair if case.labels else {"no_evaluation"}
    return Story(
        f"{case.name} ({', '.join(case.labels) or NO_FAULT})",
        rows,
        case.labels,
        fair=frozenset(fair),
        needs=frozenset(needs | ({"eval_loss"} if has_evals and not case.labels else set())),
    )


def collect_rows(run: Run) -> list[Row]:
    """Training and evaluation rows in the order of the log; rows without a step are counted."""
    losses = [(point.line.number, index, "loss", point) for index, point in enumerate(run.points("loss"))]
    evals = [(point.line.number, index, "eval_loss", point) for index, point in enumerate(run.points("eval_loss"))]
    if any(point.step is None for _, _, _, point in losses):
        return []
    beside = {name: {point.step: point.value for point in run.points(name)} for name in BESIDE}
    total = max((point.step or 0 for _, _, _, point in losses), default=1)
    found = sorted([*losses, *evals], key=lambda one: (one[3].step or 0, one[2] == "eval_loss", one[1]))
    return [make_row(name, point, beside, total) for _, _, name, point in found]


def make_row(name: str, point: Point, beside: dict[str, dict[int | None, float]], total: int) -> Row:
    """One row; a log without epochs is taken for one of a single epoch."""
    step = point.step or 0
    row = {name: point.value, "epoch": point.epoch if point.epoch is not None else step / max(1, total), "step": step}
    known = {other: values.get(point.step, values.get(None)) for other, values in beside.items() if name == "loss"}
    return {**row, **{other: value for other, value in known.items() if value is not None}}
