"""Libraries in plain PyTorch: torchtune, torchtitan (and lingua), LitGPT, picotron."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import NUMBER, UNIT, Field, LineReader, PairLayout, first_of, reading_alone, to_number
from tools.log_formats.record import LogFormat

TORCHTUNE = LogFormat(
    name="torchtune",
    title="torchtune disk log or progress bar",
    source="torchtune/training/metric_logging.py; recipes/lora_finetune_single_device.py",
    samples=(
        (
            "Step 20 | loss:1.53125 lr:1e-05 grad_norm:0.75 tokens_per_second_per_gpu:950.5 peak_memory_active:13.5 "
            "peak_memory_alloc:13.25 peak_memory_reserved:15 ",
            {
                "step": 20.0,
                "loss": 1.53125,
                "learning_rate": 1e-5,
                "grad_norm": 0.75,
                "tokens_per_second": 950.5,
                "peak_memory_active": 13.5,
                "memory_bytes": 13.25 * 2**30,
                "peak_memory_reserved": 15.0,
            },
        ),
        ("Step 40 | val_loss:1.625 ", {"step": 40.0, "eval_loss": 1.625}),
        (
            "2|61|Loss: 0.90625:  20%|██        | 61/300 [02:02<07:58,  2.00s/it]",
            {"epoch": 2.0, "step": 61.0, "loss": 0.90625},
        ),
    ),
    markers=(b"|Loss: ", b" | loss:", b" | val_loss:"),
    read=first_of(
        PairLayout(
            head=lazy_pattern(r"\bStep (?P<step>\d{1,12}) \| (?=\w{1,30}:[-\d.ni])"),
            pair=lazy_pattern(rf"(?<![^\s])([A-Za-z_][\w./-]{{0,60}}):({NUMBER})(?!\S)"),
            names={"peak_memory_alloc": Field("memory_bytes", "GiB")},
        ).read,
        PairLayout(lazy_pattern(rf"(?<!\d)(?P<epoch>\d{{1,9}})\|(?P<step>\d{{1,12}})\|Loss: (?P<loss>{NUMBER})")).read,
    ),
)

_TITAN_PAIR = lazy_pattern(rf" {{1,3}}([A-Za-z_][\w/()%-]{{0,40}}): {{0,8}}({NUMBER}){UNIT}")
_TITAN_NAMES = {
    "memory": Field("memory_bytes"),
    "end_to_end": Field("step_seconds"),
    "grad": Field("grad_norm"),
    "iter": Field("step_seconds"),
    "data": Field("data_seconds"),
}
TORCHTITAN = LogFormat(
    name="torchtitan",
    title="torchtitan or lingua step lines",
    source="torchtitan/components/metrics.py MetricsProcessor.log; lingua/apps/main/train.py",
    samples=(
        (
            "[titan] 2025-11-02 09:30:11,120 - root - INFO - step: 20  loss:  6.50000  grad_norm:  2.2500  memory:  "
            "4.50GiB(5.68%)  tps: 21,250  tflops: 88.40  mfu: 8.94%",
            {
                "step": 20.0,
                "loss": 6.5,
                "grad_norm": 2.25,
                "memory_bytes": 4.5 * 2**30,
                "tokens_per_second": 21250.0,
                "tflops": 88.4,
                "mfu": 8.94,
            },
        ),
        (
            "[titan] 2025-11-02 09:31:11,120 - root - INFO - validate step: 40  loss:  6.2500  memory:  "
            "4.25GiB(5.37%)  "
            "tps: 30,500",
            {"step": 40.0, "eval_loss": 6.25, "memory_bytes": 4.25 * 2**30, "eval_tokens_per_second": 30500.0},
        ),
        (
            "0: INFO    25-01-09 10:00:00.123456 [0:01:02] step: 30  acc: 0  loss:  8.1250  grad: 1.5e+00  flops: "
            "3.1e+14  wps: 5.5e+04  iter: 0.5  data: 0.01  lr: 3.0e-06  mem: 40%  pow: 450 W",
            {
                "step": 30.0,
                "acc": 0.0,
                "loss": 8.125,
                "grad_norm": 1.5,
                "flops": 3.1e14,
                "tokens_per_second": 5.5e4,
                "step_seconds": 0.5,
                "data_seconds": 0.01,
                "learning_rate": 3e-6,
                "mem": 40.0,
                "pow": 450.0,
            },
        ),
    ),
    markers=(b"  loss: ",),
    read=first_of(
        PairLayout(
            lazy_pattern(r"validate step: {1,8}(?P<step>\d{1,12})(?=  )"),
            _TITAN_PAIR,
            _TITAN_NAMES,
            frozenset({"eval_loss"}),
            is_eval=True,
        ).read,
        PairLayout(
            lazy_pattern(r"(?<!validate )\bstep: {1,8}(?P<step>\d{1,12})(?=  \w)"),
            _TITAN_PAIR,
            _TITAN_NAMES,
            frozenset({"loss"}),
        ).read,
    ),
)

PICOTRON = LogFormat(
    name="picotron",
    title="picotron step lines",
    source="picotron/train.py",
    samples=(
        (
            "[rank 0] Step: 5     | Loss: 9.7500 | Global batch size:  65.5K | Tokens/s:  21.5K | Tokens/s/GPU:   5.5K "
            "| Tokens: 327.7K | MFU: 31.25% | Memory usage:  12.50GB",
            {
                "step": 5.0,
                "loss": 9.75,
                "Global_batch_size": 65500.0,
                "tokens_per_second": 21500.0,
                "Tokens/s/GPU": 5500.0,
                "Tokens": 327700.0,
                "mfu": 31.25,
                "memory_bytes": 12.5 * 2**30,
            },
        ),
        (
            "[rank 0] Step: 6     | Loss: nan | Global batch size:  65.5K | Tokens/s:  20.0K",
            {"step": 6.0, "loss": float("nan"), "Global_batch_size": 65500.0, "tokens_per_second": 20000.0},
        ),
    ),
    markers=(b"| Loss: ",),
    read=PairLayout(
        lazy_pattern(r"\bStep: (?P<step>\d{1,12}) {0,8}(?=\| Loss: )"),
        lazy_pattern(rf"\| ([A-Za-z][\w /]{{0,40}}): {{1,8}}({NUMBER}){UNIT}"),
        {"Memory usage": Field("memory_bytes"), "MFU": Field("mfu")},
    ).read,
)

_LITGPT_TRAIN = PairLayout(
    lazy_pattern(
        r"(?:\bEpoch (?P<epoch>\d{1,9}) \| )?\biter (?P<iter>\d{1,12})(?: step (?P<step>\d{1,12}))?(?: \||:) "
        rf"loss(?: train:)? (?P<loss>{NUMBER})(?=,)"
    ),
    lazy_pattern(rf"\b(iter time|time): ({NUMBER}) ?(ms|s)\b"),
    {"iter time": Field("step_seconds"), "time": Field("step_seconds")},
)
_LITGPT_SHOWN = lazy_pattern(rf"\bloss train: {NUMBER}, val: ({NUMBER}) \|")
_LITGPT_EVAL = lazy_pattern(
    rf"\b(?:iter (\d{{1,12}}): |step (\d{{1,12}}): |Final evaluation \| )val loss:? ({NUMBER})(?:[,.] val time| \|"
    rf" val ppl)"
)


class _LitGptReader:
    """LitGPT counts evaluations in micro-batches: their step is that of the last training line.

    Its rows repeat the last one, rounded: that counts only where the evaluation's own line is not in the log.
    """

    def __init__(self) -> None:
        self._step: float | None = None
        self._has_evals = False
        self._shown = ""

    def __call__(self, text: str) -> dict[str, float] | None:
        values = _LITGPT_TRAIN.read(text)
        if values:
            if "step_seconds" not in values:
                return None
            values.setdefault("step", values["iter"])
            self._step = values["step"]
            shown = None if self._has_evals else _LITGPT_SHOWN.search(text)
            if shown is None or shown[1] == self._shown:
                return values
            self._shown = shown[1]
            return {**values, "eval_loss": to_number(shown[1])}
        match = _LITGPT_EVAL.search(text)
        if not match:
            return None
        self._has_evals = True
        step = to_number(match[2]) if match[2] else self._step
        found = {"eval_loss": to_number(match[3])}
        return found if step is None else {"step": step, **found}


def _new_litgpt_reader() -> LineReader:
    return _LitGptReader()


LITGPT = LogFormat(
    name="litgpt",
    title="LitGPT, lit-gpt or lit-llama console",
    source="litgpt/finetune/lora.py fit; lit-gpt/finetune/lora.py train",
    samples=(
        (
            "Epoch 2 | iter 64 step 8 | loss train: 0.875, val: 1.012 | iter time: 250.00 ms (step)",
            {"epoch": 2.0, "iter": 64.0, "step": 8.0, "loss": 0.875, "step_seconds": 0.25, "eval_loss": 1.012},
        ),
        (
            "iter 31 step 15: loss 2.2500, iter time: 400.50ms (optimizer.step)",
            {"iter": 31.0, "step": 15.0, "loss": 2.25, "step_seconds": 0.4005},
        ),
        ("iter 7: loss 1.7500, time: 1000.00ms", {"iter": 7.0, "step": 7.0, "loss": 1.75, "step_seconds": 1.0}),
        ("iter 800: val loss 1.1250, val time: 6543.21 ms", {"eval_loss": 1.125}),
        ("step 100: val loss 1.2500, val time: 2000.00ms", {"step": 100.0, "eval_loss": 1.25}),
        (
            "Epoch 2 | iter 64 step 8 | loss train: 0.875, val: 1.012 | iter time: 250.00 ms (step)\n"
            "iter 64: val loss 1.0120, val time: 300.00 ms",
            {"step": 8.0, "eval_loss": 1.012},
        ),
    ),
    markers=(b"loss train: ", b": loss ", b": val loss ", b"| val loss: "),
    read=reading_alone(_new_litgpt_reader),
    new_reader=_new_litgpt_reader,
)
