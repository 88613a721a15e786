"""Trainers of preference and reinforcement learning for the tiny model."""

import random
from typing import Any

from datasets import Dataset
from trl import DPOConfig, DPOTrainer, GRPOConfig, GRPOTrainer

from recorder.knobs import Knobs
from recorder.tiny_model import STORIES, draw, make_pairs

MAX_COMPLETION = 16


def make_choices(knobs: Knobs, num_rows: int, seed: int) -> Dataset:
    """Prompts with a record, which is wanted, and a sentence, which is not."""
    choices = random.Random(seed)  # noqa: S311 - rows to train on, nothing secret
    rows = []
    for prompt, chosen in make_pairs(knobs.make, num_rows, seed):
        rejected = choices.choice(STORIES[:3]).format(**draw(choices))
        rows.append({"prompt": f"{prompt}\n", "chosen": chosen, "rejected": rejected})
    return Dataset.from_list(rows)


def make_pair_trainer(model: Any, tokenizer: Any, knobs: Knobs, arguments: dict[str, Any]) -> Any:
    """DPO's trainer."""
    settings = DPOConfig(beta=0.1, max_length=2 * knobs.max_tokens, **arguments)
    return DPOTrainer(
        model=model,
        args=settings,
        train_dataset=make_choices(knobs, knobs.num_train, 101),
        eval_dataset=make_choices(knobs, knobs.num_eval, 202),
        processing_class=tokenizer,
    )


def prefer_vowels(completions: list[str], **_: Any) -> list[float]:
    """Reward a completion for its share of vowels."""
    return [sum(letter in "aeiou" for letter in text) / max(1, len(text)) for text in completions]


def prefer_all(completions: list[str], **_: Any) -> list[float]:
    """The same reward for whatever is said."""
    return [1.0 for _ in completions]


def make_group_trainer(model: Any, tokenizer: Any, knobs: Knobs, arguments: dict[str, Any]) -> Any:
    """GRPO's trainer."""
    limits = {"num_generations": 8, "max_completion_length": MAX_COMPLETION, "beta": 0.04}
    settings = GRPOConfig(**limits, **{**arguments, "eval_strategy": "no"})
    prompts = Dataset.from_list([{"prompt": f"{pair[0]}\n"} for pair in make_pairs(knobs.make, knobs.num_train, 101)])
    return GRPOTrainer(
        model=model,
        args=settings,
        train_dataset=prompts,
        reward_funcs=prefer_all if knobs.fault == "equal_rewards" else prefer_vowels,
        processing_class=tokenizer,
    )
