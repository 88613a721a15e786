"""The formats in which stories are told, and what each of them does not carry."""

from evals.layers import COVERED
from evals.more_writers import FURTHER
from evals.writers import MORE, Writer

STATE = "trainer_state.json"
OTHERS: dict[str, Writer] = {**MORE, **{name: writer for name, (writer, _) in FURTHER.items()}}
HUGGING_FACE = frozenset(
    {"transformers 4", "transformers 5", "axolotl", "SLURM, no bars", "JSON lines", "ms-swift"}
) | {*COVERED}
"""Writers that carry every metric and, JSON lines aside, the settings."""
WITHOUT: dict[str, frozenset[str]] = {
    "LLaMA-Factory": frozenset({"grad_norm", "settings"}),
    "torchtune": frozenset({"settings"}),
    "Megatron-LM": frozenset({"settings"}),
    "Lightning CSV": frozenset({"settings"}),
    "mlx-lm": frozenset({"grad_norm", "settings"}),
    "torchtitan": frozenset({"learning_rate", "eval_loss", "settings"}),
    "nanoGPT": frozenset({"learning_rate", "grad_norm", "settings"}),
    "notebook table": frozenset({"learning_rate", "grad_norm", "settings", "training rows"}),
    "SLURM, no bars": frozenset({"step"}),
    "axolotl": frozenset({"step"}),
    "JSON lines": frozenset({"settings"}),
    "bar with loss": frozenset({"learning_rate", "grad_norm", "eval_loss", "settings"}),
    STATE: frozenset({"settings"}),
    **{name: frozenset(lacks) for name, (_, lacks) in FURTHER.items()},
}
"""What a format does not carry, so that a fault which needs it cannot be seen there."""
DIGITS: dict[str, tuple[int, int]] = {
    "mlx-lm": (3, 3),
    "fairseq": (3, 3),
    "LitGPT": (3, 4),
    "NeMo bar": (3, 3),
    "nanoGPT": (4, 4),
    "Composer": (4, 4),
    "minimind": (4, 4),
    "XTuner": (4, 4),
    "script": (4, 4),
    "OpenAI CSV": (5, 5),
}
"""Places after the point of the training and of the validation loss; formats that are not named print all."""
FULL = (17, 17)
REPEATING = frozenset({"NeMo bar"})
"""Formats that show a value again and again, so that how often it stands there is not how often it was measured."""
