"""What kind of training a run is, as its metrics and settings tell: how its loss is to be read depends on it."""

import math
from collections.abc import Iterable

from tools.run import Run

RL_METRICS = frozenset(
    [
        "reward",
        "reward_std",
        "frac_reward_zero_std",
        "completion_length",
        "policy/approxkl_avg",
        "act_loss",
        "average_reward",
        "average_reward_score",
        "env/reward_mean",
        "clip_ratio",
        "clip_ratio/region_mean",
        "mean_scores",
    ]
)
RL_PREFIXES = (
    "objective/",
    "completions/",
    "actor/",
    "critic/",
    "ppo/",
    "policy/",
    "loss/policy",
    "loss/value",
    "env/",
)
"""GRPO, RLOO and PPO of TRL, version 1 and 2; verl; DeepSpeed-Chat: section 1.7 and 2 of their metric names."""
PREFERENCE_METRICS = frozenset(
    ["rewards/chosen", "rewards/margins", "rewards/accuracies", "logps/chosen", "log_odds_ratio", "dpo_loss"]
)
"""DPO, KTO, ORPO, CPO and SimPO of TRL."""
REWARD_MODEL_METRICS = frozenset(["margin", "mean_reward", "min_reward", "max_reward"])
LM_METRICS = frozenset(
    ["mean_token_accuracy", "entropy", "num_tokens", "num_input_tokens_seen", "perplexity", "eval_perplexity"]
)

LN_2 = math.log(2)
FROM_SCRATCH_LOSS = 8.5
"""A pretrained language model starts a task below 6, an untrained one near ln(vocabulary), 10.4 to 12.5."""


def is_rl(run: Run) -> bool:
    """Whether this is reinforcement learning (GRPO, PPO), whose loss says nothing about learning."""
    return any(_is_rl_metric(name) for name in run.series) and not is_preference(run)


def is_preference(run: Run) -> bool:
    """Whether this is a preference run (DPO, KTO, ORPO), whose learning rates are far lower."""
    return _holds(run.series, PREFERENCE_METRICS)


def is_reward_model(run: Run) -> bool:
    """Whether this trains a reward model, whose loss starts at ln 2."""
    return _holds(run.series, REWARD_MODEL_METRICS) and not is_rl(run)


def is_lora(run: Run) -> bool | None:
    """Whether a part of the parameters is trained; None where nothing tells."""
    if "lora_r" in run.settings or "lora_alpha" in run.settings:
        return True
    trainable, everything = run.number("trainable_parameters"), run.number("all_parameters")
    if trainable and everything:
        return trainable < 0.5 * everything
    return None


def is_pretrained(run: Run) -> bool | None:
    """Whether the model was trained before; None where nothing tells."""
    return True if is_lora(run) or "model_name_or_path" in run.settings else None


def is_language_model(run: Run) -> bool:
    """Whether the metrics or the settings are those of a language model."""
    settings = ("max_seq_length", "packing", "vocab_size", "cutoff_len", "max_length")
    return _holds(run.series, LM_METRICS) or any(name in run.settings for name in settings)


def vocabulary_logarithm(run: Run) -> float | None:
    """ln(vocabulary size): the loss of a model that knows nothing; None where the settings do not tell the size."""
    size = run.number("vocab_size")
    return math.log(size) if size and size > 1 else None


def _is_rl_metric(name: str) -> bool:
    return name in RL_METRICS or name.startswith(RL_PREFIXES) or name.endswith(("/reward_std", "critic/score/mean"))


def _holds(series: Iterable[str], names: frozenset[str]) -> bool:
    return any(name in names or name.removeprefix("eval_") in names for name in series)
