"""Telling messages: what a library warns about in one line, without a traceback."""

import re

SLOW_PATH = re.compile(
    r"fast path is not available|fall(?:ing|s|en)? ?back to (?:the )?(?:eager|naive|slow|math)"
    r"|(?:training|this) (?:will|may|might|can) be (?:\w+ )?slow",
    re.IGNORECASE,
)

OVERFLOW = "overflow"
# Name, a word that stands in every such line (asking for it is cheap), and the pattern.
_SIGNS = (
    (
        "longer_than_model",
        "longer than the specified",
        r"sequence length is longer than the specified maximum sequence length for this model \((\d+) > (\d+)\)",
    ),
    ("no_grad_inputs", "requires_grad", r"None of the inputs have requires_grad=True"),
    ("new_weights", "not initialized", r"Some weights of (\S{1,80}) were not initialized from the model checkpoint"),
    (
        "no_padding_free_packing",
        "ing",
        r"sample_packing. without an attention backend"
        r"|[Pp]adding-free training is enabled, but the attention implementation"
        r"|[Pp]acking.{0,80}(?:without|not).{0,60}(?:flash|[Ff]lash ?[Aa]ttention|attn_implementation)",
    ),
    (
        "response_key_missing",
        "in the following instance",
        r"Could not find (?:response|instruction) key `?(.{1,80}?)`? in the following instance",
    ),
    (
        "labels_all_masked",
        "labels",
        r"[Aa]ll (?:of )?(?:the )?labels (?:in your dataset )?are -100|all labels (?:are|were) (?:masked|ignored)",
    ),
    (
        "pad_is_eos",
        "eos",
        r"pad[_ ]token(?:_id)?.{0,40}(?:same as|equal to|identical to|is the|set to).{0,20}eos[_ ]token",
    ),
    (
        "no_chat_template",
        "template",
        r"[Nn]o chat template is (?:defined|set)|does not have a chat template|chat_template is not set",
    ),
    (
        OVERFLOW,
        "kipping step",
        r"OVERFLOW!.{0,60}Skipping step|Gradient overflow\. {1,4}Skipping step",
    ),
    (
        OVERFLOW,
        "verflow detected, s",
        r"overflow detected, setting loss scale to: 0\.000\d|overflow detected, .{0,30}\de-0[4-9]",
    ),
)
_PATTERNS = tuple((name, word, re.compile(pattern)) for name, word, pattern in _SIGNS)
_SCALES = re.compile(
    r"[Aa]ttempted loss scale: ([\d.e+]{1,20}),? (?:but hysteresis is (\d)\. Reducing|reducing to ([\d.e+-]{1,20}))"
    r"|reducing loss scale to ([\d.e+-]{1,20})|setting loss scale to: ([\d.e+-]{1,20})"
)


def read_sign(text: str) -> tuple[str, dict[str, int]]:
    """Tell which known message a line is, and the numbers in it; the name is "" for none.

    Args:
        text: without colours and prefixes.

    Example:
        >>> read_sign("UserWarning: None of the inputs have requires_grad=True. Gradients will be None")
        ('no_grad_inputs', {})
        >>> read_sign("[deepspeed] OVERFLOW! Rank 0 Skipping step. Attempted loss scale: 65536, reducing to 32768")
        ('overflow', {'loss_scale': 32768})
    """
    for name, word, pattern in _PATTERNS:
        if word in text and (match := pattern.search(text)):
            return name, _read_loss_scale(text) if name == OVERFLOW else _numbers(match)
    return "", {}


def _numbers(match: re.Match[str]) -> dict[str, int]:
    found = [group for group in match.groups() if group and group.isdigit() and len(group) < 12]
    return {f"number_{index}": int(group) for index, group in enumerate(found, 1)}


def _read_loss_scale(text: str) -> dict[str, int]:
    """The loss scale to which an overflow leads; below 1 it is given as 0."""
    match = _SCALES.search(text)
    if not match:
        return {}
    try:
        return {"loss_scale": int(float(match[3] or match[4] or match[5] or match[1]))}
    except (ValueError, OverflowError):
        return {}
