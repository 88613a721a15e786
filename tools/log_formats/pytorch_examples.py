"""Formats that example scripts made common: the PyTorch examples and tutorials, torchvision's and timm's meters."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.epoch_steps import EpochSteps
from tools.log_formats.pairs import NUMBER, UNIT, Field, LineReader, read_pairs, reading_alone, to_number
from tools.log_formats.record import LogFormat

_SAMPLES = lazy_pattern(
    r"\bTrain Epoch: ?(\d{1,9}) ?\[ {0,8}(\d{1,12})/ ?(\d{1,12})(?: \( ?\d{1,3}(?:\.\d{1,4})?%\))"
    r"?\](?:[\s,:|]{1,4}(?:Train )?| [^\n]{1,200}? )[lL]oss:? {0,3}"
    rf"({NUMBER})"
)
_TUTORIAL = lazy_pattern(rf"\[(\d{{1,9}}), {{1,8}}(\d{{1,12}})\] loss: ({NUMBER})")
_TEST_SET = lazy_pattern(
    rf"\b(?:Test|Validation|Val) set: (?:Average|Avg\.?) loss: ({NUMBER})"
    rf"(?:, Accuracy: [\d.]{{1,12}}/\d{{1,12}} \(({NUMBER})%\))?"
)


class _ExampleReader:
    """The classic example prints samples, not steps: they tell the place within the epoch."""

    def __init__(self) -> None:
        self._epochs, self._steps = EpochSteps(), EpochSteps()
        self._epoch: dict[str, float] = {}

    def __call__(self, text: str) -> dict[str, float] | None:
        match = _SAMPLES.search(text)
        if match:
            seen, total = to_number(match[2]), max(1.0, to_number(match[3]))
            passed = self._epochs.run_step(to_number(match[1]), seen / total, 1.0)
            self._epoch = {"epoch": to_number(match[1])}
            return {"epoch": passed, "samples": seen, "loss": to_number(match[4])}
        match = _TEST_SET.search(text)
        if match:
            found = {**self._epoch, "eval_loss": to_number(match[1])}
            return {**found, "eval_accuracy": to_number(match[2])} if match[2] else found
        match = _TUTORIAL.search(text)
        if match:
            return self._steps.place(dict(zip(("epoch", "step", "loss"), map(to_number, match.groups()), strict=True)))
        return None


def _new_example_reader() -> LineReader:
    return _ExampleReader()


PYTORCH_EXAMPLES = LogFormat(
    name="pytorch_examples",
    title="PyTorch examples and tutorials",
    source="pytorch/examples/mnist/main.py; pytorch/tutorials/beginner_source/blitz/cifar10_tutorial.py",
    samples=(
        (
            "Train Epoch: 2 [16000/64000 (25%)]\tLoss: 0.375000",
            {"epoch": 1.25, "samples": 16000.0, "loss": 0.375},
        ),
        (
            "Train Epoch: 0 [  512/8192 (6%)] Data (t): 0.100 Batch (t): 1.250, 200.5/s, LR: 0.0005, Loss: 2.25 (2.50)",
            {"epoch": 0.0625, "samples": 512.0, "loss": 2.25},
        ),
        (
            "Test set: Average loss: 0.0625, Accuracy: 9750/10000 (98%)",
            {"eval_loss": 0.0625, "eval_accuracy": 98.0},
        ),
        ("[1,  4000] loss: 1.875", {"epoch": 1.0, "step": 4000.0, "loss": 1.875}),
    ),
    markers=(b"Loss: ", b" loss: ", b"\tloss"),
    read=reading_alone(_new_example_reader),
    new_reader=_new_example_reader,
)

_METER_HEAD = lazy_pattern(
    r"(?<!Train )\b(Epoch|Train|Test|Val|Eval|Iter)\w{0,8}: {0,2}(?:\[ {0,6}(\d{1,9})(?:/ ?(\d{1,9}))?\] {0,3})"
    r"?(?:(\d{1,9}) )?"
    r"\[ {0,9}(\d{1,12})/ ?(\d{1,12})(?: \( {0,3}\d{1,3}%\))?\](?=[\s:]{1,4}\w)"
)
_METER_PAIR = lazy_pattern(
    rf"[\s:]([A-Za-z][\w@]{{0,30}}(?: mem)?):? {{1,4}}({NUMBER}){UNIT}(?= {{0,3}}\( ?{NUMBER}\)|\s|$|,|\[)"
)
_METER_NAMES = {
    "Loss": Field("loss"),
    "loss": Field("loss"),
    "closs": Field("loss"),
    "LR": Field("learning_rate"),
    "time": Field("step_seconds"),
    "Time": Field("step_seconds"),
    "data": Field("data_seconds"),
    "Data": Field("data_seconds"),
    "max mem": Field("memory_bytes", "MB"),
    "mem": Field("memory_bytes", "MB"),
    "eta": None,
}


class _MeterReader:
    """A meter shows the value of the step and, in brackets, the mean; evaluations count only when they are through."""

    def __init__(self) -> None:
        self._steps = EpochSteps()
        self._place: dict[str, float] = {}

    def __call__(self, text: str) -> dict[str, float] | None:
        head = _METER_HEAD.search(text) if ": [" in text or "Train: " in text else None
        if not head:
            return None
        kind, bracketed, num_epochs, bare, step, total = head.groups()
        if kind not in ("Epoch", "Train", "Iter"):
            return None
        values = read_pairs(_METER_PAIR, _METER_NAMES, text, head.end() - 1)
        epoch = bracketed or bare
        if "loss" not in values or epoch is None:
            return None
        values |= {"epoch": float(epoch), "step": float(step), "total_steps": float(total)}
        if num_epochs:
            values["num_epochs"] = float(num_epochs)
        return self._steps.place(values)


def _new_meter_reader() -> LineReader:
    return _MeterReader()


METERS = LogFormat(
    name="meters",
    title="torchvision, timm, DeiT, MAE or Swin meters",
    source="torchvision/references/classification/utils.py; pytorch/examples/imagenet; timm/train.py",
    samples=(
        (
            "Epoch: [0]  [ 200/5000]  eta: 1:20:00  lr: 0.000125  loss: 6.2500 (6.5000)  time: 0.5000  data: 0.0125  "
            "max mem: 8192",
            {
                "learning_rate": 0.000125,
                "loss": 6.25,
                "step_seconds": 0.5,
                "data_seconds": 0.0125,
                "memory_bytes": 8.0 * 2**30,
                "epoch": 0.0,
                "step": 200.0,
            },
        ),
        (
            "Epoch: [1][ 100/2000]\tTime  0.250 ( 0.300)\tData  0.010 ( 0.020)\tLoss 5.5000e+00 (5.7500e+00)\tAcc@1  "
            "12.50 ( 11.00)",
            {
                "step_seconds": 0.25,
                "data_seconds": 0.01,
                "loss": 5.5,
                "Acc@1": 12.5,
                "epoch": 1.0,
                "step": 100.0,
            },
        ),
        (
            "Train: 0 [  50/1000 (  5%)]  Loss: 6.875 (6.90)  Time: 0.500s, 256.00/s  LR: 1.000e-05  Data: 0.010 "
            "(0.020)",
            {
                "loss": 6.875,
                "step_seconds": 0.5,
                "learning_rate": 1e-5,
                "data_seconds": 0.01,
                "epoch": 0.0,
                "step": 50.0,
            },
        ),
        (
            "Train: [2/300][10/1000]\teta 1:00:00 lr 0.000500\ttime 0.2500 (0.3000)\tloss 4.5000 (4.6250)\tgrad_norm "
            "1.2500 "
            "(1.5000)\tmem 4096MB",
            {
                "learning_rate": 0.0005,
                "step_seconds": 0.25,
                "loss": 4.5,
                "grad_norm": 1.25,
                "memory_bytes": 4.0 * 2**30,
                "epoch": 2.0,
                "step": 1010.0,
                "total_steps": 300000.0,
            },
        ),
    ),
    markers=(b"oss: ", b"oss "),
    read=reading_alone(_new_meter_reader),
    new_reader=_new_meter_reader,
)
