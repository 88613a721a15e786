"""Trainers in JAX: MaxText, Levanter, the Flax examples."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import NUMBER, WRAPPED, Field, PairLayout, first_of
from tools.log_formats.record import LogFormat

_MAXTEXT_PAIR = lazy_pattern(rf", ([A-Za-z][\w/ ]{{0,40}})(?:: ?|=)({NUMBER})")
MAXTEXT = LogFormat(
    name="maxtext",
    title="MaxText console",
    source="MaxText/metric_logger.py MetricLogger.write_metrics_to_console",
    samples=(
        (
            "I0405 06:07:08.123456 1234 metric_logger.py:196] completed step: 40, seconds: 2.500, TFLOP/s/device: "
            "150.250, "
            "Tokens/s/device: 3250.500, total_weights: 65536, loss: 7.250",
            {
                "step": 40.0,
                "step_seconds": 2.5,
                "TFLOP/s/device": 150.25,
                "tokens_per_second": 3250.5,
                "total_weights": 65536.0,
                "loss": 7.25,
            },
        ),
        (
            "eval metrics after step: 99, loss=6.875, total_weights=75264.0",
            {"step": 99.0, "eval_loss": 6.875, "eval_total_weights": 75264.0},
        ),
    ),
    markers=(b", loss: ", b", loss=", b", eval_loss: "),
    read=first_of(
        PairLayout(
            lazy_pattern(r"\bcompleted step: (?P<step>\d{1,12})(?=, )"),
            _MAXTEXT_PAIR,
            {"seconds": Field("step_seconds"), "Tokens/s/device": Field("tokens_per_second")},
            frozenset({"loss"}),
        ).read,
        PairLayout(
            lazy_pattern(r"\beval metrics after step: (?P<step>\d{1,12})(?=, )"),
            lazy_pattern(rf", (?:eval/|eval_)?(?:avg_)?([A-Za-z][\w/ ]{{0,40}})(?:: ?|=)({NUMBER})"),
            {},
            frozenset({"eval_loss"}),
            is_eval=True,
        ).read,
    ),
)

LEVANTER = LogFormat(
    name="levanter",
    title="Levanter console",
    source="tqdm_loggable/tqdm_logging.py; levanter/callbacks pbar_logger",
    samples=(
        (
            "2025-02-03T04:05:06 - 0 - tqdm_loggable.tqdm_logging - tqdm_logging.py:145 - INFO :: Progress on:train "
            "30.0it/500it rate:1.5it/s remaining:05:13 elapsed:00:20 postfix:loss=6.75",
            {"step": 30.0, "total_steps": 500.0, "loss": 6.75},
        ),
        (
            "Progress on:train 1.25kit/20.0kit rate:2.0it/s remaining:2:36:15 elapsed:10:25 postfix:loss=3.125",
            {"loss": 3.125},
        ),
    ),
    markers=(b"postfix:loss=",),
    read=PairLayout(
        lazy_pattern(
            r"Progress on:train (?:(?P<step>\d{1,9}(?:\.0)?)it/(?:(?P<total_steps>\d{1,9}(?:\.0)?)it)?|[\d.]{1,9}k)"
            rf"[^\n]{{0,200}}? postfix:loss=(?P<loss>{NUMBER})"
        )
    ).read,
)

_FLAX_PAIR = lazy_pattern(rf"[|,] {{0,2}}([A-Z][A-Za-z ]{{1,40}}): {WRAPPED}")
FLAX_EXAMPLES = LogFormat(
    name="flax_examples",
    title="Flax example scripts of transformers",
    source="transformers/examples/flax/language-modeling/run_clm_flax.py",
    samples=(
        (
            "Step... (500 | Loss: 3.25, Learning Rate: 0.00025)",
            {"step": 500.0, "loss": 3.25, "learning_rate": 0.00025},
        ),
        (
            "Step... (2500 | Eval Loss: 3.375 | Eval Perplexity: 29.22)",
            {"step": 2500.0, "eval_loss": 3.375, "eval_perplexity": 29.22},
        ),
    ),
    markers=(b"| Loss: ", b"| Eval Loss: ", b"| Training Loss: "),
    read=PairLayout(
        lazy_pattern(r"(?:Step\.\.\. \((?P<step>\d{1,12})|Epoch\.\.\. \((?P<epoch>\d{1,9}))(?:/\d{1,12})?(?= \|)"),
        _FLAX_PAIR,
        {"Loss": Field("loss"), "Training Loss": Field("loss"), "Eval Loss": Field("eval_loss")},
    ).read,
)
