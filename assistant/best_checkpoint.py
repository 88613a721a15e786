"""Which checkpoint of a run to keep, as far as its log tells."""

import math

from assistant.draft import tell_line
from tools.run import Point, Run
from tools.units import format_number


def tell_checkpoint(run: Run) -> tuple[str, tuple[str, ...]]:
    """Where the validation loss was lowest; without one, the last steps before the loss was no number.

    Returns:
        The answer, and under it the line that shows it and where the nearest saved checkpoint lies.
    """
    evals = run.series.get("eval_loss")
    lowest = evals.minimum() if evals else None
    broken = next((point for point in run.points("loss") if not math.isfinite(point.value)), None)
    if evals is not None and lowest is not None:
        last = evals.points[-1]
        later = f"; at the last evaluation it was {format_number(last.value)}" if last is not lowest else ""
        head = f"{run.name}: the one at {_tell_place(lowest)}, where the validation loss was lowest: "
        saved = _tell_saved(run, lowest)
        return head + f"{format_number(lowest.value)}{later}.", (tell_line(lowest.line), *saved)
    if broken is not None:
        head = f"{run.name}: one from before {_tell_place(broken)}, where the loss was no number for the first time."
        return head, (tell_line(broken.line),)
    return (
        f"{run.name}: its log holds no validation loss, so it does not tell which checkpoint is best.",
        ("Evaluate the saved ones on data that was not trained on, and keep the one with the lowest loss there.",),
    )


def _tell_place(point: Point) -> str:
    if point.step is not None:
        return f"step {point.step}"
    return f"epoch {format_number(point.epoch)}" if point.epoch is not None else f"line {point.line.number}"


def _tell_saved(run: Run, best: Point) -> tuple[str, ...]:
    """The saved step nearest to the best, where the log tells how often the run saves."""
    every = run.number("save_steps")
    if best.step is None or not every or every < 1 or best.step % every == 0:
        return ()
    nearest = max(round(best.step / every), 1) * every
    return (f"With save_steps {format_number(every)} the nearest saved one is checkpoint-{nearest:.0f}.",)
