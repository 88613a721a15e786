"""minimind and scripts that print ``Epoch:[1/3](50/1000)``."""

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.epoch_steps import EpochSteps
from tools.log_formats.pairs import NUMBER, UNIT, Field, LineReader, PairLayout, reading_alone
from tools.log_formats.record import LogFormat

_LAYOUT = PairLayout(
    lazy_pattern(
        r"\bEpoch: ?\[(?P<epoch>\d{1,9})/(?P<num_epochs>\d{1,9})\] ?\((?P<step>\d{1,12})/(?P<total_steps>\d{1,12})\)"
    ),
    lazy_pattern(rf"[ ,|]{{1,3}}([A-Za-z_][\w ]{{0,40}}): ?({NUMBER}){UNIT}"),
    {"epoch_time": None, "epoch_Time": None, "Reward": Field("reward"), "Actor Loss": Field("policy_loss")},
)


def _new_reader() -> LineReader:
    steps = EpochSteps()

    def read(text: str) -> dict[str, float] | None:
        values = _LAYOUT.read(text)
        return steps.place(values) if values else None

    return read


MINIMIND = LogFormat(
    name="minimind",
    title="minimind console",
    source="minimind/trainer/train_full_sft.py, train_dpo.py, train_grpo.py",
    samples=(
        (
            "Epoch:[1/2](200/5000), loss: 2.2500, logits_loss: 2.2500, aux_loss: 0.0000, lr: 0.00050000, epoch_time: "
            "40.0min",
            {
                "epoch": 1.0,
                "step": 200.0,
                "total_steps": 10000.0,
                "loss": 2.25,
                "logits_loss": 2.25,
                "aux_loss": 0.0,
                "learning_rate": 0.0005,
            },
        ),
        (
            "Epoch:[0/19](100/500) loss:6.125 lr:0.000200 epoch_Time:12.0min:",
            {"epoch": 0.0, "step": 100.0, "total_steps": 9500.0, "loss": 6.125, "learning_rate": 0.0002},
        ),
        (
            "Epoch:[2/2](10/300), Reward: 0.750000, KL_ref: 0.0125, policy loss: -0.0100, learning_rate: 0.00000080",
            {
                "epoch": 2.0,
                "step": 310.0,
                "total_steps": 600.0,
                "reward": 0.75,
                "KL_ref": 0.0125,
                "policy_loss": -0.01,
                "learning_rate": 8e-7,
            },
        ),
    ),
    markers=(b"), loss: ", b") loss:", b"), Reward: ", b"), Actor Loss: "),
    read=reading_alone(_new_reader),
    new_reader=_new_reader,
)
