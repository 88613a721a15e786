"""llama-recipes (llama-cookbook)."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.epoch_steps import EpochSteps
from tools.log_formats.pairs import NUMBER, WRAPPED, LineReader, PairLayout, reading_alone, to_number
from tools.log_formats.record import LogFormat

_STEP = PairLayout(
    lazy_pattern(
        r"Training Epoch: (?P<epoch>\d{1,9})/(?P<num_epochs>\d{1,9}), (?:step |batch )?(?P<step>\d{1,12})/"
        rf"(?P<total_steps>\d{{1,12}})(?:\.\d{{1,9}})? completed \(loss: (?P<loss>{NUMBER})"
    )
)
_OLD_STEP = PairLayout(
    lazy_pattern(rf"\bstep (?P<step>\d{{1,12}}) is completed and loss is (?:tensor\()?(?P<loss>{NUMBER})")
)
_EPOCH = lazy_pattern(
    rf"\bEpoch (\d{{1,9}}): train_perplexity={WRAPPED}(?:, device='\w{{1,8}}(?::\d{{1,3}})?'\))"
    rf"?, train_epoch_loss={WRAPPED}"
)
_EVAL = lazy_pattern(rf"\beval_ppl={WRAPPED}(?:, device='\w{{1,8}}(?::\d{{1,3}})?'\)|\))? eval_epoch_loss={WRAPPED}")


class _RecipesReader:
    """Evaluations stand without a step: theirs is that of the training line before."""

    def __init__(self) -> None:
        self._steps = EpochSteps()
        self._place: dict[str, float] = {}

    def __call__(self, text: str) -> dict[str, float] | None:
        values = _STEP.read(text)
        values = self._steps.place(values) if values else _OLD_STEP.read(text)
        if values:
            self._place = {name: values[name] for name in ("epoch", "step") if name in values}
            return values
        match = None if "train_ppl=" in text else _EVAL.search(text)
        if match:
            return {**self._place, "eval_perplexity": to_number(match[1]), "eval_loss": to_number(match[2])}
        match = _EPOCH.search(text)
        if match:
            place = {**self._place, "epoch": to_number(match[1])}
            return {**place, "perplexity": to_number(match[2]), "train_epoch_loss": to_number(match[3])}
        return None


def _new_reader() -> LineReader:
    return _RecipesReader()


LLAMA_RECIPES = LogFormat(
    name="llama_recipes",
    title="llama-recipes / llama-cookbook console",
    source="llama_recipes/utils/train_utils.py train, evaluation",
    samples=(
        (
            "Training Epoch: 2/3, step 10/50 completed (loss: 1.0625):  22%|██▏       | 11/50 [00:33<01:57,  3.00s/it]",
            {"epoch": 2.0, "step": 60.0, "total_steps": 150.0, "loss": 1.0625},
        ),
        (
            " eval_ppl=tensor(2.7500, device='cuda:0') eval_epoch_loss=tensor(1.0116, device='cuda:0')",
            {"eval_perplexity": 2.75, "eval_loss": 1.0116},
        ),
        (
            "Epoch 1: train_perplexity=3.2500, train_epoch_loss=1.1787, epoch time 412.5s",
            {"epoch": 1.0, "perplexity": 3.25, "train_epoch_loss": 1.1787},
        ),
        ("\n step 4 is completed and loss is 1.875", {"step": 4.0, "loss": 1.875}),
    ),
    markers=(b"(loss: ", b"epoch_loss=", b" and loss is "),
    read=reading_alone(_new_reader),
    new_reader=_new_reader,
)
