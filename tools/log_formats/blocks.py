"""Trainers that print a step as a block, one metric a line: Composer (llm-foundry), OLMo, NeMo-RL.

Each metric's line is a row of its own, with the step that the head of its block told.
"""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import NUMBER, UNIT, Field, LineReader, Names, read_pairs, reading_alone, to_number
from tools.log_formats.record import LogFormat

_COMPOSER_HEAD = lazy_pattern(
    r"(\[epoch=(\d{1,9})(?:/\d{1,9})?\])?\[batch=(\d{1,12})(?:/(\d{1,12}))?\]:|\[Eval batch=\d"
)
_COMPOSER_METRIC = lazy_pattern(rf"\s(Train|Eval) ([A-Za-z][\w/.+() -]{{0,120}}): ({NUMBER})\s{{0,4}}(?:$|\[)")
_COMPOSER_NAMES = {
    "loss/train/total": "loss",
    "metrics/eval/LanguageCrossEntropy": "eval_loss",
    "metrics/eval/cross_entropy": "eval_loss",
    "metrics/eval/CrossEntropy": "eval_loss",
    "metrics/train/LanguagePerplexity": "perplexity",
    "metrics/eval/LanguagePerplexity": "eval_perplexity",
    "LanguageCrossEntropy": "cross_entropy",
    "Perplexity": "perplexity",
    "l2_norm/grad/global": "grad_norm",
    "throughput/tokens_per_sec": "tokens_per_second",
    "throughput/device/mfu": "mfu",
    "time/batch": None,
    "time/epoch": None,
}


class _ComposerReader:
    """Remembers the batch that the head of a block names."""

    def __init__(self) -> None:
        self._place: dict[str, float] = {}

    def __call__(self, text: str) -> dict[str, float] | None:
        metric = _COMPOSER_METRIC.search(text)
        if metric:
            name = _composer_name(metric[1], metric[2])
            return {**self._place, name: to_number(metric[3])} if name else None
        head = _COMPOSER_HEAD.search(text)
        if head and head[3]:
            found = {"epoch": head[2], "step": head[3], "total_steps": head[4]}
            self._place = {name: float(raw) for name, raw in found.items() if raw}
        return None


def _composer_name(kind: str, name: str) -> str | None:
    if kind == "Eval" and name == "LanguageCrossEntropy":
        return "eval_loss"
    if name in _COMPOSER_NAMES and (kind == "Train" or "/eval/" in name):
        return _COMPOSER_NAMES[name]
    if name.startswith("lr-"):
        return "learning_rate"
    if name.startswith(("time/", "trainer/")):
        return None
    return f"eval_{name}" if kind == "Eval" else name


def _new_composer_reader() -> LineReader:
    return _ComposerReader()


COMPOSER = LogFormat(
    name="composer",
    title="Composer / llm-foundry console",
    source="composer/loggers/console_logger.py ConsoleLogger.log_to_console",
    samples=(
        (
            "[batch=20/400]:\n\t Train time/batch: 19\n\t Train loss/train/total: 7.2500",
            {"step": 20.0, "total_steps": 400.0, "loss": 7.25},
        ),
        (
            "[epoch=1][batch=40/400]:\n\t Eval metrics/eval/LanguageCrossEntropy: 2.7500",
            {"epoch": 1.0, "step": 40.0, "total_steps": 400.0, "eval_loss": 2.75},
        ),
        (
            "[batch=20/400]:\n\t Train lr-DecoupledAdamW/group0: 0.0002",
            {"step": 20.0, "total_steps": 400.0, "learning_rate": 0.0002},
        ),
    ),
    markers=(b"[batch=", b" Train ", b" Eval "),
    read=reading_alone(_new_composer_reader),
    new_reader=_new_composer_reader,
)

_OLMO_HEAD = lazy_pattern(r"\[step=([\d,]{1,16})(?:/([\d,]{1,16}))?(?:,epoch=(\d{1,9})(?:/\d{1,9})?)?[\],]")
_OLMO_METRIC = lazy_pattern(rf"(?:^|\s{{2,8}})([A-Za-z][\w/.() -]{{0,120}}?)=({NUMBER})\s{{0,4}}(?:$|\[)")
_OLMO_NAMES = {
    "train/CrossEntropyLoss": "loss",
    "train/CE loss": "loss",
    "train/Perplexity": "perplexity",
    "train/PPL": "perplexity",
    "optim/total_grad_norm": "grad_norm",
    "optim/total grad norm": "grad_norm",
    "optim/learning_rate_group0": "learning_rate",
    "optim/LR (group 0)": "learning_rate",
    "throughput/device/tokens_per_second": "tokens_per_second",
    "throughput/device/TPS": "tokens_per_second",
    "throughput/device/MFU": "mfu",
    "throughput/device/TPS (actual avg)": "tokens_per_second",
    "throughput/device/MFU (actual avg)": "mfu",
}
_OLMO_EVALS = ("/CrossEntropyLoss", "/CE loss")


class _OlmoReader:
    """Remembers the step of the block, and which evaluation set came first: its loss is the evaluation loss."""

    def __init__(self) -> None:
        self._place: dict[str, float] = {}
        self._first_set = ""

    def __call__(self, text: str) -> dict[str, float] | None:
        head = _OLMO_HEAD.search(text)
        if head:
            found = {"step": head[1], "total_steps": head[2], "epoch": head[3]}
            self._place = {name: to_number(raw) for name, raw in found.items() if raw}
            return None
        metric = _OLMO_METRIC.search(text) if self._place else None
        name = self._name(metric[1]) if metric else None
        return {**self._place, name: to_number(metric[2])} if metric and name else None

    def _name(self, name: str) -> str | None:
        if name in _OLMO_NAMES:
            return _OLMO_NAMES[name]
        if not name.startswith("eval/"):
            return name if "/" in name else None
        if name.endswith(_OLMO_EVALS):
            self._first_set = self._first_set or name
            if name == self._first_set:
                return "eval_loss"
        return "eval_" + name.removeprefix("eval/")


def _new_olmo_reader() -> LineReader:
    return _OlmoReader()


OLMO = LogFormat(
    name="olmo",
    title="OLMo console",
    source="olmo/train.py log_metrics_to_console; olmo_core/train/callbacks/console_logger.py",
    samples=(
        (
            "2025-01-02 03:04:05.678\thost:0\tolmo.train:960\tINFO\t[step=30/5000]\n    train/CrossEntropyLoss=6.125",
            {"step": 30.0, "total_steps": 5000.0, "loss": 6.125},
        ),
        (
            "[step=40/900,epoch=1/1,eta=1:02:03]\n    optim/total grad norm=0.75",
            {"step": 40.0, "total_steps": 900.0, "epoch": 1.0, "grad_norm": 0.75},
        ),
        (
            "[step=100/5000]\n    eval/c4_en-validation/CrossEntropyLoss=4.250",
            {"step": 100.0, "total_steps": 5000.0, "eval_loss": 4.25},
        ),
    ),
    markers=(b"[step=", b"oss=", b"PPL=", b"erplexity=", b"optim/", b"throughput/"),
    read=reading_alone(_new_olmo_reader),
    new_reader=_new_olmo_reader,
)

_RL_HEAD = lazy_pattern(r"={3,40} Step (\d{1,12})/(\d{1,12}) ={3,40}")
_RL_PAIR = lazy_pattern(rf"• ([A-Z][\w /()-]{{0,60}}): ({NUMBER}){UNIT}")
_RL_NAMES: Names = {
    "Loss": Field("loss"),
    "Avg Reward": Field("reward"),
    "Generation KL Error": Field("generation_kl_error"),
    "Validation loss": Field("eval_loss"),
    "Accuracy": Field("accuracy"),
    "Total step time": Field("step_seconds"),
}


class _NemoRlReader:
    """Remembers the step of the block."""

    def __init__(self) -> None:
        self._place: dict[str, float] = {}

    def __call__(self, text: str) -> dict[str, float] | None:
        head = _RL_HEAD.search(text)
        if head:
            self._place = {"step": float(head[1]), "total_steps": float(head[2])}
            return None
        values = read_pairs(_RL_PAIR, _RL_NAMES, text) if self._place else {}
        return {**self._place, **values} if values else None


def _new_nemo_rl_reader() -> LineReader:
    return _NemoRlReader()


NEMO_RL = LogFormat(
    name="nemo_rl",
    title="NeMo-RL console",
    source="nemo_rl/algorithms/grpo.py grpo_train; sft.py sft_train",
    samples=(
        (
            "========================= Step 3/200 =========================\n  • Avg Reward: 0.3750",
            {"step": 3.0, "total_steps": 200.0, "reward": 0.375},
        ),
        (
            "========================= Step 3/200 =========================\n  • Loss: 0.0125",
            {"step": 3.0, "total_steps": 200.0, "loss": 0.0125},
        ),
    ),
    markers=(b" Step ", "• ".encode()),
    read=reading_alone(_new_nemo_rl_reader),
    new_reader=_new_nemo_rl_reader,
)
