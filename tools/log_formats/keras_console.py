"""Keras: its progress bar, old and new, and one line an epoch (verbose=2)."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.epoch_steps import EpochSteps
from tools.log_formats.pairs import NUMBER, LineReader, read_pairs, reading_alone
from tools.log_formats.record import LogFormat

_EPOCH = lazy_pattern(r"(?:^|[\s>:])Epoch (\d{1,9})/(\d{1,9})\s{0,4}(?:$|\d)")
_BAR = lazy_pattern(
    r"(?<![\d/])(\d{1,12})/(\d{1,12}) {1,4}(?:\[[=>.]{3,80}\]|━[━ \u2578\u257a]{3,80}|(?=- \d))"
    r"[^\n|]{0,60}? - (?=[a-z]\w{0,60}: )"
)
_PAIR = lazy_pattern(rf"- ([a-zA-Z]\w{{0,60}}): ({NUMBER})")


class _KerasReader:
    """The epoch stands on a line above its bar; a bar's numbers are means over the epoch so far."""

    def __init__(self) -> None:
        self._steps = EpochSteps()
        self._epoch: dict[str, float] = {}

    def __call__(self, text: str) -> dict[str, float] | None:
        header = _EPOCH.search(text)
        if header:
            self._epoch = {"epoch": float(header[1]), "num_epochs": float(header[2])}
        text = text.rpartition("\b")[2]
        bar = _BAR.search(text)
        if not bar:
            return None
        metrics = read_pairs(_PAIR, {}, text, bar.end() - 2)
        if "loss" not in metrics and "eval_loss" not in metrics:
            return None
        return self._steps.place({**self._epoch, "step": float(bar[1]), "total_steps": float(bar[2]), **metrics})


def _new_reader() -> LineReader:
    return _KerasReader()


KERAS = LogFormat(
    name="keras",
    title="Keras progress bar",
    source="keras/src/utils/progbar.py Progbar.update",
    samples=(
        (
            "20/80 ━━━━━━━━━━━━━━━━━━━━ 0:45 750ms/step - accuracy: 0.5000 - loss: 1.8750",
            {"step": 20.0, "total_steps": 80.0, "accuracy": 0.5, "loss": 1.875},
        ),
        (
            "Epoch 2/5\n80/80 [==============================] - 9s 112ms/step - loss: 1.2500 - accuracy: 0.6250 - "
            "val_loss: "
            "1.3750 - val_accuracy: 0.5625",
            {
                "epoch": 2.0,
                "step": 160.0,
                "total_steps": 400.0,
                "loss": 1.25,
                "accuracy": 0.625,
                "eval_loss": 1.375,
                "eval_accuracy": 0.5625,
            },
        ),
        (
            "Epoch 1/5\n80/80 - 9s - loss: 2.5000 - val_loss: 2.6250 - 9s/epoch - 112ms/step",
            {"epoch": 1.0, "step": 80.0, "total_steps": 400.0, "loss": 2.5, "eval_loss": 2.625},
        ),
        (
            "Epoch 1/5\n10/80 [==>...........................] - ETA: 1:10 - loss: nan",
            {"epoch": 1.0, "step": 10.0, "total_steps": 400.0, "loss": float("nan")},
        ),
    ),
    markers=(b"oss: ", b"Epoch "),
    read=reading_alone(_new_reader),
    new_reader=_new_reader,
)
