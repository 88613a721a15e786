"""What a log format is, and what its reader hands over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from tools.run import Line

if TYPE_CHECKING:
    from tools.log_formats.frames import ByteSource
    from tools.run_builder import RunBuilder

Kind = Literal["train", "eval", "summary"]


@dataclass(frozen=True, slots=True)
class Record:
    """One group of metrics that a trainer printed together.

    Attributes:
        kind: a training row, an evaluation row, or the summary at the end of the run.
        values: metric -> value, non-finite ones included; "step" and "epoch" are coordinates, not metrics.
        line: where the record stands; lines: where single metrics stand, if they have lines of their own.
        rank: of the process that printed it, None where nothing tells.
    """

    kind: Kind
    values: Mapping[str, float]
    line: Line
    lines: Mapping[str, Line] = field(default_factory=dict)
    rank: int | None = None


@dataclass(frozen=True, slots=True)
class LogFormat:
    """One way in which trainers print metrics, a line at a time.

    Attributes:
        name: identifier, as ``ftchat check --json`` gives it.
        title: what it is, for a person.
        source: the file whose code prints it.
        samples: lines as they are printed, each with the values that must be read from it.
        marker: bytes of which a line must hold at least one; the reader is asked about no other line.
        read: the values of a line under canonical names, or None where it is not of this format. The line has no
            colours and no container round it, but may have any prefix and suffix; it is at most 1 MiB long.
        new_reader: for formats whose lines need what stood before them, gives a ``read`` that remembers; it is made
            once for each input.
    """

    name: str
    title: str
    source: str
    samples: tuple[tuple[str, Mapping[str, float]], ...]
    markers: tuple[bytes, ...]
    read: Callable[[str], dict[str, float] | None]
    new_reader: Callable[[], Callable[[str], dict[str, float] | None]] | None = None


@dataclass(frozen=True, slots=True)
class FileFormat:
    """One kind of file that is read as a whole, because a line of it means nothing by itself.

    Attributes:
        name, title, source: as in LogFormat.
        detect: tells from the first 64 KiB whether a file is of this kind.
        read: reads the stream once, in bounded memory, hands records, settings and problems to the builder, and
            counts in ``builder.num_lines`` and ``builder.num_bytes`` what it read.
        samples: small files as bytes, each with the values of its first record.
    """

    name: str
    title: str
    source: str
    detect: Callable[[bytes], bool]
    read: "Callable[[ByteSource, RunBuilder], None]"
    samples: tuple[tuple[bytes, Mapping[str, float]], ...] = ()


# Other spellings of the names under which the rules look for a metric. What is not here keeps the trainer's own name.
_CANONICAL = {
    name: canonical
    for canonical, names in {
        "step": "global_step num_updates current_steps iteration iter iters num_steps train_step training_step batch "
        "steps _step",
        "epoch": "epochs current_epoch train_epoch",
        "total_steps": "max_steps num_training_steps train_steps",
        "loss": "train_loss training_loss lm_loss reduced_train_loss train/loss loss_train trainloss avg_loss ce_loss "
        "train/train_loss train_loss_step train/loss_step loss/train loss/train/total train/total_loss total_loss "
        "loss_metrics/global_avg_loss train/lm_loss avr_loss train_batch_loss",
        "eval_loss": "val_loss valid_loss validation_loss test_loss eval/loss val/loss validation/loss valid/loss "
        "loss_val val_lm_loss eval/lm_loss lm_loss_validation loss/val loss/eval full_valid_loss dev_loss "
        "valid_lm_loss",
        "learning_rate": "lr train/learning_rate train/lr learningrate train_lr current_lr optim/lr lr-adamw",
        "grad_norm": "gnorm gradient_norm train/grad_norm gradnorm total_norm grad/norm norm train_grad_norm",
        "tokens_per_second": "tps tok/sec tok/s tokens/sec tokens_per_second_per_gpu wps tokens/s tgs "
        "tokens_per_sec train_tokens_per_second throughput_tokens tokens/train_per_sec_per_gpu",
        "step_seconds": "iter_time step_time train_step_timing time_per_step seconds_per_step dt",
        "perplexity": "ppl train_ppl train_perplexity",
        "eval_perplexity": "val_ppl valid_ppl eval_ppl val_perplexity",
    }.items()
    for name in names.split()
}
_PLAIN_NAMES = frozenset({*_CANONICAL.values(), "reward", "entropy", "accuracy", "kl"})
_EVAL_PREFIXES = ("val_", "valid_", "validation_", "eval/", "val/", "valid/", "validation/", "test/")


@lru_cache(maxsize=4096)
def canonical_name(name: str) -> str:
    """The name under which the rules look for a metric, whatever the trainer calls it.

    Example:
        >>> [canonical_name(name) for name in ("lm loss", "val_accuracy", "Training Loss", "reward_std", "LR")]
        ['loss', 'eval_accuracy', 'loss', 'reward_std', 'learning_rate']
    """
    plain = name.strip().lower().replace(" ", "_")
    if plain in _CANONICAL:
        return _CANONICAL[plain]
    for prefix in _EVAL_PREFIXES:
        if plain.startswith(prefix):
            return "eval_" + plain[len(prefix) :]
    return plain if plain in _PLAIN_NAMES else name.strip().replace(" ", "_")


def is_metric_name(name: str) -> bool:
    """Whether a canonical name is one that the rules look for."""
    return name in _PLAIN_NAMES or name.startswith("eval_")


# A row that holds one of these is a training row, whatever else it holds.
TRAIN_METRICS = frozenset(
    [
        "loss",
        "reward",
        "perplexity",
        "objective/kl",
        "objective/scores",
        "actor/pg_loss",
        "act_loss",
        "critic/score/mean",
        "critic/rewards/mean",
        "loss/policy_avg",
        "ppo/loss/total",
        "env/reward_mean",
    ]
)
# With a step, these make a training row as well: trainers that print the loss elsewhere print them beside the step.
STEP_METRICS = frozenset(
    [
        "learning_rate",
        "grad_norm",
        "loss_scale",
        "skipped_steps",
        "tokens_per_second",
        "step_seconds",
        "memory_bytes",
        "mfu",
    ]
)


def classify(values: Mapping[str, float]) -> Kind | None:
    """Tell what kind of row these metrics are, None where they are no row of a training run."""
    if "train_runtime" in values or ("train_loss" in values and "loss" not in values):
        return "summary"
    if not TRAIN_METRICS.isdisjoint(values):
        return "train"
    if any(name.startswith("eval_") for name in values):
        return "eval"
    return "train" if "step" in values and not STEP_METRICS.isdisjoint(values) else None


@lru_cache(maxsize=512)
def kind_of(names: tuple[str, ...]) -> Kind:
    """The kind of the rows that hold these metrics; those of no kind are taken for training rows."""
    return classify(dict.fromkeys(names, 0.0)) or "train"
