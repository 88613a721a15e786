"""The small GPT trainers: nanoGPT, nanochat, llm.c and build-nanogpt, modded-nanogpt."""

import math

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import (
    NUMBER,
    UNIT,
    Field,
    LineReader,
    PairLayout,
    first_of,
    reading_alone,
    scale,
    to_number,
)
from tools.log_formats.record import LogFormat

_NANOGPT_TRAIN = PairLayout(
    lazy_pattern(rf"\biter (?P<step>\d{{1,12}}): loss (?P<loss>{NUMBER})(?: BPC)?(?=, time [\d.]{{1,20}} ?m?s)"),
    lazy_pattern(rf"\b(time|mfu) ({NUMBER})(ms|s)?"),
    {"time": Field("step_seconds")},
)
_NANOGPT_EVAL = PairLayout(
    lazy_pattern(
        rf"\bstep:? (?P<step>\d{{1,12}})[:,] train loss:? (?P<eval_train_loss>{NUMBER})(?: BPC)?, "
        rf"val(?:id)? loss:? (?P<eval_loss>{NUMBER})"
    )
)
NANOGPT = LogFormat(
    name="nanogpt",
    title="nanoGPT console",
    source="nanoGPT/train.py",
    samples=(
        (
            "iter 40: loss 3.1250, time 80.50ms, mfu 21.75%",
            {"step": 40.0, "loss": 3.125, "step_seconds": 0.0805, "mfu": 21.75},
        ),
        (
            "step 500: train loss 1.8750, val loss 2.0625",
            {"step": 500.0, "eval_train_loss": 1.875, "eval_loss": 2.0625},
        ),
        (
            "iter 0: loss nan BPC, time 900.00ms, mfu -100.00%",
            {"step": 0.0, "loss": math.nan, "step_seconds": 0.9, "mfu": -100.0},
        ),
    ),
    markers=(b": loss ", b" train loss "),
    read=first_of(_NANOGPT_TRAIN.read, _NANOGPT_EVAL.read),
)

_NANOCHAT_NAMES = {
    "Training loss": Field("loss"),
    "Validation loss": Field("eval_loss"),
    "Validation bpb": Field("eval_bpb"),
}
NANOCHAT = LogFormat(
    name="nanochat",
    title="nanochat console",
    source="nanochat/scripts/base_train.py, chat_sft.py",
    samples=(
        (
            "step 00030/02000 (1.50%) | loss: 7.250000 | lrm: 0.75 | dt: 410.50ms | tok/sec: 1,250,500 | mfu: 42.50 | "
            "total time: 0.21m",
            {
                "step": 30.0,
                "total_steps": 2000.0,
                "loss": 7.25,
                "lrm": 0.75,
                "step_seconds": 0.4105,
                "tokens_per_second": 1250500.0,
                "mfu": 42.5,
                "total_time": 0.21,
            },
        ),
        ("Step 00250 | Validation bpb: 1.1250", {"step": 250.0, "eval_bpb": 1.125}),
        (
            "Step 00012/00300 | Training loss: 1.4375| lrm: 0.96| num_tokens: 12,345",
            {"step": 12.0, "total_steps": 300.0, "loss": 1.4375, "lrm": 0.96, "num_tokens": 12345.0},
        ),
        ("Step 00100 | Validation loss: 1.3125", {"step": 100.0, "eval_loss": 1.3125}),
    ),
    markers=(b"| loss: ", b"| Training loss: ", b"| Validation loss: ", b"| Validation bpb: "),
    read=PairLayout(
        lazy_pattern(
            r"\b[Ss]tep (?P<step>\d{5,12})(?:/(?P<total_steps>\d{1,12}))?(?: \([\d.]{1,9}%\))?"
            r"(?= \| (?:loss: |Training loss: |Validation ))"
        ),
        lazy_pattern(rf"\| ([A-Za-z][\w /]{{0,40}}): ({NUMBER}){UNIT}"),
        _NANOCHAT_NAMES,
    ).read,
)

_LLMC_TRAIN = PairLayout(
    lazy_pattern(
        rf"\bstep {{1,12}}(?P<step>\d{{1,12}})(?:/(?P<total_steps>\d{{1,12}}))? \| loss:? {{1,4}}(?P<loss>{NUMBER})"
        r"(?: \([-+\w.]{1,12}\))? ?(?=\| (?:norm|lr|val))"
    )
)
_LLMC_PAIR = lazy_pattern(rf"\| {{0,2}}\(?(?:(norm|lr|dt|tok/sec):? {{1,4}})?({NUMBER}) ?(ms|% bf16 MFU|tok/s)?")
_LLMC_NAMES = {
    "norm": Field("grad_norm"),
    "lr": Field("learning_rate"),
    "dt": Field("step_seconds", "ms"),
    "ms": Field("step_seconds", "ms"),
    "tok/sec": Field("tokens_per_second"),
    "tok/s": Field("tokens_per_second"),
    "% bf16 MFU": Field("mfu"),
}
_LLMC_EVAL = lazy_pattern(rf"(?:^|[\]>:)-] {{0,2}})val(?:idation)? loss:? {{1,4}}({NUMBER})\s{{0,4}}(?:$|\[)")


class _LlmcReader:
    """llm.c prints evaluations without their step: it is that of the training line before."""

    def __init__(self) -> None:
        self._step = 0.0

    def __call__(self, text: str) -> dict[str, float] | None:
        values = _LLMC_TRAIN.read(text)
        if values:
            self._step = values["step"]
            for name, number, unit in _LLMC_PAIR.findall(text):
                target = _LLMC_NAMES.get(name or unit)
                if target:
                    values[target.name] = scale(target.name, to_number(number), target.unit)
            return values
        match = _LLMC_EVAL.search(text)
        return {"step": self._step, "eval_loss": to_number(match[1])} if match else None


def _new_llmc_reader() -> LineReader:
    return _LlmcReader()


LLM_C = LogFormat(
    name="llm_c",
    title="llm.c or build-nanogpt console",
    source="llm.c/train_gpt2.cu, train_gpt2.py; build-nanogpt/train_gpt2.py",
    samples=(
        (
            "step   20/19560 | loss 7.250000 (+0.50z)| norm 1.7500 (-1.25z)| lr 1.71e-05 | 325.50 ms | 55.5% bf16 "
            "MFU | "
            "1600000 tok/s",
            {
                "step": 20.0,
                "total_steps": 19560.0,
                "loss": 7.25,
                "grad_norm": 1.75,
                "learning_rate": 1.71e-5,
                "step_seconds": 0.3255,
                "mfu": 55.5,
                "tokens_per_second": 1600000.0,
            },
        ),
        (
            "step     5 | loss: 9.125000 | lr 3.0000e-05 | norm: 2.5000 | dt: 350.00ms | tok/sec: 1500000.50",
            {
                "step": 5.0,
                "loss": 9.125,
                "learning_rate": 3e-5,
                "grad_norm": 2.5,
                "step_seconds": 0.35,
                "tokens_per_second": 1500000.5,
            },
        ),
        (
            "step    20/19560 | loss 7.250000 (+nanz)| norm 1.7500 (+nanz)| lr 1.71e-05 | 325.50 ms | 55.5% bf16 MFU | "
            "1600000 tok/s\nval loss 7.125000",
            {"step": 20.0, "eval_loss": 7.125},
        ),
    ),
    markers=(b" | loss", b"val loss ", b"validation loss: "),
    read=reading_alone(_new_llmc_reader),
    new_reader=_new_llmc_reader,
)

_MODDED = PairLayout(
    lazy_pattern(
        r"\bstep:(?P<step>\d{1,12})/(?P<total_steps>\d{1,12}),? (?=(?:tokens seen: ?[\d.]+M?, )?\w{0,10}_?loss:)"
    ),
    lazy_pattern(rf"\b(val_loss|train_loss|avg_train_loss|loss|step_avg|val_bpb|lr):({NUMBER}|nan(?=ms))(ms)?"),
    {"step_avg": Field("step_seconds"), "avg_train_loss": Field("loss"), "val_bpb": Field("eval_bpb")},
    frozenset({"loss", "eval_loss"}),
)


def read_modded(text: str) -> dict[str, float] | None:
    """Read a line of modded-nanogpt; a time that it prints as nan, as it does in the first steps, is no value.

    Example:
        >>> read_modded("step:0/100 val_loss:6.5 train_time:0ms step_avg:nanms")
        {'step': 0.0, 'total_steps': 100.0, 'eval_loss': 6.5}
    """
    values = _MODDED.read(text)
    if values and not math.isfinite(values.get("step_seconds", 0.0)):
        del values["step_seconds"]
    return values


MODDED_NANOGPT = LogFormat(
    name="modded_nanogpt",
    title="modded-nanogpt log",
    source="modded-nanogpt/train_gpt.py",
    samples=(
        (
            "step:250/1770 val_loss:4.5000 train_time:42500ms step_avg:170.50ms",
            {"step": 250.0, "total_steps": 1770.0, "eval_loss": 4.5, "step_seconds": 0.1705},
        ),
        (
            "step:12/9536 train_loss:7.7500 train_time:3000ms step_avg:nanms",
            {"step": 12.0, "total_steps": 9536.0, "loss": 7.75},
        ),
        (
            "step:30/1000, tokens seen:1.97M, avg_train_loss:3.5000 time:43/nans step_avg:nanms",
            {"step": 30.0, "total_steps": 1000.0, "loss": 3.5},
        ),
    ),
    markers=(b"_loss:",),
    read=read_modded,
)
