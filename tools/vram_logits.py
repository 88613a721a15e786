"""What the output head and the loss need, by how the loss is computed."""

from dataclasses import dataclass

from tools.vram_frameworks import Framework
from tools.vram_settings import TrainingSettings


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
    vocab_size: int, hidden_size: int, settings: TrainingSettings, framework: Framework, *, stream_bytes: float
) -> LossBytes:
    """Count what the loss needs for one forward pass.

    Args:
        vocab_size: rows of the output head.
        hidden_size: width of the residual stream.
        settings: how the model is trained.
        framework: whose loss it is.
        stream_bytes: bytes of one token's residual stream.
    """
    tokens = settings.tokens
    logits = tokens * vocab_size
    kept = settings.activation_bytes if settings.fused_layers != "none" else 4
    head_inputs = tokens * (stream_bytes + kept * hidden_size)
    if settings.loss == "plain":
        return LossBytes(framework.loss_forward_bytes * logits, framework.loss_backward_bytes * logits, head_inputs)
    if settings.loss == "fused_cross_entropy":
        return LossBytes(framework.fused_logit_bytes * logits, framework.fused_logit_bytes * logits, head_inputs)
    if settings.loss == "chunked":
        return LossBytes(2 * logits, 4 * logits, head_inputs)
    chunk = 6 * vocab_size * count_fused_rows(tokens, vocab_size, hidden_size)
    gradient = settings.activation_bytes * tokens * hidden_size
    return LossBytes(chunk + gradient, chunk + gradient, head_inputs)


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
