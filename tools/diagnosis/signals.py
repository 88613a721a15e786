"""What the rules look at, computed once a run: the finite series, their curve, and a place that all points share."""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from tools.diagnosis.curves import Curve, measure_curve
from tools.diagnosis.finding import CannotJudge, Verdict
from tools.diagnosis.kinds import is_lora, is_preference, is_reward_model, is_rl
from tools.run import Point, Run

EPOCH_ROUNDING = 1e-6
MEDIAN_SCATTER = 1.25
"""The median of normal values scatters 1.25 times as much as their mean."""
MIN_POINTS = 8
"""Fewer rows than this cannot be told from noise."""

NO_LOSS = CannotJudge("the log holds no loss", "the trainer's console output or trainer_state.json")
RL_LOSS = CannotJudge("the loss of a reinforcement-learning run is near 0 by construction; reward and KL tell")


class Signals:
    """A run as the rules see it. Everything is computed on first use and kept."""

    def __init__(self, run: Run) -> None:
        self.run = run

    @cached_property
    def losses(self) -> tuple[Point, ...]:
        """The training losses that are finite."""
        return self.run.finite("loss")

    @cached_property
    def values(self) -> list[float]:
        """The values of the finite training losses."""
        return [point.value for point in self.losses]

    @cached_property
    def evals(self) -> tuple[Point, ...]:
        """The validation losses that are finite, without the repetition that some trainers print at the end."""
        points = self.run.finite("eval_loss")
        if len(points) > 1 and points[-1].value == points[-2].value:
            return points[:-1]
        return points

    @cached_property
    def gradients(self) -> tuple[Point, ...]:
        """The gradient norms that are finite."""
        return self.run.finite("grad_norm")

    @cached_property
    def rates(self) -> tuple[Point, ...]:
        """The learning rates that are finite."""
        return self.run.finite("learning_rate")

    @cached_property
    def curve(self) -> Curve:
        """The levels of the training loss, which must hold three values."""
        return measure_curve(self.values)

    @cached_property
    def luck_of_minimum(self) -> float:
        """What a rise from the lowest of many medians to the last tenth's median must exceed to be no luck.

        Four standard errors: the lowest of twenty medians lies two below their level by luck alone.
        """
        if len(self.losses) < MIN_POINTS:
            return 0.0
        windows = 1 / max(2, len(self.losses) // 10) + 1 / max(3, len(self.losses) // 20)
        return 4.0 * MEDIAN_SCATTER * self.curve.noise * math.sqrt(windows)

    @cached_property
    def is_rl(self) -> bool:
        """Whether the loss says nothing, since rewards drive the training."""
        return is_rl(self.run)

    @cached_property
    def is_preference(self) -> bool:
        """Whether preferences are trained: DPO and its kin."""
        return is_preference(self.run)

    @cached_property
    def is_reward_model(self) -> bool:
        """Whether a reward model is trained."""
        return is_reward_model(self.run)

    @cached_property
    def is_lora(self) -> bool | None:
        """Whether adapters are trained; None where nothing tells."""
        return is_lora(self.run)

    @cached_property
    def place(self) -> Callable[[Point], float]:
        """A coordinate that every training and validation loss has: the step, else the epoch, else the line."""
        points = (*self.run.points("loss"), *self.run.points("eval_loss"))
        if all(point.step is not None for point in points):
            return lambda point: float(point.step or 0)
        if all(point.epoch is not None for point in points):
            return lambda point: point.epoch or 0.0
        return lambda point: float(point.line.number)

    @cached_property
    def _loss_places(self) -> list[float]:
        return [self.place(point) for point in self.losses]

    def num_losses_until(self, point: Point) -> int:
        """How many of the finite training losses are not after a point."""
        return bisect_right(self._loss_places, self.place(point))

    def loss_near(self, point: Point) -> Point | None:
        """The last finite training loss that is not after a point."""
        index = self.num_losses_until(point)
        return self.losses[index - 1] if index else None

    def beside(self, name: str, points: Sequence[Point]) -> list[Point]:
        """The values of another metric in the rows of these points."""
        others = self.run.points(name)
        if any(other.step is not None for other in others):
            steps = {point.step for point in points}
            return [other for other in others if other.step in steps]
        lines = {point.line.number for point in points}
        return [other for other in others if other.line.number in lines]

    @cached_property
    def num_epochs(self) -> float | None:
        """Epochs that the log shows to be done; None where it tells no epoch."""
        ends = (read_epoch(point) for point in (*self.losses[-1:], *self.evals[-1:]))
        epochs = [epoch for epoch in ends if epoch is not None]
        return max(epochs, default=None)

    @cached_property
    def epoch_starts(self) -> list[int]:
        """Indices of the training losses that are the first of an epoch, the very first aside.

        A row at epoch 1.0 is the last of the first epoch; trainers that count epochs in whole numbers agree with it.
        """
        epochs = [read_epoch(point) for point in self.losses]
        return [
            index
            for index in range(1, len(epochs))
            if (now := epochs[index]) is not None
            and (before := epochs[index - 1]) is not None
            and math.ceil(now - EPOCH_ROUNDING) > math.ceil(before - EPOCH_ROUNDING)
        ]

    def too_few(self, wanted: int = MIN_POINTS) -> CannotJudge | None:
        """Why a trend cannot be told, None where the points suffice."""
        if len(self.losses) >= wanted:
            return None
        if not self.losses:
            return NO_LOSS
        reason = f"only {len(self.losses)} values of the training loss; {wanted} are needed to tell a trend from noise"
        return CannotJudge(reason, "a longer log, or one with a smaller logging_steps")


def read_epoch(point: Point) -> float | None:
    """The epoch of a row, None where it is not told or is no number."""
    return point.epoch if point.epoch is not None and math.isfinite(point.epoch) else None


@dataclass(frozen=True, slots=True)
class CurveRule:
    """One check of series and settings; like ``Rule``, for a judge that looks at signals."""

    id: str
    needs: str
    judge: Callable[[Signals], Verdict]
