"""The first loss: what a pretrained model can say of its task before it has learned anything."""

import math
from statistics import median

from tools.diagnosis.finding import CannotJudge, Finding, Verdict, quote
from tools.diagnosis.kinds import is_language_model, is_pretrained, vocabulary_logarithm
from tools.diagnosis.signals import RL_LOSS, Signals
from tools.units import format_number

NUM_FIRST = 3
"""The lowest of so many: a first step that wrecks the model says nothing about what it was before."""
UNIFORM_NEARNESS = 0.35
"""Nats. A model that predicts uniformly loses ln(V), one at random initialisation up to 0.3 more."""
LARGEST_UNIFORM = math.log(262_144)
"""The largest vocabulary in wide use: above this the loss is worse than uniform whatever the model is."""
SUMMED_SHARE = 2.0
"""A training loss of twice the validation loss or more is a sum, not a mean: its level tells nothing."""
MAX_MEAN_LOSS = 25.0
LEARNED_LOSS = 2.0
UNLEARNED_LOSS = 6.0
"""The frequencies of words alone bring an untrained model to 6 or 7 nats."""
LARGEST_START = 16.0
"""Beyond this the loss is hardly one of words at all: squared errors and sums have any scale."""
MIN_EVALS = 3
LEAKED_LOSS = 0.02
"""Under 0.02 nats a token from the first rows on, every token is right with 98 %: no pretrained model starts there."""
SURELY_LEAKED = 0.01
LEAKED_EVAL = 0.5
LEAKED_EVAL_SHARE = 0.1
"""A validation loss of a tenth of the training loss beside it, at the first evaluation and at the last one too."""
START_LOSS = 0.5
FOLLOWING_SHARE = 0.7
SAME_RATIO = 0.6
MIN_ROWS = 4


def judge_base_model_mismatch(signals: Signals) -> Verdict:
    """Find a pretrained model whose first loss is that of a uniform guess: weights or tokenizer are not its own."""
    return _judge_start(signals, is_above=False)


def judge_data_quality(signals: Signals) -> Verdict:
    """Find a pretrained model whose first loss is worse than a uniform guess: the labels are not its inputs' own."""
    return _judge_start(signals, is_above=True)


def _judge_start(signals: Signals, *, is_above: bool) -> Verdict:
    if signals.is_rl:
        return RL_LOSS
    if len(signals.values) < MIN_ROWS:
        return signals.too_few(MIN_ROWS)
    if signals.run.is_excerpt:
        return CannotJudge("the log begins in the middle of the run", "the log from its first step")
    if not is_pretrained(signals.run) and not (is_above and _never_learns(signals)):
        return CannotJudge("nothing tells that the model was trained before", "the training config")
    uniform = vocabulary_logarithm(signals.run)
    start = min(signals.values[:NUM_FIRST]) if is_above else signals.values[0]
    if _is_summed(signals, start) or signals.is_preference:
        return CannotJudge("the training loss is no mean over tokens here")
    if is_above:
        return _judge_worse(signals, start, uniform)
    if uniform is None:
        return CannotJudge("the size of the vocabulary is not known", "the model's config.json")
    return _tell_uniform(signals, start, uniform) if abs(start - uniform) <= UNIFORM_NEARNESS else None


def _never_learns(signals: Signals) -> bool:
    """Whether the loss stays so high over evaluations on its scale that even an untrained model would do better."""
    is_high = UNLEARNED_LOSS < signals.curve.end < LARGEST_UNIFORM and signals.curve.start < LARGEST_START
    return is_high and len(signals.evals) >= MIN_EVALS


def _judge_worse(signals: Signals, start: float, uniform: float | None) -> Verdict:
    """Worse than uniform at the start and not learned by the end; a model that learns it had only met a new format."""
    if uniform is None and not signals.evals and signals.run.number("gradient_accumulation_steps") != 1:
        return CannotJudge("neither the vocabulary nor whether the loss is a mean is known", "the model's config.json")
    is_worse = start > (uniform or LARGEST_UNIFORM) + UNIFORM_NEARNESS
    return _tell_worse(signals, start, uniform) if is_worse and signals.curve.end > LEARNED_LOSS else None


def _is_summed(signals: Signals, start: float) -> bool:
    evals = [point.value for point in signals.evals[:3]]
    late = signals.values[-1] if signals.values else 0.0
    return start > MAX_MEAN_LOSS or (bool(evals) and late > SUMMED_SHARE * signals.evals[-1].value)


def _tell_worse(signals: Signals, start: float, uniform: float | None) -> Finding:
    level = f"ln(vocabulary), {format_number(uniform)}" if uniform else f"{LARGEST_UNIFORM:.1f}, ln of any vocabulary"
    return Finding(
        id="data_quality",
        severity="error" if is_pretrained(signals.run) else "warning",
        confidence="likely" if is_pretrained(signals.run) else "possible",
        summary=f"The first losses, {format_number(start)}, are above {level}: the labels are predicted worse than "
        "by a uniform guess. They do not belong to their inputs (shuffled or shifted rows, a broken template, another "
        "tokenizer's ids).",
        values={"first_loss": start, "uniform_loss": uniform},
        evidence=quote(signals.losses[:NUM_FIRST]),
    )


def _tell_uniform(signals: Signals, start: float, uniform: float) -> Finding:
    return Finding(
        id="base_model_mismatch",
        severity="warning",
        confidence="likely",
        summary=f"The first losses, {format_number(start)}, are ln(vocabulary), {format_number(uniform)}: a pretrained "
        "model would know better. Its weights were not loaded, or the tokenizer is another model's.",
        values={"first_loss": start, "uniform_loss": uniform},
        evidence=quote(signals.losses[:NUM_FIRST]),
    )


def judge_data_leakage(signals: Signals) -> Verdict:
    """Find losses near 0 from the first rows on, or a validation loss far below the training loss from its start."""
    if signals.is_rl:
        return RL_LOSS
    if len(signals.values) < MIN_ROWS:
        return signals.too_few(MIN_ROWS)
    if signals.run.is_excerpt:
        return CannotJudge("the log begins in the middle of the run", "the log from its first step")
    return _judge_leaked_start(signals) or _judge_leaked_eval(signals)


def _judge_leaked_start(signals: Signals) -> Finding | None:
    start = median(signals.values[:NUM_FIRST])
    evals = [point.value for point in signals.evals]
    is_low = 0 < start < LEAKED_LOSS and 0 < median(signals.values) < LEAKED_LOSS
    if not is_low or (evals and max(evals) > 2 * LEAKED_LOSS):
        return None
    is_text = is_language_model(signals.run) or signals.is_lora is True
    is_sure = is_text or (bool(evals) and start < SURELY_LEAKED)
    return Finding(
        id="data_leakage",
        severity="warning" if is_sure else "note",
        confidence="likely" if is_sure else "possible",
        summary=f"The training loss is {format_number(start)} from the first rows on"
        + (f" and the validation loss {format_number(evals[0])}" if evals else "")
        + ": nothing is left to learn before training has begun. For text that means the answer stands in the input, "
        "or the data were trained on before; a mean squared error may be that small honestly.",
        values={"first_loss": start, "first_eval_loss": evals[0] if evals else None},
        evidence=quote([*signals.losses[:NUM_FIRST], *signals.evals[:1]]),
    )


def _judge_leaked_eval(signals: Signals) -> Finding | None:
    """Validation losses far below the training losses round them, and flat: they had nothing to learn from those.

    A training loss that is summed over accumulation is as far above, but both then fall together.
    """
    if not signals.evals or signals.is_preference:
        return None
    first, last = signals.evals[0], signals.evals[-1]
    near, end = signals.loss_near(first) or signals.losses[0], signals.losses[-1]
    if not 0 < first.value < min(LEAKED_EVAL, LEAKED_EVAL_SHARE * near.value):
        return None
    is_apart = last.value < LEAKED_EVAL_SHARE * end.value or first.value < LEAKED_LOSS
    follows = (
        SAME_RATIO < (last.value / end.value) / (first.value / near.value) < 1 / SAME_RATIO if end.value else False
    )
    follows = follows and last.value < FOLLOWING_SHARE * first.value
    if not is_apart or follows or signals.values[0] < START_LOSS:
        return None
    return Finding(
        id="data_leakage",
        severity="warning",
        confidence="likely",
        summary=f"The first validation loss is {format_number(first.value)} while the training loss still is "
        f"{format_number(near.value)}: rows that were never trained on cannot be known so well. The validation set "
        "overlaps the data that the model was trained on, or its labels are mostly masked.",
        values={"first_eval_loss": first.value, "train_loss_beside": near.value},
        evidence=quote([near, first]),
    )
