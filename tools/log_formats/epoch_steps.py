"""From the place within an epoch to the step of the run, for trainers that count anew in each epoch."""

from dataclasses import dataclass


@dataclass(slots=True)
class EpochSteps:
    """Remembers how a log counts: its epochs from one, unless an epoch 0 was seen; whether steps begin anew in each.

    Attributes:
        first_epoch: the number of the first epoch.
    """

    first_epoch: int = 1
    _last_epoch: float = 0.0
    _last_step: float = -1.0
    _begins_anew: bool = False

    def run_step(self, epoch: float, step: float, steps_per_epoch: float) -> float:
        """The step of the run, counted over all epochs.

        Args:
            epoch: as printed.
            step: within the epoch.
            steps_per_epoch: as printed beside it.

        Example:
            >>> steps = EpochSteps()
            >>> steps.run_step(1, 10, 100), steps.run_step(3, 10, 100), EpochSteps().run_step(0, 10, 100)
            (10, 210, 10)
        """
        if epoch < self.first_epoch:
            self.first_epoch = 0
        return (epoch - self.first_epoch) * steps_per_epoch + step if epoch > self.first_epoch else step

    def place(self, values: dict[str, float]) -> dict[str, float]:
        """Turn a row's step and total of one epoch into those of the run, where it states its epoch.

        ``num_epochs`` is the planned number of epochs, where the trainer prints it beside the epoch. Without a total a
        step that began anew with its epoch tells no step of the run, and is left out.
        """
        num_epochs = values.pop("num_epochs", None)
        epoch, step, per_epoch = values.get("epoch"), values.get("step"), values.get("total_steps")
        if epoch is None or step is None:
            return values
        if per_epoch is not None:
            values["step"] = self.run_step(epoch, step, per_epoch)
            if num_epochs:
                values["total_steps"] = num_epochs * per_epoch
            else:
                del values["total_steps"]
        elif self._is_untold(epoch, step):
            del values["step"]
        return values

    def _is_untold(self, epoch: float, step: float) -> bool:
        """Whether a step without a total is one within an epoch later than the first."""
        if self._last_step >= 0 and epoch > self._last_epoch and step <= self._last_step:
            self._begins_anew = True
        self._last_epoch, self._last_step = epoch, step
        return self._begins_anew
