"""XTuner and what else logs through mmengine or mmcv."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.epoch_steps import EpochSteps
from tools.log_formats.pairs import NUMBER, UNIT, Field, LineReader, PairLayout, as_eval, reading_alone
from tools.log_formats.record import LogFormat

_NAMES = {
    "time": Field("step_seconds"),
    "data_time": Field("data_seconds"),
    "memory": Field("memory_bytes", "MB"),
    "max_memory": Field("memory_bytes"),
    "eta": None,
    "total_loss": Field("local_loss"),
    "loss(reduced)": Field("loss"),
    "reduced_llm_loss": Field("loss"),
    "reduced_loss": Field("loss"),
    "loss": Field("loss"),
}
_PAIR = lazy_pattern(rf"(?:[\s,]|^)([A-Za-z_][\w/.()@-]{{0,40}}): {{1,4}}({NUMBER}){UNIT}(?![:\d])")
_MMENGINE = PairLayout(
    lazy_pattern(
        r"\b(?:Iter|Epoch)\((?:train|val|test)\) {1,4}(?:\[(?P<epoch>\d{1,9})\])?\[ {0,12}(?P<step>\d{1,12})/ {0,12}"
        r"(?P<total_steps>\d{1,12})\]"
    ),
    _PAIR,
    _NAMES,
)
_MMCV = PairLayout(
    lazy_pattern(
        r"\bEpoch \[(?P<epoch>\d{1,9})\]\[ {0,12}(?P<step>\d{1,12})/(?P<total_steps>\d{1,12})\](?=\s{1,4}lr: )"
    ),
    _PAIR,
    _NAMES,
)
_XTUNER = PairLayout(
    lazy_pattern(
        r"(?:\(Epoch (?P<epoch>\d{1,9})\) )?\bStep {1,4}(?P<step>\d{1,12})/(?P<total_steps>\d{1,12})"
        r"(?= {1,4}\w{1,20}: [^\n]{0,400}\b(?:tgs|text_tokens): )"
    ),
    _PAIR,
    _NAMES,
    frozenset({"loss"}),
)


class _MmReader:
    """Counts the steps of a log whose lines give the place within an epoch."""

    def __init__(self) -> None:
        self._steps = EpochSteps()
        self._step: float | None = None

    def __call__(self, text: str) -> dict[str, float] | None:
        values = _MMENGINE.read(text)
        if values and ("(val)" in text or "(test)" in text):
            return self._evaluation(values) if "(val)" in text else None
        values = values or _MMCV.read(text)
        values = self._steps.place(values) if values else _XTUNER.read(text)
        if values:
            self._step = values["step"]
        return values

    def _evaluation(self, values: dict[str, float]) -> dict[str, float] | None:
        """Only the last line of an evaluation holds its metrics; its step is that of the last training line."""
        metrics = {
            name: value
            for name, value in as_eval(values).items()
            if name.startswith("eval_") and name != "eval_data_seconds"
        }
        return (metrics and ({"step": self._step, **metrics} if self._step is not None else metrics)) or None


def _new_reader() -> LineReader:
    return _MmReader()


OPENMMLAB = LogFormat(
    name="openmmlab",
    title="XTuner / mmengine / mmcv console",
    source="mmengine/hooks/logger_hook.py; mmengine/runner/log_processor.py; xtuner/v1/train/trainer.py",
    samples=(
        (
            "04/12 09:30:21 - mmengine - INFO - Iter(train) [  40/1500]  lr: 1.5e-04  eta: 0:48:40  time: 2.0000  "
            "data_time: "
            "0.0125  memory: 12000  loss: 1.1250  grad_norm: nan",
            {
                "step": 40.0,
                "total_steps": 1500.0,
                "learning_rate": 1.5e-4,
                "step_seconds": 2.0,
                "data_seconds": 0.0125,
                "memory_bytes": 12000.0 * 2**20,
                "loss": 1.125,
                "grad_norm": float("nan"),
            },
        ),
        (
            "2025/04/12 09:30:21 - mmengine - INFO - Epoch(train) [2][ 50/200]  lr: 1.0000e-03  eta: 0:10:00  time: "
            "0.5000  "
            "data_time: 0.0100  memory: 2048  loss: 0.7500",
            {
                "epoch": 2.0,
                "step": 250.0,
                "learning_rate": 1e-3,
                "step_seconds": 0.5,
                "data_seconds": 0.01,
                "memory_bytes": 2.0 * 2**30,
                "loss": 0.75,
            },
        ),
        (
            "2022-03-01 10:00:00,123 - mmcls - INFO - Epoch [1][100/1000]\tlr: 1.000e-02, eta: 1:00:00, time: 0.250, "
            "data_time: "
            "0.005, memory: 1024, loss: 2.5000",
            {
                "epoch": 1.0,
                "step": 100.0,
                "learning_rate": 0.01,
                "step_seconds": 0.25,
                "data_seconds": 0.005,
                "memory_bytes": 2.0**30,
                "loss": 2.5,
            },
        ),
        (
            "[XTuner][RANK 0][2025-08-01 10:00:00][INFO] [Train] (Epoch 1) Step 5/120  lr: 0.000010  loss: 1.500  "
            "loss(reduced): 1.250  grad_norm: 2.00  max_memory: 30.5GB  text_tokens: 8192.0  tgs: 950  data_time: "
            "0.02s  "
            "time: 4.00s  eta: 0:07:40",
            {
                "epoch": 1.0,
                "step": 5.0,
                "total_steps": 120.0,
                "learning_rate": 1e-5,
                "loss": 1.5,
                "grad_norm": 2.0,
                "memory_bytes": 30.5 * 2**30,
                "text_tokens": 8192.0,
                "tokens_per_second": 950.0,
                "data_seconds": 0.02,
                "step_seconds": 4.0,
            },
        ),
        (
            "04/12 09:30:21 - mmengine - INFO - Iter(train) [  40/1500]  lr: 1.5e-04  time: 2.0000  loss: 1.1250\n"
            "04/12 09:31:21 - mmengine - INFO - Iter(val) [50/50]    loss: 1.2500  data_time: 0.0020  time: 0.1000",
            {"step": 40.0, "eval_loss": 1.25},
        ),
    ),
    markers=(b" loss: ", b", loss: ", b"_loss: ", b"(val) "),
    read=reading_alone(_new_reader),
    new_reader=_new_reader,
)
