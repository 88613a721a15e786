"""Reinforcement learning: verl, slime and miles, OpenRLHF."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.pairs import NUMBER, Field, PairLayout
from tools.log_formats.record import LogFormat

_VERL = PairLayout(
    lazy_pattern(r"\bstep:(?P<step>\d{1,12})(?= - [a-z][\w-]{1,40}/)"),
    lazy_pattern(rf" - ([A-Za-z][\w/.@()+ -]{{0,160}}?):(?:(?:np|numpy)\.\w{{1,12}}\(|tensor\()?({NUMBER})"),
    {"training/global_step": None},
)
_SCALED_RATE = "train/lr(1e-3)"
_VERL_EVALS = ("val-core/", "val-aux/")


def read_verl(text: str) -> dict[str, float] | None:
    """Read the one long line that verl prints a step; metrics keep their names, those of evaluations get ``eval_``.

    Example:
        >>> read_verl("step:4 - actor/pg_loss:np.float64(-0.5) - val-core/gsm8k/reward/mean@1:0.25")
        {'step': 4.0, 'actor/pg_loss': -0.5, 'eval_gsm8k/reward/mean@1': 0.25}
    """
    found = _VERL.read(text)
    if not found or len(found) < 2:
        return None
    if _SCALED_RATE in found:
        found["learning_rate"] = found.pop(_SCALED_RATE) / 1000
    return {_verl_name(name): value for name, value in found.items()}


def _verl_name(name: str) -> str:
    if name.startswith(_VERL_EVALS):
        return "eval_" + name.partition("/")[2]
    return name


VERL = LogFormat(
    name="verl",
    title="verl console",
    source="verl/utils/logger/aggregate_logger.py concat_dict_to_str",
    samples=(
        (
            "(TaskRunner pid=4321) step:7 - actor/pg_loss:-0.0125 - actor/grad_norm:0.75 - actor/lr:1e-06 - "
            "critic/score/mean:0.5 - response_length/clip_ratio:0.125",
            {
                "step": 7.0,
                "actor/pg_loss": -0.0125,
                "actor/grad_norm": 0.75,
                "actor/lr": 1e-6,
                "critic/score/mean": 0.5,
                "response_length/clip_ratio": 0.125,
            },
        ),
        (
            "step:8 - actor/pg_loss:np.float64(0.0025) - perf/throughput:np.float64(812.5) - critic/score/mean:nan",
            {"step": 8.0, "actor/pg_loss": 0.0025, "perf/throughput": 812.5, "critic/score/mean": float("nan")},
        ),
        (
            "step:30 - train/loss:0.875 - train/lr(1e-3):0.0125",
            {"step": 30.0, "loss": 0.875, "learning_rate": 1.25e-5},
        ),
        ("step:40 - val/loss:0.9375", {"step": 40.0, "eval_loss": 0.9375}),
    ),
    markers=(b" - actor/", b" - critic/", b" - val-", b"/loss:"),
    read=read_verl,
)

STEP_DICTIONARY = LogFormat(
    name="step_dictionary",
    title="slime, miles or OpenRLHF console",
    source="slime/backends/megatron_utils/model.py train; openrlhf/trainer/ppo_trainer.py fit",
    samples=(
        (
            "[2025-09-01 10:00:00] model.py:520 - step 12: {'train/loss': 0.0125, 'train/pg_loss': 0.01, "
            "'train/grad_norm': "
            "0.5, 'train/lr-pg_0': 1e-06, 'train/step': 12}",
            {"step": 12.0, "loss": 0.0125, "train/pg_loss": 0.01, "grad_norm": 0.5, "learning_rate": 1e-6},
        ),
        (
            "[2025-09-01 10:00:00] data.py:200 - rollout 3: {'rollout/raw_reward': 0.375, "
            "'rollout/response_lengths': 812.5}",
            {"rollout": 3.0, "reward": 0.375, "rollout/response_lengths": 812.5},
        ),
    ),
    markers=(b": {'",),
    read=PairLayout(
        lazy_pattern(r"\b(?:[Ss]tep:? {0,4}(?P<step>\d{1,12})|(?:rollout|eval) (?P<rollout>\d{1,12}))(?=:? {0,2}\{')"),
        lazy_pattern(rf"'([\w/.@ -]{{1,120}})': (?:(?:np|numpy)\.\w{{1,12}}\(|tensor\()?({NUMBER})"),
        {
            "train/step": None,
            "rollout/step": None,
            "rollout/raw_reward": Field("reward"),
            "train/lr-pg_0": Field("learning_rate"),
            "actor_lr": Field("learning_rate"),
        },
    ).read,
)
