"""fairseq: its simple log format."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import NUMBER, Field, LineReader, PairLayout, as_eval, read_pairs, reading_alone
from tools.log_formats.record import LogFormat

_NAMES = {
    "num_updates": Field("step"),
    "train_num_updates": Field("step"),
    "valid_num_updates": Field("step"),
    "update": None,
    "wall": None,
    "train_wall": None,
    "gnorm": Field("grad_norm"),
    "train_gnorm": Field("grad_norm"),
    "loss_scale": Field("loss_scale"),
    "train_loss_scale": Field("loss_scale"),
    "train_loss": Field("loss"),
    "train_lr": Field("learning_rate"),
    "valid_loss": Field("loss"),
    "valid_ppl": Field("perplexity"),
    "train_ppl": Field("perplexity"),
    "epoch": None,
}
_INNER = PairLayout(
    lazy_pattern(r"\bepoch (?P<epoch>\d{3,9}): {1,12}\d{1,12} / \d{1,12}(?= \w{1,30}=)"),
    lazy_pattern(rf"[ ,] {{0,2}}([a-z][\w.]{{0,40}})=({NUMBER})(?=[, ]|$|\[)"),
    _NAMES,
    frozenset({"loss"}),
)
_TOTAL = lazy_pattern(
    r"\| (train|valid|[\w-]{1,20}) \| epoch (\d{3,9})(?: \| valid on '[^']{1,60}' subset)?(?= \| loss )"
)
_TOTAL_PAIR = lazy_pattern(rf"\| ([a-z][\w.]{{0,40}}) ({NUMBER})(?= \||\s{{0,4}}$|\[)")


class _FairseqReader:
    """An epoch's total repeats, as a mean, what its inner lines said: it counts only where there are none."""

    def __init__(self) -> None:
        self._has_inner = False

    def __call__(self, text: str) -> dict[str, float] | None:
        values = _INNER.read(text)
        if values:
            self._has_inner = True
            return values
        match = _TOTAL.search(text)
        if not match:
            return None
        values = {"epoch": float(match[2]), **read_pairs(_TOTAL_PAIR, _NAMES, text, match.end())}
        if match[1] == "train":
            return None if self._has_inner else values
        return as_eval(values)


def _new_reader() -> LineReader:
    return _FairseqReader()


FAIRSEQ = LogFormat(
    name="fairseq",
    title="fairseq console",
    source="fairseq/logging/progress_bar.py SimpleProgressBar",
    samples=(
        (
            "2023-04-05 06:07:08 | INFO | train_inner | epoch 003:     50 / 400 loss=7.25, nll_loss=6.5, ppl=90.51, "
            "wps=12500.5, "
            "ups=2.5, wpb=5000, bsz=128, num_updates=850, lr=0.0002125, gnorm=1.75, loss_scale=64, train_wall=20, "
            "wall=400",
            {
                "epoch": 3.0,
                "step": 850.0,
                "loss": 7.25,
                "nll_loss": 6.5,
                "perplexity": 90.51,
                "tokens_per_second": 12500.5,
                "ups": 2.5,
                "wpb": 5000.0,
                "bsz": 128.0,
                "learning_rate": 0.0002125,
                "grad_norm": 1.75,
                "loss_scale": 64.0,
            },
        ),
        (
            "2023-04-05 06:17:08 | INFO | valid | epoch 003 | valid on 'valid' subset | loss 6.75 | nll_loss 6.125 | "
            "ppl "
            "69.79 | wps 40000 | wpb 2500 | bsz 64 | num_updates 1200 | best_loss 6.75",
            {
                "epoch": 3.0,
                "step": 1200.0,
                "eval_loss": 6.75,
                "eval_nll_loss": 6.125,
                "eval_perplexity": 69.79,
                "eval_tokens_per_second": 40000.0,
                "eval_wpb": 2500.0,
                "eval_bsz": 64.0,
                "eval_best_loss": 6.75,
            },
        ),
    ),
    markers=(b" loss=", b"| loss "),
    read=reading_alone(_new_reader),
    new_reader=_new_reader,
)
