"""What was watched: evaluations, and how often anything was logged at all."""

import math
from statistics import median

from tools.diagnosis.curves import where
from tools.diagnosis.finding import CannotJudge, Finding, Verdict, quote
from tools.diagnosis.signals import NO_LOSS, Signals
from tools.units import format_number

MIN_ROWS = 5
MEMORISED_LOSS = 0.03
MEMORISED_SHARE = 0.05
"""A training loss that fell to 5 % of its start and below 0.03: only an evaluation can tell learning from reciting."""
EMPTY_COLUMNS = "has_empty_validation_columns"
"""What the reader of tables sets where a validation loss has a column and no values."""
MAX_RARE_ROWS = 2
MIN_UNWATCHED_STEPS = 200


def judge_no_evaluation(signals: Signals) -> Verdict:
    """Find a run in which only the training loss was watched; it matters once that loss is close to zero."""
    run = signals.run
    if any(name.startswith("eval_") for name in run.series):
        return None
    rows = run.points("loss")
    if signals.is_rl:
        return CannotJudge("in reinforcement learning the reward is measured on what the model generates")
    if len(rows) < MIN_ROWS:
        return CannotJudge("too few rows to tell whether an evaluation would have come")
    if run.is_excerpt:
        return CannotJudge("the log is an excerpt; an evaluation may stand outside it", "the whole log")
    num_rows = run.series["loss"].num_points
    text = f"None of the {num_rows} rows is an evaluation: whether the model generalises cannot be seen in this log."
    end = median(signals.values[-max(3, len(signals.values) // 10) :]) if signals.values else 0.0
    is_mean = not signals.is_preference and not signals.is_reward_model
    is_memorised = is_mean and 0 < end < min(MEMORISED_LOSS, MEMORISED_SHARE * median(signals.values[:3]))
    empty = run.settings.get(EMPTY_COLUMNS)
    if empty:
        text += " The table has columns for a validation loss, and they are empty."
    if is_memorised:
        text += (
            f" The training loss ends at {format_number(end)}, where only an evaluation tells learning from reciting."
        )
    return Finding(
        id="no_evaluation",
        severity="warning" if is_memorised or empty else "note",
        confidence="likely",
        summary=text,
        values={"num_rows": num_rows},
        evidence=((empty.line,) if empty else ()) + quote([rows[0], rows[-1]]),
    )


def judge_unmonitored_training(signals: Signals) -> Verdict:
    """Find a long run of which one or two training rows were logged."""
    rows = signals.run.points("loss")
    if not rows:
        return _judge_interval(signals)
    if len(rows) > MAX_RARE_ROWS:
        return None
    done = max([point.step or 0 for point in rows] + [stage.step for stage in signals.run.stages[-1:]])
    if done < MIN_UNWATCHED_STEPS:
        return None
    return Finding(
        id="unmonitored_training",
        severity="note",
        confidence="likely",
        summary=f"In {done} steps only {len(rows)} training row{'s were' if len(rows) > 1 else ' was'} logged, the "
        f"last at {where(rows[-1])}: what happened between cannot be seen.",
        values={"num_rows": len(rows), "num_steps": done},
        evidence=quote([rows[0], rows[-1]]),
    )


def _judge_interval(signals: Signals) -> Verdict:
    """Find a logging interval that is longer than the whole run."""
    planned, interval = signals.run.number("max_steps"), signals.run.number("logging_steps")
    if not planned or not interval or not 0 < planned < interval < math.inf:
        return NO_LOSS
    return Finding(
        id="unmonitored_training",
        severity="note",
        confidence="certain",
        summary=f"No training loss was logged at all: the run has {planned:.0f} steps, and only every "
        f"{interval:.0f}th would have been.",
        values={"num_rows": 0, "num_steps": int(planned), "logging_steps": int(interval)},
        evidence=(signals.run.settings["logging_steps"].line,),
    )
