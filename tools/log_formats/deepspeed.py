"""DeepSpeed's engine lines (step, timer, loss scaler) and DeepSpeed-Chat."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import NUMBER, WRAPPED, Field, LineReader, PairLayout, reading_alone, to_number
from tools.log_formats.record import LogFormat

_STEP = PairLayout(
    lazy_pattern(
        rf"\bstep=(?P<step>\d{{1,12}}), skipped=(?P<skipped_steps>\d{{1,12}}), lr=\[(?:np\.\w{{1,9}}\()?"
        rf"(?P<learning_rate>{NUMBER})"
    )
)
_TIMER = PairLayout(
    lazy_pattern(r"\bepoch=(?P<epoch>\d{1,9})/micro_step=\d{1,12}/global_step=(?P<step>\d{1,12})(?=, )"),
    lazy_pattern(rf", (RunningAvgSamplesPerSec|CurrSamplesPerSec|MaxMemAllocated)=({NUMBER})(GB)?"),
    {
        "MaxMemAllocated": Field("memory_bytes"),
        "RunningAvgSamplesPerSec": Field("samples_per_second"),
        "CurrSamplesPerSec": None,
    },
)
_PIPELINE = PairLayout(
    lazy_pattern(
        rf"\bsteps: (?P<step>\d{{1,12}}) loss: (?P<loss>{NUMBER}) iter time \(s\): (?P<step_seconds>{NUMBER})"
        rf"(?: samples/sec: (?P<samples_per_second>{NUMBER}))?"
    )
)
_OVERFLOW = lazy_pattern(
    r"(?:OVERFLOW!|overflow!)(?: Rank \d{1,6})? Skipping step\. Attempted loss scale: (\d{1,12}(?:\.\d{1,6})?)"
    r"(?:, reducing to (\d{1,12}(?:\.\d{1,6})?))?"
)


class _EngineReader:
    """The loss scaler does not say at which step it skipped: it is the one after the last that was counted."""

    def __init__(self) -> None:
        self._step: float | None = None

    def __call__(self, text: str) -> dict[str, float] | None:
        values = _STEP.read(text) or _TIMER.read(text) or _PIPELINE.read(text)
        if values:
            self._step = values["step"]
            return values
        match = _OVERFLOW.search(text)
        if not match:
            return None
        found = {"loss_scale": float(match[2] or match[1])}
        return found if self._step is None else {"step": self._step + 1, **found}


def _new_engine_reader() -> LineReader:
    return _EngineReader()


DEEPSPEED = LogFormat(
    name="deepspeed_engine",
    title="DeepSpeed engine lines",
    source="deepspeed/runtime/engine.py _report_progress; utils/timer.py; runtime/fp16/loss_scaler.py",
    samples=(
        (
            "[2025-05-02 12:30:11,500] [INFO] [logging.py:96:log_dist] [Rank 0] step=40, skipped=2, lr=[2e-05, 2e-05], "
            "mom=[(0.9, 0.95), (0.9, 0.95)]",
            {"step": 40.0, "skipped_steps": 2.0, "learning_rate": 2e-5},
        ),
        (
            "[2025-05-02 12:30:11,501] [INFO] [timer.py:260:stop] epoch=0/micro_step=80/global_step=40, "
            "RunningAvgSamplesPerSec=5.25, CurrSamplesPerSec=5.5, MemAllocated=6.25GB, MaxMemAllocated=10.5GB",
            {"epoch": 0.0, "step": 40.0, "samples_per_second": 5.25, "memory_bytes": 10.5 * 2**30},
        ),
        (
            "steps: 30 loss: 4.1250 iter time (s): 0.750 samples/sec: 42.500",
            {"step": 30.0, "loss": 4.125, "step_seconds": 0.75, "samples_per_second": 42.5},
        ),
        (
            "[2025-05-02 12:30:11,500] [INFO] [logging.py:96:log_dist] [Rank 0] step=40, skipped=2, lr=[2e-05], "
            "mom=[(0.9, 0.95)]\n[2025-05-02 12:30:12,000] [INFO] [loss_scaler.py:190:update_scale] [deepspeed] "
            "OVERFLOW! "
            "Rank 0 Skipping step. Attempted loss scale: 16384, reducing to 8192",
            {"step": 41.0, "loss_scale": 8192.0},
        ),
    ),
    markers=(b"skipped=", b"global_step=", b"Attempted loss scale", b" iter time (s): "),
    read=reading_alone(_new_engine_reader),
    new_reader=_new_engine_reader,
)

_SUPERVISED = PairLayout(
    lazy_pattern(
        rf"\bEpoch: (?P<epoch>\d{{1,9}}), Step: (?P<step>\d{{1,12}}), Rank: (?P<rank>\d{{1,6}})"
        rf", loss = (?:tensor\(|\[)?(?P<loss>{NUMBER})"
    )
)
_PPO = PairLayout(
    lazy_pattern(
        r"\b[eE]poch: (?P<epoch>\d{1,9}) ?\| ?[sS]tep: (?P<step>\d{1,12}) ?(?=\| ?(?:ppo_ep|PPO Epoch|Actor Loss): )"
    ),
    lazy_pattern(rf"\| {{0,32}}([A-Za-z][\w ]{{1,40}}): ?(?:tensor\()?({NUMBER})"),
    {
        "Actor Loss": Field("act_loss"),
        "Critic Loss": Field("cri_loss"),
        "Unsupervised Loss": Field("unsuper_loss"),
        "act_loss": Field("act_loss"),
        "PPO Epoch": Field("ppo_ep"),
    },
)
_REWARD = lazy_pattern(rf"\b[aA]verage reward score: {WRAPPED}")
_EVALUATION = PairLayout(
    lazy_pattern(
        rf"(?:^|[\]>:)-] {{0,2}})ppl: (?P<eval_perplexity>{NUMBER})(?:, loss: (?P<eval_loss>{NUMBER}))?"
        r"\s{0,4}(?:$|\[)"
    )
)
_REWARD_EVALUATION = PairLayout(
    lazy_pattern(
        rf"chosen_last_scores \(higher is better\) : (?P<eval_chosen_score>{NUMBER})"
        rf"(?:, rejected_last_scores \(lower is better\) : (?P<eval_rejected_score>{NUMBER}))?"
        rf",? {{0,2}}acc \(higher is better\) : (?P<eval_accuracy>{NUMBER})"
    )
)
_EVALUATED_EPOCH = lazy_pattern(r"\*{5} Evaluating (?:perplexity|reward), Epoch (\d{1,9})/\d{1,9} \*{5}")


class _ChatReader:
    """The reward stands a line below the step it belongs to, the epoch of an evaluation a line above it."""

    def __init__(self) -> None:
        self._place: dict[str, float] = {}
        self._epoch: dict[str, float] = {}

    def __call__(self, text: str) -> dict[str, float] | None:
        values = _PPO.read(text) or _SUPERVISED.read(text)
        if values:
            self._place = {name: values[name] for name in ("epoch", "step")}
            return values
        reward = _REWARD.search(text)
        if reward:
            return {**self._place, "reward": to_number(reward[1])}
        epoch = _EVALUATED_EPOCH.search(text)
        if epoch:
            self._epoch = {"epoch": float(epoch[1])}
        evaluation = _EVALUATION.read(text) or _REWARD_EVALUATION.read(text)
        return {**self._epoch, **evaluation} if evaluation else None


def _new_chat_reader() -> LineReader:
    return _ChatReader()


DEEPSPEED_CHAT = LogFormat(
    name="deepspeed_chat",
    title="DeepSpeed-Chat console",
    source="DeepSpeedExamples/applications/DeepSpeed-Chat/training/step{1,2,3}*/main.py",
    samples=(
        (
            "Epoch: 0, Step: 12, Rank: 0, loss = 1.375",
            {"epoch": 0.0, "step": 12.0, "rank": 0.0, "loss": 1.375},
        ),
        (
            "epoch: 0|step: 9|ppo_ep: 1|act_loss: 0.125|cri_loss: 0.0625|unsuper_loss: 0.0",
            {"epoch": 0.0, "step": 9.0, "ppo_ep": 1.0, "act_loss": 0.125, "cri_loss": 0.0625, "unsuper_loss": 0.0},
        ),
        (
            "Epoch: 0 | Step: 10 | PPO Epoch: 1 | Actor Loss: -0.25 | Critic Loss: 0.5 | Unsupervised Loss: 0.0\n"
            "Average reward score: 1.75",
            {"epoch": 0.0, "step": 10.0, "reward": 1.75},
        ),
        (
            "***** Evaluating perplexity, Epoch 2/4 *****\nppl: 3.125, loss: 1.140625",
            {"epoch": 2.0, "eval_perplexity": 3.125, "eval_loss": 1.140625},
        ),
        (
            "chosen_last_scores (higher is better) : 2.5, acc (higher is better) : 0.625",
            {"eval_chosen_score": 2.5, "eval_accuracy": 0.625},
        ),
    ),
    markers=(
        b"loss = ",
        b"|act_loss",
        b"Actor Loss: ",
        b"verage reward score: ",
        b"ppl: ",
        b"***** Evaluating ",
        b"_last_scores",
    ),
    read=reading_alone(_new_chat_reader),
    new_reader=_new_chat_reader,
)
