"""The boundary that text crosses before a language model reads it: secrets become stable placeholders."""

import re

_SECRETS = (
    ("HUB_TOKEN", r"\bhf_[A-Za-z0-9]{20,}"),
    ("API_KEY", r"\bsk-[A-Za-z0-9_-]{20,}"),
    ("GITHUB_TOKEN", r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})"),
    ("SLACK_TOKEN", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("AWS_KEY", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    ("GCP_KEY", r"\bAIza[A-Za-z0-9_-]{35}"),
    ("JWT", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    ("WANDB_KEY", r"(?i:wandb[^\n]{0,40}(?:key|login)[^\n0-9a-f]{0,10})\b[0-9a-f]{40}\b"),
    ("URL_WITH_PASSWORD", r"\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@[^\s]+"),
    ("EMAIL", r"\b[\w.+-]+@[\w-]+\.[\w.-]+\b"),
    ("HOME", r"(?:/home/|/Users/|C:\\Users\\)[^\s/\\:'\"]+"),
)
_PATTERN = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _SECRETS))


def redact(text: str) -> str:
    """Replace secrets, addresses and home folders.

    Example:
        >>> redact("push with hf_abcdefghijklmnopqrstuvwxyz as me@example.org")
        'push with <HUB_TOKEN> as <EMAIL>'
    """
    return _PATTERN.sub(lambda match: f"<{match.lastgroup}>", text)
