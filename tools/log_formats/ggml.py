"""llama.cpp: its optimiser's progress lines and the older finetune example."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import NUMBER, PairLayout, first_of
from tools.log_formats.record import LogFormat

LLAMA_CPP = LogFormat(
    name="llama_cpp",
    title="llama.cpp training",
    source="ggml/src/ggml-opt.cpp ggml_opt_epoch_callback_progress_bar; llama.cpp/common/train.cpp train_opt_callback",
    samples=(
        (
            "train: [===>    ] data=0000160/0002000 loss=2.75000±0.12500 acc=45.50±0.40% t=00:00:20 ETA=00:03:50 ",
            {"samples": 160.0, "loss": 2.75, "accuracy": 45.5},
        ),
        (
            "val:   [=======>] data=0000400/0000400 loss=2.87500±0.05000 acc=43.25±0.80% t=00:00:10 ETA=00:00:00 ",
            {"eval_loss": 2.875, "eval_accuracy": 43.25},
        ),
        (
            "train_opt_callback: iter=    12 sample=49/400 sched=0.120000 loss=3.125000 dt=00:00:04 eta=00:02:00 "
            "|-------->",
            {"step": 12.0, "samples": 49.0, "loss": 3.125},
        ),
    ),
    markers=(b" loss=",),
    read=first_of(
        PairLayout(
            lazy_pattern(
                rf"\btrain: {{1,4}}\[[=> ]{{0,200}}\] data=(?P<samples>\d{{1,12}})/\d{{1,12}} loss=(?P<loss>{NUMBER})"
                rf"(?:±[\d.a-z]{{1,12}} acc=(?P<accuracy>{NUMBER}))?"
            )
        ).read,
        PairLayout(
            lazy_pattern(
                rf"\bval: {{1,4}}\[[=> ]{{0,200}}\] data=(\d{{1,12}})/(?:\1) loss=(?P<eval_loss>{NUMBER})"
                rf"(?:±[\d.a-z]{{1,12}} acc=(?P<eval_accuracy>{NUMBER}))?"
            )
        ).read,
        PairLayout(
            lazy_pattern(
                r"train_opt_callback: iter= {0,9}(?P<step>\d{1,12}) sample=(?P<samples>\d{1,12})"
                r"/\d{1,12} sched=[\d.]{1,12} "
                rf"loss=(?P<loss>{NUMBER})"
            )
        ).read,
    ),
)
