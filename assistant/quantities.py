"""What sentences speak of: quantities that a run measures, knobs that a person turns, and the words for both."""

from collections.abc import Iterable, Mapping

from knowledge.card import Knob

MEASURED = {
    "eval_loss": "validation loss, validation, validation minimum, eval loss, eval_loss, val loss, val_loss, "
    "evaluation loss, held-out loss, eval/loss",
    "train_loss": "training loss, train loss, train_loss, train/loss",
    "loss": "loss, losses",
    "grad_norm": "grad_norm, gradient norm, grad norm, gradient norms, norm of the gradients, gradients, gradient",
    "alpha_over_r": "alpha/r",
    "reward": "reward, rewards",
    "logps": "logps/chosen, logps/rejected, log-probabilities, chosen log-probabilities",
    "margins": "margins, margin, rewards/margins",
    "accuracy": "accuracies, accuracy, rewards/accuracies",
    "kl": "kl",
    "memory": "gpu memory, memory, vram, peak memory",
    "noise": "noise",
    "speed": "throughput, speed, step time, steps",
    "patience": "patience",
    "total_steps": "total_steps, total steps, number of steps",
}
_MORE_KNOB_WORDS = {
    "max_grad_norm": "clip the gradients, clip the gradient norm, clip gradients",
    "lora_targets": "layers, linear layers, all linear layers",
    "learning_rate": "learning_rate, rate, peak learning rate",
    "epochs": "num_epochs, number of passes, training duration",
    "lora_rank": "lora_r, r, adapter rank",
    "lora_alpha": "alpha value",
    "lr_schedule": "learning-rate schedule, schedule, lr_scheduler_type, decay schedule",
    "warmup": "warmup_steps, warmup_ratio, warmup phase, warm-up phase, warm-up steps",
    "optimizer": "optim, sgd, adam, paged_adamw_8bit, adamw_8bit",
    "micro_batch": "micro-batch size, microbatch, batch per device, per-device batch size, micro-batches",
    "effective_batch": "batch, batches",
    "gradient_accumulation": "accumulation, gradient_accumulation, accumulate",
    "data_amount": "data, amount of data, dataset, examples, samples, training examples, training set, data set, rows,"
    " num_examples",
    "weight_decay": "decay of the weights",
    "early_stopping": "early_stopping, earlystopping",
    "sequence_length": "sequence lengths, sequences, length, max_completion_length, longest allowed length, context",
    "group_size": "number of generations, generations per prompt, generations",
    "preference_beta": "beta",
    "gradient_checkpointing": "activation recomputation",
    "cpu_offload": "cpu offloading",
    "hardware": "card, cards, gpus",
    "validation_set": "validation data, validation split, eval set",
    "label_mask": "labels, label",
    "precision": "compute precision, tf32, half precision, mixed precision",
    "package_versions": "package versions, transformers, trl, peft, accelerate, unsloth, torch, pytorch",
    "test_set": "test data, test split",
    "augmentation": "augment, augmenting",
    "chat_template": "chat templates, templates",
    "checkpoint": "checkpoints",
}
_AMBIGUOUS = {
    ("best", "checkpoint"): ("checkpoint", "checkpoint_choice"),
    ("checkpoints",): ("checkpoint", "checkpoint_limit", "checkpoint_interval"),
    ("batch", "size"): ("effective_batch", "micro_batch"),
    ("batch", "sizes"): ("effective_batch", "micro_batch"),
    ("batch",): ("effective_batch", "micro_batch"),
}
_NOT_KNOBS = frozenset(
    {
        "evaluation",
        "reward",
        "accuracy",
        "metrics",
        "samples",
        "examples",
        "dataset",
        "training data",
        "upgrade",
        "downgrade",
        "pin",
    }
)
SETTING_OF_KNOB = {
    "learning_rate": "learning_rate", "epochs": "num_train_epochs", "lora_alpha": "lora_alpha", "lora_rank": "lora_r",
    "dropout": "lora_dropout", "weight_decay": "weight_decay", "micro_batch": "per_device_train_batch_size",
    "gradient_accumulation": "gradient_accumulation_steps", "sequence_length": "max_length", "warmup": "warmup_steps",
    "max_grad_norm": "max_grad_norm",
}  # fmt: skip
LOSSES = frozenset({"eval_loss", "train_loss", "loss"})
_FAMILY = {
    "data_amount": "data",
    "training_data": "data",
    "empty_samples": "data",
    "sequence_length": "sequence_length",
}

Phrases = Mapping[tuple[str, ...], tuple[str, ...]]


def build_phrases(knobs: Mapping[str, Knob]) -> Phrases:
    """The phrases that name something: words -> names; a phrase may name two knobs."""
    phrases: dict[tuple[str, ...], tuple[str, ...]] = {}
    for name, knob in knobs.items():
        words = [*knob.aliases, knob.label.removeprefix("the ").removeprefix("a ").split(" (")[0]]
        words += _MORE_KNOB_WORDS.get(name, "").split(", ")
        for text in words:
            if text and text not in _NOT_KNOBS:
                _add(phrases, text, name)
    for name, listed in MEASURED.items():
        for text in listed.split(", "):
            phrases[_words(text)] = (name,)
    phrases[("training", "data")] = phrases[("examples",)] = phrases[("samples",)] = ("data_amount", "training_data")
    phrases[("dataset",)] = phrases[("data",)] = ("data_amount", "training_data")
    return phrases | _AMBIGUOUS


def _add(phrases: dict[tuple[str, ...], tuple[str, ...]], text: str, name: str) -> None:
    words = _words(text)
    for form in (words, (*words[:-1], words[-1] + "s")):
        held = phrases.get(form, ())
        if name not in held:
            phrases[form] = (*held, name)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.lower().split())


def are_compatible(said: Iterable[str], held: Iterable[str], *, has_validation: bool) -> bool:
    """Whether two mentions may be of one quantity; "the loss" is the training loss where both are known.

    Args:
        said: names that the sentence gives, none where it names nothing.
        held: names that the evidence gives.
        has_validation: whether the evidence speaks of both losses.
    """
    first, second = {_FAMILY.get(name, name) for name in said}, {_FAMILY.get(name, name) for name in held}
    if not first or not second or first & second:
        return True
    if "loss" in first:
        return bool(second & ({"train_loss"} if has_validation else LOSSES))
    return "loss" in second and "train_loss" in first
