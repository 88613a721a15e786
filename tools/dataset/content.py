"""What the text of a row itself gives away: markers, damage, markup, refusals, repeated prompts, keys."""

import re
from collections.abc import Iterator

from tools.dataset.example import Example
from tools.dataset.turns import Fault

MARKERS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
    "<|end|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<<SYS>>",
    "[INST]",
    "[/INST]",
    "</s>",
    "<|eos|>",
)
HEADERS = ("### Instruction:", "### Response:", "### Human:", "### Assistant:", "### Input:")
"""Headers of the Alpaca and Vicuna templates; they hold no letter that is rare enough to look for first."""
PAIRED_MARKERS = (
    ("<|im_start|>", "<|im_end|>"),
    ("<start_of_turn>", "<end_of_turn>"),
    ("<|start_header_id|>", "<|eot_id|>"),
)
"""What opens a turn and what closes it."""

MOJIBAKE = (
    "â€",
    "Ã©",
    "Ã¨",
    "Ã¼",
    "Ã¶",
    "Ã¤",
    "Ã±",
    "Ã¡",
    "Ã³",
    "Ã§",
    "Ã\xad",
    "Â\xa0",
    "Ã ",
    "Â°",
    "ï»¿",
    "ðŸ",
    "Ð°Ð",
    "\ufffd",
)
"""UTF-8 that was read as Latin-1 or Windows-1252, and the character that stands for bytes nobody could read."""
CONTROL = ("\x00", "\x08", "\x1b")

TAGS = ("<br", "</p>", "</div>", "</span>", "</a>", "</li>", "&nbsp;", "&amp;", "&quot;", "&#39;", "&lt;", "&gt;")
REFUSALS = (
    "as an ai language model",
    "as a large language model",
    "as an ai assistant, i ",
    "as an ai, i ",
    "i'm just an ai",
    "i am just an ai",
    "i'm sorry, but i can't",
    "i'm sorry, but i cannot",
    "i cannot fulfill",
    "i can't assist with",
    "i cannot assist with",
)
REFUSAL_LETTERS = 300
MIN_ECHO = 20

_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@((?:[\w-]{1,63}\.){1,4}[a-zA-Z]{2,12})\b")
_SAMPLE_DOMAIN = re.compile(r"(?:^|\.)(?:example|test|invalid|domain|email|company|yourdomain|acme)\b")
_SECRETS = (
    ("sk-", re.compile(r"\bsk-(?:proj-|ant-)?[\w-]{32,200}")),
    ("hf_", re.compile(r"\bhf_[A-Za-z0-9]{30,60}\b")),
    ("ghp_", re.compile(r"\bghp_[A-Za-z0-9]{36}\b")),
    ("AKIA", re.compile(r"\bAKIA[A-Z0-9]{16}\b")),
    ("xox", re.compile(r"\bxox[abprs]-[\w-]{10,100}")),
    ("PRIVATE KEY", re.compile(r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----")),
)


def check_content(example: Example, whole: str) -> Iterator[Fault]:
    """Look through one row's text.

    Args:
        whole: all of its parts.
    """
    if "<" in whole or "[/" in whole or "###" in whole or "&" in whole:
        yield from _check_markup(whole)
    if not whole.isascii():
        damage = next((piece for piece in MOJIBAKE if piece in whole), "")
        if damage:
            yield Fault("encoding_damage", damage)
    control = next((piece for piece in CONTROL if piece in whole), "")
    if control:
        yield Fault("encoding_damage", "a control character")
    if example.format not in ("text", "unknown"):
        yield from _check_answer(example)
    yield from _check_private(whole)


def _check_markup(whole: str) -> Iterator[Fault]:
    found = [marker for marker in (*MARKERS, *HEADERS) if marker in whole]
    if found and "</s>" in found and len(found) == 1 and "<s>" in whole and "<p" in whole:
        found = []  # HTML strikes text through with this tag
    for marker in found:
        yield Fault("template_tokens_in_text", marker)
    for opening, closing in PAIRED_MARKERS:
        if opening in found and whole.count(opening) > whole.count(closing):
            yield Fault("missing_end_token", f"{opening} without {closing}")
    tag = next((tag for tag in TAGS if tag in whole), "")
    if tag and not _is_about_markup(whole):
        yield Fault("markup_remains", tag)


def _is_about_markup(whole: str) -> bool:
    """Whether markup is the subject, or part of code."""
    lowered = whole.lower()
    subjects = (
        "```",
        "html",
        "xml",
        "svg",
        "css",
        "react",
        "javascript",
        "regex",
        "escape",
        "`",
        "href",
        "import ",
        "&&",
    )
    return any(subject in lowered for subject in subjects)


def _check_answer(example: Example) -> Iterator[Fault]:
    answer = example.answer
    beginning = answer[:REFUSAL_LETTERS].lower().replace("’", "'")
    if " ai" in beginning or "sorry" in beginning or "language model" in beginning or "i can" in beginning:
        refusal = next((phrase for phrase in REFUSALS if phrase in beginning), "")
        if refusal:
            yield Fault("boilerplate_refusal", refusal)
    request = example.request.strip()
    if len(request) >= MIN_ECHO and answer.lstrip().startswith(request):
        yield Fault("prompt_in_answer", "")


def _check_private(whole: str) -> Iterator[Fault]:
    if "@" in whole:
        match = _EMAIL.search(whole)
        if match and not _SAMPLE_DOMAIN.search(match[1].lower()):
            yield Fault("personal_data", "")
    for sign, pattern in _SECRETS:
        if sign in whole and pattern.search(whole):
            yield Fault("secret", "")
            return
