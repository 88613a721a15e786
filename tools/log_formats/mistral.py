"""mistral-finetune."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import NUMBER, Field, PairLayout
from tools.log_formats.record import LogFormat

_LAYOUT = PairLayout(
    lazy_pattern(r"\bstep: (?P<step>\d{6,12})(?= - )"),
    lazy_pattern(rf" - ([a-z][\w ()%]{{1,40}}): ({NUMBER})"),
    {
        "peak_alloc_mem (GB)": Field("memory_bytes", "GB"),
        "words_per_second": Field("tokens_per_second"),
        "done (%)": None,
        "percent_done": None,
    },
    frozenset({"loss", "eval_loss"}),
)


def read_mistral(text: str) -> dict[str, float] | None:
    """Read a line; the training loss that an evaluation repeats is no training row.

    Example:
        >>> read_mistral("step: 000100 - eval_perplexity: 4.5 - eval_loss: 1.5 - train_loss: 1.25")
        {'step': 100.0, 'eval_perplexity': 4.5, 'eval_loss': 1.5, 'eval_train_loss': 1.25}
    """
    values = _LAYOUT.read(text)
    if values and "eval_loss" in values and "loss" in values:
        values["eval_train_loss"] = values.pop("loss")
    return values


MISTRAL_FINETUNE = LogFormat(
    name="mistral_finetune",
    title="mistral-finetune console",
    source="finetune/monitoring/metrics_logger.py train_log_msg, eval_log_msg",
    samples=(
        (
            "2025-03-01 10:11:12 (UTC) - 0:03:20 - train - INFO - step: 000020 - done (%): 4.0 - loss: 1.625 - lr: "
            "2.5e-05 "
            "- peak_alloc_mem (GB): 21.5 - alloc_mem (GB): 16.5 - words_per_second: 5250.5 - avg_words_per_second: "
            "5100.2 - ETA: >2025-03-01 11:20:00",
            {
                "step": 20.0,
                "loss": 1.625,
                "learning_rate": 2.5e-5,
                "memory_bytes": 21.5 * 2**30,
                "alloc_mem_(GB)": 16.5,
                "tokens_per_second": 5250.5,
                "avg_words_per_second": 5100.2,
            },
        ),
        (
            "2025-03-01 10:15:12 (UTC) - 0:07:20 - eval - INFO - step: 000100 - eval_perplexity: 4.750 - eval_loss: "
            "1.558 - "
            "train_loss: 1.500",
            {"step": 100.0, "eval_perplexity": 4.75, "eval_loss": 1.558, "eval_train_loss": 1.5},
        ),
    ),
    markers=(b" - loss: ", b" - eval_loss: "),
    read=read_mistral,
)
