"""Mixed precision: a loss scale that keeps falling. Single overflows are how the scaler finds its scale."""

from tools.diagnosis.curves import where
from tools.diagnosis.finding import CannotJudge, Finding, Verdict, quote
from tools.diagnosis.signals import Signals
from tools.units import format_number

SCALES = ("loss_scale", "loss scale", "train/loss_scale", "loss-scale")
MIN_ROWS = 8
FLOOR = 1.0
MIN_FALL = 1024.0
"""A scale that has come down from thousands to 1 finds overflow at every scale: the gradients themselves overflow."""
AT_FLOOR_ROWS = 3
NO_SCALE = CannotJudge("the log tells no loss scale; with bf16 there is none")


def judge_dtype_precision(signals: Signals) -> Verdict:
    """Find a loss scale that fell to its floor and stays there."""
    scales = next((points for name in SCALES if (points := signals.run.finite(name))), ())
    if len(scales) < MIN_ROWS:
        return NO_SCALE
    highest = max(scales, key=lambda point: point.value)
    end = scales[-AT_FLOOR_ROWS:]
    if any(point.value > FLOOR for point in end) or highest.value < MIN_FALL * max(FLOOR, end[-1].value):
        return None
    return Finding(
        id="dtype_precision",
        severity="warning",
        confidence="likely",
        summary=f"The loss scale falls from {format_number(highest.value)} at {where(highest)} to "
        f"{format_number(end[-1].value)}: fp16 overflows at every scale, so steps are skipped or lose small gradients.",
        values={"highest_loss_scale": highest.value, "last_loss_scale": end[-1].value},
        evidence=quote([highest, end[0], end[-1]]),
    )
