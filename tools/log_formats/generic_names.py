"""What the metrics of an unknown trainer are called."""

import re
from functools import lru_cache

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.record import canonical_name

LOSS_NAMES = r"(?:loss|losses|ce|nll|xent|cross[_ -]?entropy|ppl|perplexity|bpc|bpb|reward|cost)"

_IS_LOSS = lazy_pattern(
    rf"(?:\b|_){LOSS_NAMES}(?:[ _](?:train|val|test)\w{{0,7}})?(?: ?\(\w{{1,12}}\))?$", re.IGNORECASE
)
_BRACKETED = lazy_pattern(r" ?\(\w{1,12}\)$")
_TRAIN_WORDS = frozenset(
    [
        "train",
        "training",
        "average",
        "avg",
        "mean",
        "running",
        "batch",
        "step",
        "current",
        "curr",
        "cur",
        "total",
        "lm",
        "epoch",
        "iter",
        "minibatch",
        "ema",
    ]
)
_EVAL_WORDS = frozenset(["val", "valid", "validation", "eval", "evaluation", "dev", "test"])
_SIDES = _EVAL_WORDS | {"train", "training"}
_LOSS_WORDS = {
    **dict.fromkeys(("loss", "losses"), "loss"),
    **dict.fromkeys(("ce", "nll", "xent", "cost", "crossentropy", "cross_entropy"), "loss"),
    **dict.fromkeys(("ce_loss", "nll_loss", "cross_entropy_loss", "crossentropy_loss"), "loss"),
    **dict.fromkeys(("ppl", "perplexity"), "perplexity"),
    "reward": "reward",
}
_NOT_NOW = frozenset(
    [
        "best",
        "min",
        "lowest",
        "target",
        "prev",
        "previous",
        "last",
        "initial",
        "final",
        "after",
        "in",
        "at",
        "for",
        "of",
    ]
)
_ONLY_STATISTICS = frozenset(["avg", "mean", "ema", "std", "max"])


def is_loss(name: str) -> bool:
    """Whether a name ends in a word for a loss, a perplexity or a reward."""
    return bool(_IS_LOSS.search(name))


def is_metric_of_now(name: str) -> bool:
    """Whether a name is that of the row's own value: not of a best, last or wanted one, nor a bare ``avg``."""
    words = re.split(r"[ _]", name.lower())
    return words[0] not in _NOT_NOW and not (len(words) == 1 and words[0] in _ONLY_STATISTICS)


def is_side(name: str) -> bool:
    """Whether a name says no more than the part of the run, as in ``LOSS train 0.5 valid 0.6``."""
    return name.lower() in _SIDES


def is_plain_loss(name: str) -> bool:
    """Whether a name says loss in so many words, as "train loss" does and "nll" does not.

    Example:
        >>> [is_plain_loss(name) for name in ("Train Loss", "total_loss", "nll_loss", "ce")]
        [True, True, False, False]
    """
    return _core(name)[0] in ("loss", "losses")


@lru_cache(maxsize=4096)
def name_metric(name: str, is_eval: bool) -> str:
    """The canonical name of a metric of an unknown trainer.

    Example:
        >>> [name_metric(name, False) for name in ("Train Loss", "val loss", "Avg loss", "policy loss", "Acc", "lr")]
        ['loss', 'eval_loss', 'loss', 'policy_loss', 'acc', 'learning_rate']
        >>> name_metric("Loss", True), name_metric("PPL", True)
        ('eval_loss', 'eval_perplexity')
    """
    core, plain, says_eval = _core(name)
    canonical = canonical_name("loss" if plain in _SIDES else _LOSS_WORDS.get(core, plain))
    return canonical if not (is_eval or says_eval) or canonical.startswith("eval_") else f"eval_{canonical}"


def _core(name: str) -> tuple[str, str, bool]:
    """A name without the words that tell its part of the run; the whole name; whether it names an evaluation."""
    plain = re.sub(r"[ -]", "_", _BRACKETED.sub("", name.strip())).lower()
    words = [word for word in re.split(r"[_/]", plain) if word]
    core = "_".join(word for word in words if word not in _EVAL_WORDS and word not in _TRAIN_WORDS)
    return core, plain, not _EVAL_WORDS.isdisjoint(words)
