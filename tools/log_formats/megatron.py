"""Megatron-LM and what descends from it: Megatron-DeepSpeed, GPT-NeoX, GLM, MindSpeed; and NeMo 2 with NeMo-RL."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import NUMBER, UNIT, Field, PairLayout, first_of
from tools.log_formats.record import LogFormat

_NAMES = {
    "elapsed time per iteration (ms)": Field("step_seconds", "ms"),
    "elapsed time per iteration (s)": Field("step_seconds"),
    "time_per_iteration_ms": Field("step_seconds", "ms"),
    "elapsed_time_per_iteration_ms": Field("step_seconds", "ms"),
    "train_step_timing in s": Field("step_seconds"),
    "number of skipped iterations": Field("skipped_steps"),
    "number of nan iterations": Field("nan_steps"),
    "tokens per gpu per second (tgs)": Field("tokens_per_second"),
    "tokens-per-second-per-gpu": Field("tokens_per_second"),
    "tokens_per_sec_per_gpu": Field("tokens_per_second"),
    "tokens_per_sec": Field("tokens_per_second_all"),
    "loss scale": Field("loss_scale"),
    "lm_loss value": Field("loss"),
    "lm loss value": Field("loss"),
    "LM loss": Field("loss"),
    "lm_loss_ppl value": Field("perplexity"),
    "lm loss PPL": Field("perplexity"),
    "LM PPL": Field("perplexity"),
    "cuda_max_memory_reserved": Field("memory_bytes"),
}

_TRAIN = PairLayout(
    head=lazy_pattern(
        r"(?<!, )\biteration:? {1,12}(?P<step>\d{1,12}) ?/ {0,12}(?:(?P<total_steps>\d{1,12})|infinity)(?= ?\|)"
    ),
    pair=lazy_pattern(rf"\| {{0,3}}([A-Za-z][\w /.()-]{{0,60}}?)(?:: {{1,20}}| (?={NUMBER} \|))({NUMBER}){UNIT}"),
    names=_NAMES,
)
_EVAL_HEAD = lazy_pattern(r"validation (?:loss|results) at ([^|\n]{1,80}?)(?= ?\|)")
_EVAL_STEP = lazy_pattern(r"iteration (\d{1,12})")
_EVAL = PairLayout(
    head=_EVAL_HEAD,
    pair=lazy_pattern(rf"\| {{0,3}}([A-Za-z][\w /.()-]{{0,60}}): {{1,20}}({NUMBER})"),
    names=_NAMES,
    needs=frozenset({"eval_loss", "eval_perplexity"}),
    is_eval=True,
)


def read_validation(text: str) -> dict[str, float] | None:
    """Read the evaluation line; one on the test set, which comes after the run, is none.

    Example:
        >>> read_validation("validation loss at iteration 100 | lm loss value: 2.5E+00 | lm loss PPL: 1.218E+01 |")
        {'eval_loss': 2.5, 'eval_perplexity': 12.18, 'step': 100.0}
    """
    head = _EVAL_HEAD.search(text)
    if not head or "test" in head[1]:
        return None
    values = _EVAL.read(text)
    step = _EVAL_STEP.search(head[1])
    return values if values is None or step is None else {**values, "step": float(step[1])}


MEGATRON = LogFormat(
    name="megatron",
    title="Megatron-LM, Megatron-DeepSpeed, GPT-NeoX or nanotron iteration lines",
    source="megatron/training/training.py training_log; gpt-neox/megatron/logging.py; nanotron/src/nanotron/logging",
    samples=(
        (
            " [2025-03-02 11:20:31] iteration      120/    2000 | consumed samples:        30720 | elapsed time per "
            "iteration (ms): 1500.0 | throughput per GPU (TFLOP/s/GPU): 210.5 | learning rate: 2.250000E-04 | global "
            "batch size:   256 | lm loss: 5.432100E+00 | loss scale: 1.0 | grad norm: 0.812 | number of skipped "
            "iterations:   0 | number of nan iterations:   0 |",
            {
                "step": 120.0,
                "total_steps": 2000.0,
                "consumed_samples": 30720.0,
                "step_seconds": 1.5,
                "throughput_per_GPU_(TFLOP/s/GPU)": 210.5,
                "learning_rate": 2.25e-4,
                "global_batch_size": 256.0,
                "loss": 5.4321,
                "loss_scale": 1.0,
                "grad_norm": 0.812,
                "skipped_steps": 0.0,
                "nan_steps": 0.0,
            },
        ),
        (
            " samples/sec: 640.125 | iteration       40/    5000 | elapsed time per iteration (ms): 800.0 | learning "
            "rate: 4.000E-05 | approx flops per GPU: 61.2TFLOPS | lm_loss: 9.125000E+00 | loss scale: 32768.0 | "
            "number of skipped iterations:   2 | number of nan iterations:   0 |",
            {
                "step": 40.0,
                "total_steps": 5000.0,
                "step_seconds": 0.8,
                "learning_rate": 4e-5,
                "approx_flops_per_GPU": 61.2,
                "loss": 9.125,
                "loss_scale": 32768.0,
                "skipped_steps": 2.0,
                "nan_steps": 0.0,
            },
        ),
        (
            " iteration       60/     900 | elapsed time per iteration (ms): 350.5 | learning rate 3.000E-05 | lm loss "
            "4.250000E+00 | loss scale 65536.0 |",
            {
                "step": 60.0,
                "total_steps": 900.0,
                "step_seconds": 0.3505,
                "learning_rate": 3e-5,
                "loss": 4.25,
                "loss_scale": 65536.0,
            },
        ),
        (
            "iteration: 7 / 300 | consumed_tokens: 1.84M | elapsed_time_per_iteration_ms: 1.2K | tokens_per_sec: 219K "
            "| tokens_per_sec_per_gpu: 27.4K | global_batch_size: 128 | lm_loss: 10.5 | lr: 0.0001 | grad_norm: 3.75",
            {
                "step": 7.0,
                "total_steps": 300.0,
                "consumed_tokens": 1.84e6,
                "step_seconds": 1.2,
                "tokens_per_second_all": 219000.0,
                "tokens_per_second": 27400.0,
                "global_batch_size": 128.0,
                "loss": 10.5,
                "learning_rate": 1e-4,
                "grad_norm": 3.75,
            },
        ),
        (
            " validation loss at iteration 500 on validation set | lm loss value: 3.250000E+00 | lm loss PPL: "
            "2.579034E+01 | ",
            {"step": 500.0, "eval_loss": 3.25, "eval_perplexity": 25.79034},
        ),
        (
            " validation results at iteration 40 | lm_loss value: 2.750000E+00 | lm_loss_ppl value: 1.564263E+01 | ",
            {"step": 40.0, "eval_loss": 2.75, "eval_perplexity": 15.64263},
        ),
    ),
    markers=(
        b"loss scale: ",
        b"loss scale ",
        b"lm_loss: ",
        b"lm loss",
        b"LM loss",
        b"validation loss at ",
        b"lm_loss value",
    ),
    read=first_of(_TRAIN.read, read_validation),
)

NEMO_2 = LogFormat(
    name="nemo_2",
    title="NeMo 2 progress printer",
    source="nemo/lightning/pytorch/callbacks/progress_printer.py",
    samples=(
        (
            "Training epoch 0, iteration 19/199 | lr: 1.5e-04 | global_batch_size: 16 | global_step: 19 | "
            "reduced_train_loss: 9.75 | train_step_timing in s: 2.5 | consumed_samples: 320",
            {
                "epoch": 0.0,
                "step": 19.0,
                "learning_rate": 1.5e-4,
                "global_batch_size": 16.0,
                "loss": 9.75,
                "step_seconds": 2.5,
                "consumed_samples": 320.0,
            },
        ),
        (
            "[NeMo I 2025-02-03 10:11:12 nemo_logging:393] Training epoch 1, iteration 4/99 | lr: 3e-05 | global_step: "
            "104 | reduced_train_loss: 2.5 | val_loss: 2.75",
            {
                "epoch": 1.0,
                "step": 104.0,
                "learning_rate": 3e-5,
                "loss": 2.5,
                "eval_loss": 2.75,
            },
        ),
    ),
    markers=(b"reduced_train_loss: ",),
    read=PairLayout(
        head=lazy_pattern(r"Training epoch (?P<epoch>\d{1,9}), iteration (?P<step>\d{1,12})/\d{1,12}(?= \|)"),
        pair=lazy_pattern(rf"\| ([A-Za-z][\w /]{{0,60}}): ({NUMBER})"),
        names=_NAMES,
    ).read,
)
