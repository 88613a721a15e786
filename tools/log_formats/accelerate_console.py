"""Example scripts of accelerate and transformers without a Trainer, and of sentence-level libraries like them."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import NUMBER, WRAPPED, Field, PairLayout, as_eval, first_of
from tools.log_formats.record import LogFormat

_DICTIONARY = PairLayout(
    lazy_pattern(r"\bepoch (?P<epoch>\d{1,9})(?:, step (?P<step>\d{1,12}))?(?=: \{')"),
    lazy_pattern(rf"'([\w/ -]{{1,60}})': (?:(?:np|numpy)\.\w{{1,12}}\()?({NUMBER})"),
)
_PERPLEXITY = PairLayout(
    lazy_pattern(
        rf"\bepoch (?P<epoch>\d{{1,9}})(?:, step \d{{1,12}})?: perplexity: (?P<eval_perplexity>{NUMBER}) eval_loss: "
        rf"(?:tensor\()?(?P<eval_loss>{NUMBER})"
    )
)
_PEFT = PairLayout(
    lazy_pattern(r"\bepoch=(?P<epoch>\d{1,9}): (?=train_ppl=)"),
    lazy_pattern(rf"\b(train_ppl|train_epoch_loss|eval_ppl|eval_epoch_loss)={WRAPPED}"),
    {
        "train_ppl": Field("perplexity"),
        "train_epoch_loss": Field("loss"),
        "eval_ppl": Field("eval_perplexity"),
        "eval_epoch_loss": Field("eval_loss"),
    },
)


def read_evaluation(text: str) -> dict[str, float] | None:
    """Read the metrics that an example prints after an epoch.

    Example:
        >>> read_evaluation("epoch 1: {'accuracy': 0.75, 'f1': 0.5}")
        {'epoch': 1.0, 'eval_accuracy': 0.75, 'eval_f1': 0.5}
    """
    values = _DICTIONARY.read(text)
    if not values or len(values) < 2:
        return None
    return values if "loss" in values else as_eval(values)


ACCELERATE = LogFormat(
    name="accelerate",
    title="accelerate and peft example scripts",
    source="accelerate/examples/nlp_example.py; transformers/examples/pytorch/*_no_trainer.py; peft/examples",
    samples=(
        ("epoch 2: {'accuracy': 0.8125, 'f1': 0.875}", {"epoch": 2.0, "eval_accuracy": 0.8125, "eval_f1": 0.875}),
        (
            "INFO - __main__ - epoch 0: perplexity: 12.5 eval_loss: 2.5257",
            {"epoch": 0.0, "eval_perplexity": 12.5, "eval_loss": 2.5257},
        ),
        (
            "epoch=1: train_ppl=tensor(3.5000, device='cuda:0') train_epoch_loss=tensor(1.2528, device='cuda:0') "
            "eval_ppl=tensor(4., device='cuda:0') eval_epoch_loss=tensor(1.3863, device='cuda:0')",
            {"epoch": 1.0, "perplexity": 3.5, "loss": 1.2528, "eval_perplexity": 4.0, "eval_loss": 1.3863},
        ),
    ),
    markers=(b": {'", b" eval_loss: ", b"train_epoch_loss="),
    read=first_of(read_evaluation, _PERPLEXITY.read, _PEFT.read),
)
