"""What the output head and the loss need, by how the loss is computed."""

from dataclasses import dataclass

from tools.model_shape import ModelShape
from tools.vram_frameworks import Framework
from tools.vram_settings import TrainingSettings

_NEVER_UPCAST = frozenset(
    ("gpt_bigcode", "gpt2", "gpt_neox", "gptj", "codegen", "bloom", "opt", "falcon", "qwen", "baichuan", "chatglm")
)
"""Models whose code before transformers 4.46 gave 16-bit logits to the loss.

Without autocast: logits 2, log-softmax 2, its gradient 2 and the logits' 2. With autocast the loss is fp32, and
accelerate's convert_outputs_to_fp32 keeps an fp32 copy of the logits beside them: 2 + 4 + 3 * 4.
"""


@dataclass(frozen=True, slots=True)
class LossBytes:
    """Bytes around the loss, beside what the layers keep.

    Attributes:
        forward: logits and their copies while the loss is computed.
        backward: the same while its gradient is made.
        head_inputs: the last norm's input and result.
    """

    forward: float
    backward: float
    head_inputs: float


def measure_loss(
    shape: ModelShape, settings: TrainingSettings, framework: Framework, *, stream_bytes: float
) -> LossBytes:
    """Count what the loss needs for one forward pass.

    Args:
        shape: the model, for the rows of its head and its width.
        settings: how the model is trained.
        framework: whose loss it is.
        stream_bytes: bytes of one token's residual stream.
    """
    tokens = settings.tokens
    logits = tokens * shape.vocab_size
    kept = settings.activation_bytes if settings.fused_layers != "none" else 4
    head_inputs = tokens * (stream_bytes + kept * shape.hidden_size)
    if settings.loss in ("plain", "fused_cross_entropy"):
        forward, backward = _bytes_per_logit(shape, settings, framework)
        return LossBytes(forward * logits, backward * logits, head_inputs)
    if settings.loss == "chunked":
        return LossBytes(2 * logits, 4 * logits, head_inputs)
    chunk = 6 * shape.vocab_size * count_fused_rows(tokens, shape.vocab_size, shape.hidden_size)
    gradient = settings.activation_bytes * tokens * shape.hidden_size
    return LossBytes(chunk + gradient, chunk + gradient, head_inputs)


def _bytes_per_logit(shape: ModelShape, settings: TrainingSettings, framework: Framework) -> tuple[float, float]:
    """Bytes of a logit with all copies, forward and backward."""
    is_plain = settings.loss == "plain"
    if framework.is_before_upcast and shape.model_type in _NEVER_UPCAST:
        same = (8, 18) if is_plain else (6, 14)
        size = same[0] if settings.compute == "pure" else same[1] if framework.converts_outputs else 12
        return size, size
    if not is_plain:
        return framework.fused_logit_bytes, framework.fused_logit_bytes
    return framework.loss_forward_bytes, framework.loss_backward_bytes


def count_fused_rows(tokens: int, vocab_size: int, hidden_size: int) -> int:
    """Rows of logits that a fused linear cross-entropy holds at a time.

    Source:
        Liger-Kernel ops/fused_linear_cross_entropy.py: the inputs are cut into about vocab_size / hidden_size pieces,
        so that a piece's logits are no larger than the inputs, rounded up to a power of two.

    Example:
        >>> count_fused_rows(16384, 128256, 4096)
        512
    """
    pieces = -(-vocab_size // max(1, hidden_size))
    rows = -(-tokens // max(1, pieces))
    return min(tokens, 1 << max(0, rows - 1).bit_length())
