"""PaddleNLP, and MindSpore with MindFormers."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.epoch_steps import EpochSteps
from tools.log_formats.pairs import NUMBER, UNIT, Field, LineReader, PairLayout, first_of, reading_alone
from tools.log_formats.record import LogFormat

_PADDLE_PAIR = lazy_pattern(rf"(?:^|[ ,]) {{0,2}}([a-z]\w{{0,60}}): ({NUMBER})(?=,|\s|$|\[)")
_PADDLE_NAMES = {
    "progress_or_epoch": Field("epoch"),
    "interval_runtime": None,
    "current_memory_allocated": None,
    "max_memory_allocated": Field("memory_bytes", "GB"),
    "interval_tokens_per_second_per_device": Field("tokens_per_second"),
}
PADDLENLP = LogFormat(
    name="paddlenlp",
    title="PaddleNLP console",
    source="paddlenlp/trainer/trainer_callback.py LoggerCallback.on_log; paddlenlp/examples",
    samples=(
        (
            "[2024-06-07 08:09:10,123] [    INFO] - loss: 1.75, learning_rate: 2e-05, global_step: 30, "
            "interval_samples_per_second: 12.5, interval_steps_per_second: 0.75, ppl: 5.75, progress_or_epoch: 0.125",
            {
                "loss": 1.75,
                "learning_rate": 2e-5,
                "step": 30.0,
                "interval_samples_per_second": 12.5,
                "interval_steps_per_second": 0.75,
                "perplexity": 5.75,
                "epoch": 0.125,
            },
        ),
        (
            "[2024-06-07 08:09:10,123] [    INFO] - eval_loss: 1.625, eval_accuracy: 0.75, eval_runtime: 4.5, "
            "progress_or_epoch: 1.0",
            {"eval_loss": 1.625, "eval_accuracy": 0.75, "eval_runtime": 4.5, "epoch": 1.0},
        ),
        (
            "global step 40/600, epoch: 1, batch: 40, rank_id: 0, loss: 0.875000, lr: 0.0000200000, speed: 1.5000 "
            "step/s",
            {
                "step": 40.0,
                "total_steps": 600.0,
                "epoch": 1.0,
                "batch": 40.0,
                "loss": 0.875,
                "learning_rate": 2e-5,
                "speed": 1.5,
            },
        ),
    ),
    markers=(b"loss: ",),
    read=first_of(
        PairLayout(
            lazy_pattern(r"\bglobal step (?P<step>\d{1,12})(?:/(?P<total_steps>\d{1,12}))?(?=, )"),
            _PADDLE_PAIR,
            {"batch": Field("batch"), "rank_id": None},
            frozenset({"loss"}),
        ).read,
        PairLayout(
            lazy_pattern(r"(?=(?:^|[ ,])(?:loss|eval_loss): [\dni][^\n]{0,600}, (?:global_step|progress_or_epoch): )"),
            _PADDLE_PAIR,
            _PADDLE_NAMES,
            frozenset({"loss", "eval_loss"}),
        ).read,
    ),
)

_MINDFORMERS = PairLayout(
    lazy_pattern(
        r"\{ ?(?:Epoch:\[ {0,6}(?P<epoch>\d{1,9})/ {0,6}(?P<num_epochs>\d{1,9})\], )?step:\[ {0,12}(?P<step>\d{1,12})"
        r"/ {0,12}"
        r"(?P<total_steps>\d{1,12})\](?=, loss: )"
    ),
    lazy_pattern(rf", ([a-z][\w ]{{1,40}}): {{1,8}}\[?({NUMBER}){UNIT}"),
    {
        "per_step_time": Field("step_seconds"),
        "global_norm": Field("grad_norm"),
        "loss_scale": Field("loss_scale"),
        "train_throughput_per_npu": Field("tflops_per_device"),
        "throughput": Field("tflops_per_device"),
    },
)
_MINDSPORE = PairLayout(
    lazy_pattern(rf"\bepoch: (?P<epoch>\d{{1,9}}),? step: (?P<step>\d{{1,12}}), loss is (?:\[)?(?P<loss>{NUMBER})")
)


def _new_mindspore_reader() -> LineReader:
    steps = EpochSteps()

    def read(text: str) -> dict[str, float] | None:
        values = _MINDFORMERS.read(text) or _MINDSPORE.read(text)
        return steps.place(values) if values else None

    return read


MINDSPORE = LogFormat(
    name="mindspore",
    title="MindFormers or MindSpore console",
    source="mindformers/core/callback/callback.py MFLossMonitor; mindspore/train/callback/_loss_monitor.py",
    samples=(
        (
            "2025-05-06 07:08:09,123 - [mindformers/core/callback/callback.py:529] - INFO - { Epoch:[  2/  3], "
            "step:[   10/  "
            "200], loss: 2.125, per_step_time: 1500ms, lr: 1.5e-05, overflow cond: False, loss_scale: 1024.0, "
            "global_norm: "
            "[0.75], train_throughput_per_npu: 150.5T",
            {
                "epoch": 2.0,
                "step": 210.0,
                "total_steps": 600.0,
                "loss": 2.125,
                "step_seconds": 1.5,
                "learning_rate": 1.5e-5,
                "loss_scale": 1024.0,
                "grad_norm": 0.75,
                "tflops_per_device": 150.5e12,
            },
        ),
        (
            "{ step:[    3/   50], loss:  9.250000, per_step_time:    800ms, lr: 1.000000e-05, grad_norm:   4.500000 }",
            {
                "step": 3.0,
                "total_steps": 50.0,
                "loss": 9.25,
                "step_seconds": 0.8,
                "learning_rate": 1e-5,
                "grad_norm": 4.5,
            },
        ),
        ("epoch: 1 step: 30, loss is 1.875", {"epoch": 1.0, "step": 30.0, "loss": 1.875}),
    ),
    markers=(b"], loss: ", b", loss is "),
    read=reading_alone(_new_mindspore_reader),
    new_reader=_new_mindspore_reader,
)
