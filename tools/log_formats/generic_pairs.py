"""The last resort: a line of unknown make that names a loss, gives its number, and says where in the run it belongs."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.epoch_steps import EpochSteps
from tools.log_formats.generic_shape import Shape, find_shape
from tools.log_formats.pairs import NUMBER, LineReader, reading_alone, to_number
from tools.log_formats.record import LogFormat

MAX_LINE = 2000
MAX_SHAPES = 512

_NUMBER = lazy_pattern(NUMBER)
_TOKEN = lazy_pattern(rf"(?<![\w.])(?:{NUMBER})")
_WHOLE = lazy_pattern(r"[Ll]oss\W{1,4}\d{1,12}\s{0,4}$")

Plan = tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]
"""Which of a line's numbers are the place and which the metrics, each by name and count from the left."""


class _GenericReader:
    """Reads lines of unknown make; lines that differ in their numbers alone are looked at once.

    An evaluation that does not say its step gets that of the training line before it. Where steps are printed, a loss
    without one is the mean of an epoch, and keeps out of the way.
    """

    def __init__(self) -> None:
        self._steps = EpochSteps()
        self._plans: dict[str, Plan | None] = {}
        self._place: dict[str, float] = {}
        self._has_steps = False

    def __call__(self, text: str) -> dict[str, float] | None:
        text = text[:MAX_LINE]
        skeleton = _TOKEN.sub("#", text)
        if skeleton in self._plans:
            plan = self._plans[skeleton]
            return self._to_row(*_apply(plan, text)) if plan else None
        shape = find_shape(text)
        plan = _plan(shape, text) if shape else None
        if len(self._plans) < MAX_SHAPES and (plan or shape is None) and not _WHOLE.search(text):
            self._plans[skeleton] = plan
        return self._to_row(_read(shape.place, text), _read(shape.metrics, text)) if shape else None

    def _to_row(self, place: dict[str, float], metrics: dict[str, float]) -> dict[str, float]:
        if "step" in place and "loss" in metrics:
            self._has_steps = True
        elif "loss" in metrics and self._has_steps:
            metrics["train_epoch_loss"] = metrics.pop("loss")
        if not place:
            return {**self._place, **metrics} if "eval_loss" in metrics else metrics
        row = {**self._steps.place(place), **metrics}
        if "loss" in metrics:
            self._place = {name: row[name] for name in ("epoch", "step") if name in row}
        return row


def _read(positions: dict[str, int], text: str) -> dict[str, float]:
    found = {name: _NUMBER.match(text, position) for name, position in positions.items()}
    return {name: to_number(match[0]) for name, match in found.items() if match}


def _plan(shape: Shape, text: str) -> Plan | None:
    """Count the numbers of a line from the left; None where one of the shape's is not counted as a number."""
    counts = {match.start(): count for count, match in enumerate(_TOKEN.finditer(text))}
    if any(position not in counts for position in (*shape.place.values(), *shape.metrics.values())):
        return None
    place = tuple((name, counts[position]) for name, position in shape.place.items())
    return place, tuple((name, counts[position]) for name, position in shape.metrics.items())


def _apply(plan: Plan, text: str) -> tuple[dict[str, float], dict[str, float]]:
    numbers = _TOKEN.findall(text)
    place, metrics = plan
    return (
        {name: to_number(numbers[count]) for name, count in place},
        {name: to_number(numbers[count]) for name, count in metrics},
    )


def _new_reader() -> LineReader:
    return _GenericReader()


GENERIC_PAIRS = LogFormat(
    name="generic_pairs",
    title="console lines with a step and a loss",
    source="training scripts of all kinds",
    samples=(
        (
            "Epoch [3/10] Step [20/500] Loss: 0.5125",
            {"epoch": 3.0, "step": 1020.0, "total_steps": 5000.0, "loss": 0.5125},
        ),
        ("it 100 | loss 2.3125", {"step": 100.0, "loss": 2.3125}),
        ("[Epoch 1, Iter 10] loss=0.75 lr=0.001", {"epoch": 1.0, "step": 10.0, "loss": 0.75, "learning_rate": 0.001}),
        (
            "Epoch 3: train loss 0.4375 val loss 0.5625 acc 0.8125",
            {"epoch": 3.0, "loss": 0.4375, "eval_loss": 0.5625, "acc": 0.8125},
        ),
        (
            "Epoch 2 | Train: loss 0.5 acc 0.75 | Val: loss 0.625 acc 0.6875",
            {"epoch": 2.0, "loss": 0.5, "acc": 0.75, "eval_loss": 0.625, "eval_acc": 0.6875},
        ),
        ("Validation Epoch: 4, Loss: 0.375", {"epoch": 4.0, "eval_loss": 0.375}),
        ("Loss after epoch 5: 0.25", {"epoch": 5.0, "loss": 0.25}),
        ("loss: tensor(1.2500, device='cuda:0', grad_fn=<NllLossBackward0>)", {"loss": 1.25}),
        (
            "epoch 1 - iter 8/80 - loss 2.12500000 - time (sec): 4.50 - lr: 0.1",
            {"epoch": 1.0, "step": 8.0, "loss": 2.125, "time": 4.5, "learning_rate": 0.1},
        ),
    ),
    markers=(b"oss", b"OSS", b"ppl", b"PPL", b"erplexity", b"nll", b"NLL", b"eward", b"cost="),
    read=reading_alone(_new_reader),
    new_reader=_new_reader,
)
