"""The runs to record: a healthy one, and one for each knob that is broken."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from recorder.tiny_model import Pair, make_note, make_riddle

Row = dict[str, list[int]]
NO_CLIPPING = 1e9


@dataclass(frozen=True, slots=True)
class Knobs:
    """How a run is set up.

    Attributes:
        labels: what is wrong, to be checked against the recorded curve; either: ids that say the same as the first.
        fair: what may be said beside it.
        rank: of LoRA, 0 for full fine-tuning; alpha and targets as LoRA takes them.
        arguments: what TrainingArguments get beside those that all runs share.
        change_rows: breaks the tokenised training rows.
        kind: the trainer: Hugging Face's own, or one of TRL's.
        is_seen_in_state: the fault shows in the state file as well, which holds no settings.
        fault: what else is broken, a name that the recorder knows.
    """

    labels: tuple[str, ...] = ()
    either: tuple[str, ...] = ()
    fair: tuple[str, ...] = ()
    make: Callable[[random.Random], Pair] = make_note
    num_train: int = 640
    num_eval: int = 64
    rank: int = 16
    alpha: float = 32
    targets: str | list[str] = "all-linear"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    change_rows: Callable[[list[Row]], list[Row]] = list
    max_tokens: int = 64
    fault: str = ""
    dtype: str = "float32"
    kind: Literal["tune", "dpo", "grpo"] = "tune"
    is_seen_in_state: bool = True


def lora(*labels: str, rate: float = 1e-3, **changes: Any) -> Knobs:
    """A LoRA run; arguments beside the fields of Knobs are for the trainer."""
    fields = {name: changes.pop(name) for name in list(changes) if name in Knobs.__slots__}
    return replace(Knobs(labels=labels, arguments={"learning_rate": rate, **changes}), **fields)


def full(*labels: str, rate: float = 1e-4, **changes: Any) -> Knobs:
    """A full fine-tune."""
    return lora(*labels, rate=rate, rank=0, **changes)


def mask_all(rows: list[Row]) -> list[Row]:
    """Take the loss from every token, as a response marker does that never matches."""
    return [{**row, "labels": [-100] * len(row["labels"])} for row in rows]


def shuffle_labels(rows: list[Row]) -> list[Row]:
    """Give every row the labels of ids that have nothing to do with it."""
    choices = random.Random(9)  # noqa: S311 - rows to train on, nothing secret
    return [{**row, "labels": [choices.randrange(3, 700) for _ in row["labels"]]} for row in rows]


def spoil_some(rows: list[Row]) -> list[Row]:
    """Make every tenth batch of eight one of noise."""
    choices = random.Random(9)  # noqa: S311 - rows to train on, nothing secret
    spoilt = [[choices.randrange(3, 700) for _ in range(60)] for _ in rows]
    return [
        {"input_ids": noise, "labels": noise} if index // 8 % 10 == 7 else row
        for index, (row, noise) in enumerate(zip(rows, spoilt, strict=True))
    ]


def repeat_few(rows: list[Row]) -> list[Row]:
    """The first rows again and again, in place of all."""
    return [rows[index % 16] for index in range(len(rows))]


FEW: dict[str, Any] = {
    "make": make_riddle,
    "num_train": 16,
    "rank": 64,
    "alpha": 128,
    "rate": 2e-3,
    "num_train_epochs": 80,
}
FEW |= {"per_device_train_batch_size": 4, "logging_steps": 4, "eval_steps": 24}
RATE_HARMS = ("learning_rate_too_high", "loss_divergence", "exploding_gradients", "loss_spikes")
RATE_IDLE = ("learning_rate_too_low", "loss_not_decreasing")
NO_LABEL = ("loss_zero", "loss_nan", "label_masking", "truncated_sequences", "dataset_format", "vanishing_gradients")
NOT_TO_BE_SEEN = ("other",)
"""The label where no curve and no setting tells the fault: nothing is expected, and nothing is a false alarm."""
WRONG_LABELS = ("label_masking", "dataset_format", "data_quality", "chat_template", "tokenizer_vocab_mismatch")

RUNS: dict[str, Knobs] = {
    "healthy_lora": lora(),
    "healthy_full": full(),
    "healthy_accumulating": lora(per_device_train_batch_size=2, gradient_accumulation_steps=4, logging_steps=1),
    "healthy_epochs": lora(num_train=240, num_train_epochs=3, eval_strategy="epoch", lr_scheduler_type="constant"),
    "rate_times_100": lora(*RATE_HARMS[:1], rate=0.1, either=RATE_HARMS, fair=RATE_HARMS, max_grad_norm=NO_CLIPPING),
    "rate_times_10": lora(*RATE_HARMS[:1], rate=0.02, either=RATE_HARMS, fair=RATE_HARMS),
    "rate_over_1000": lora(*RATE_IDLE[:1], rate=1e-6, either=RATE_IDLE, fair=RATE_IDLE),
    "rate_zero": lora(*RATE_IDLE[:1], rate=0.0, either=RATE_IDLE, fair=RATE_IDLE),
    "no_clipping": full(*RATE_HARMS[:1], rate=0.3, either=RATE_HARMS, fair=RATE_HARMS, max_grad_norm=NO_CLIPPING),
    "half_precision": full(
        "loss_divergence", either=("dtype_precision",), fair=RATE_HARMS, dtype="float16", num_train=320
    ),
    "half_precision_overflows": full(
        "loss_zero", either=("loss_nan", "dtype_precision"), fair=(*RATE_HARMS, *NO_LABEL), dtype="float16",
        rate=1e-2, num_train=320,
    ),
    "half_precision_unfiltered": full(
        "loss_nan", either=("dtype_precision",), fair=(*RATE_HARMS, *NO_LABEL), dtype="float16", rate=1e-2,
        num_train=320, logging_nan_inf_filter=False,
    ),
    "labels_masked": lora(*NO_LABEL[:1], either=NO_LABEL, fair=NO_LABEL, change_rows=mask_all),
    "answers_cut": lora(*NO_LABEL[:1], either=NO_LABEL, fair=NO_LABEL, max_tokens=12),
    "labels_shuffled": lora(*WRONG_LABELS[:1], either=WRONG_LABELS, fair=WRONG_LABELS, change_rows=shuffle_labels),
    "many_epochs": lora("overfitting", fair=("insufficient_data",), **FEW),
    "no_regularisation": full(
        "overfitting", fair=("insufficient_data",), make=make_riddle, num_train=24, rate=1e-3, num_train_epochs=50,
        per_device_train_batch_size=4, eval_steps=20, logging_steps=5, lr_scheduler_type="constant",
    ),
    "repeated_rows": full(
        "overfitting", either=("duplicate_data",), fair=("insufficient_data", "duplicate_data"), rate=5e-4,
        make=make_riddle, change_rows=repeat_few,
    ),
    "alpha_tiny": lora("lora_misconfiguration", either=RATE_IDLE, fair=RATE_IDLE, alpha=0.01),
    "alpha_huge": lora(
        "lora_misconfiguration", either=RATE_HARMS, fair=RATE_HARMS, alpha=16 * 64, rate=5e-3, is_seen_in_state=False
    ),
    "few_targets": lora(
        "lora_misconfiguration", either=RATE_IDLE, fair=RATE_IDLE, rank=1, alpha=1, rate=1e-4,
        targets=["layers.0.self_attn.q_proj"],
    ),
    "optimiser_elsewhere": lora(
        "loss_not_decreasing", either=("lora_misconfiguration", "vanishing_gradients"), fault="optimiser_elsewhere"
    ),
    "validation_in_training": lora(*NOT_TO_BE_SEEN, fault="validation_in_training", **FEW),
    "answers_known": full(
        "data_leakage", either=("duplicate_data", "overfitting"), fault="answers_known", make=make_riddle, num_train=32,
        num_train_epochs=12, logging_steps=1,
    ),
    "loss_summed": lora(
        "grad_accumulation_scaling", fault="loss_summed", per_device_train_batch_size=1,
        gradient_accumulation_steps=8, logging_steps=1,
    ),
    "bad_batches": lora("loss_spikes", fair=("exploding_gradients", "data_quality"), change_rows=spoil_some,
                        logging_steps=1, train_sampling_strategy="sequential"),
    "never_evaluated": lora("no_evaluation", eval_strategy="no"),
    "warmup_too_long": lora("lr_schedule", either=RATE_IDLE, fair=RATE_IDLE, warmup_steps=4000, rate=2e-4),
    "schedule_ends_early": lora("lr_schedule", fair=RATE_IDLE, rate=3e-4, fault="schedule_ends_early"),
    "healthy_dpo": full(rate=2e-5, kind="dpo", num_train=320),
    "dpo_rate_times_20": full(
        "preference_reward_hacking", either=RATE_HARMS, fair=(*RATE_HARMS, "overfitting"), rate=2e-3, kind="dpo",
        num_train=320,
    ),
    "dpo_rate_zero": full(
        "learning_rate_too_low", either=RATE_IDLE, fair=RATE_IDLE, rate=1e-9, kind="dpo", num_train=320
    ),
    "healthy_grpo": full(rate=5e-5, kind="grpo", num_train=60, logging_steps=2),
    "grpo_equal_rewards": full(
        "rl_collapse", rate=2e-5, kind="grpo", num_train=40, logging_steps=1, fault="equal_rewards"
    ),
    "grpo_rate_times_100": full(
        "rl_collapse", either=RATE_HARMS, fair=(*RATE_HARMS, "slow_training"), rate=5e-3, kind="grpo", num_train=40,
        logging_steps=1,
    ),
    "resumed_without_weights": lora("checkpoint_resume", fair=("loss_spikes",), fault="resumed_without_weights"),
}  # fmt: skip
