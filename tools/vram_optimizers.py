"""What optimisers keep for every trained value, and what their step needs for a moment."""

from dataclasses import dataclass

from tools.errors import BadInput


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimiser's appetite.

    Attributes:
        name: the canonical name.
        full_states: states of the gradient's own shape and of the parameter's type (Adam's two moments).
        byte_states: states of one byte a value, whatever the parameter's type.
        step_copies: temporary copies of all trained values in the step, in the parameter's type.
        step_largest: temporary copies of the largest trained matrix alone.
        is_factored: the second moment is a row and a column.
        is_paged: states lie in memory that moves to the host under pressure, which PyTorch does not count.
    """

    name: str
    full_states: float = 0
    byte_states: float = 0
    step_copies: float = 0
    step_largest: float = 0
    is_factored: bool = False
    is_paged: bool = False


# The foreach form, PyTorch's default on a GPU, makes one square root of all second moments at once
# (torch/optim/adam.py, _multi_tensor_adam: exp_avg_sq_sqrt); the fused form makes none.
# 8-bit states: a byte each plus a float for every 256 values (bitsandbytes) or every 256 (torchao).
_BLOCK = 4 / 256

OPTIMIZERS = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("adamw", full_states=2, step_copies=1),
        Optimizer("adamw_fused", full_states=2),
        Optimizer("adamw_8bit", byte_states=2 + 2 * _BLOCK),
        Optimizer("adamw_4bit", byte_states=1 + 2 * 4 / 128),
        Optimizer("paged_adamw", full_states=2, is_paged=True),
        Optimizer("paged_adamw_8bit", byte_states=2 + 2 * _BLOCK, is_paged=True),
        Optimizer("adamw_torch_8bit", byte_states=2 + 2 * _BLOCK, step_largest=1),
        Optimizer("lion", full_states=1, step_largest=1),
        Optimizer("lion_8bit", byte_states=1 + _BLOCK),
        Optimizer("paged_lion_8bit", byte_states=1 + _BLOCK, is_paged=True),
        Optimizer("adafactor", is_factored=True, step_largest=2),
        Optimizer("sgd"),
        Optimizer("sgd_momentum", full_states=1),
        Optimizer("muon", full_states=1, step_largest=4),
        Optimizer("adagrad", full_states=1, step_copies=1),
        Optimizer("rmsprop", full_states=1, step_copies=1),
        Optimizer("galore", full_states=0.5, step_largest=2),
        Optimizer("lomo"),
        Optimizer("badam", full_states=0.0),
    )
}


def find_optimizer(name: str) -> Optimizer:
    """Find an optimiser by the names that trainers give it.

    Args:
        name: such as ``adamw_torch``, ``paged_adamw_8bit``, ``AdamW8bit``, ``PagedAdamW8bit``, ``adafactor``, ``Lion``.

    Raises:
        BadInput: it is none that is known.

    Example:
        >>> find_optimizer("adamw_torch").name, find_optimizer("PagedAdamW8bit").name, find_optimizer("Lion").name
        ('adamw', 'paged_adamw_8bit', 'lion')
    """
    plain = "".join(letter for letter in name.lower().split("(")[0] if letter.isalnum())
    found = _find_family(plain)
    if found is None:
        raise BadInput(f"optimizer {name!r:.60} is not known; allowed are {', '.join(sorted(OPTIMIZERS))}")
    return OPTIMIZERS[found]


def _find_family(plain: str) -> str | None:
    is_8bit, is_paged = "8bit" in plain or "int8" in plain, "paged" in plain
    for key in ("adafactor", "muon", "galore", "lomo", "adagrad", "rmsprop"):
        if key in plain:
            return key
    if "lorafa" in plain or "adam" in plain or plain in ("stableadamw", "ademamix"):
        return _find_adam(plain, is_8bit=is_8bit, is_paged=is_paged)
    if "lion" in plain:
        return ("paged_" if is_paged and is_8bit else "") + "lion" + ("_8bit" if is_8bit else "")
    if "sgd" in plain:
        return "sgd_momentum" if "momentum" in plain else "sgd"
    return None


def _find_adam(plain: str, *, is_8bit: bool, is_paged: bool) -> str:
    if "badam" in plain:
        return "badam"
    if "4bit" in plain:
        return "adamw_4bit"
    if is_8bit:
        return "paged_adamw_8bit" if is_paged else "adamw_torch_8bit" if "torch" in plain else "adamw_8bit"
    if is_paged:
        return "paged_adamw"
    return "adamw_fused" if "fused" in plain or "deepspeed" in plain or "cpu" in plain else "adamw"
