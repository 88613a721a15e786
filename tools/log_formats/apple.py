"""mlx-lm and its descendants (mlx-vlm, mlx-tune, mlx-examples)."""

import math

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import NUMBER, Field, PairLayout
from tools.log_formats.record import LogFormat

MLX_LM = LogFormat(
    name="mlx_lm",
    title="mlx-lm console",
    source="mlx_lm/tuner/trainer.py train; mlx-examples/lora/lora.py",
    samples=(
        (
            "Iter 30: Train loss 1.875, Learning Rate 2.000e-05, It/sec 0.850, Tokens/sec 120.500, Trained Tokens "
            "4250, "
            "Peak mem 7.250 GB",
            {
                "step": 30.0,
                "loss": 1.875,
                "learning_rate": 2e-5,
                "It/sec": 0.85,
                "tokens_per_second": 120.5,
                "Trained_Tokens": 4250.0,
                "memory_bytes": 7.25 * 2**30,
            },
        ),
        ("Iter 200: Val loss 1.750, Val took 12.500s", {"step": 200.0, "eval_loss": 1.75}),
        (
            "Iter 20: Train loss nan, Learning Rate 1.000e-05, It/sec 1.250, Tokens/sec 500.000, Trained Tokens 9000, "
            "Peak58.250 GB",
            {
                "step": 20.0,
                "loss": math.nan,
                "learning_rate": 1e-5,
                "It/sec": 1.25,
                "tokens_per_second": 500.0,
                "Trained_Tokens": 9000.0,
                "memory_bytes": 58.25 * 2**30,
            },
        ),
    ),
    markers=(b": Train loss ", b": Val loss "),
    read=PairLayout(
        lazy_pattern(r"\b(?:Iter|Step|Iteration) (?P<step>\d{1,12})(?=: (?:Train|Val) loss )"),
        lazy_pattern(rf"[:,] ([A-Z][A-Za-z/ ]{{1,40}}?) ?({NUMBER})(?: ?([GM]B))?"),
        {
            "Train loss": Field("loss"),
            "Val loss": Field("eval_loss"),
            "Peak mem": Field("memory_bytes"),
            "Peak": Field("memory_bytes"),
            "Val took": None,
        },
    ).read,
)
