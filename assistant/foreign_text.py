"""What must not stand in a sentence at all: links, markup, control characters, commands and names that nobody gave."""

import re
import unicodedata

MAX_CHARACTERS = 700

_LINK = re.compile(
    r"(?:https?|ftp|file|data|javascript|mailto|ssh|git)\s{0,2}:\s{0,2}\S|\bwww\.|\]\(|\bbit\.ly\b", re.IGNORECASE
)
_DOMAIN = re.compile(
    r"\b[a-z0-9][a-z0-9-]{1,60}\.(?:com|org|net|io|dev|ai|co|ru|cn|xyz|app|sh|me|info|example|test)\b", re.I
)
_MARKUP = re.compile(r"<[/!a-z]|&[a-z]{2,8};|&#|!\[|\*\*|__\w|^#{1,6} |~~|\{\{|\}\}|\$\(|\$\{|\|\s*\w|```", re.I)
_CODE = re.compile(r"`([^`\n]{0,200})`")
_QUOTED = re.compile(r"[\"“]([^\"“”\n]{2,200})[\"”]")
_FLAG = re.compile(r"(?<![\w-])--?[a-z][\w-]{0,60}", re.IGNORECASE)
_NAME = re.compile(
    r"(?<![\w.])(?:[A-Za-z]\w{0,60}_\w{0,60}|[A-Za-z_]\w{0,60}(?:\.[A-Za-z_]\w{0,60}){1,8}|"
    r"[a-z]{1,30}[A-Z]\w{0,60}|[A-Z][a-z]{1,30}[A-Z]\w{0,60}|\w{1,60}\(|"
    r"(?:[\w.-]{0,60}/){1,8}[\w.-]{1,60}|[\w-]{1,60}\.(?:py|sh|json|yaml|yml|log|txt|"
    r"md|csv|pt|bin|safetensors|gguf|toml|ipynb))"
)
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w{0,60})\s?={1,2}\s?([\"']?[^\s,;)]{1,60})")
_SHELL = re.compile(
    r"\b(?:pip|pip3|conda|apt|apt-get|brew|sudo|rm|curl|wget|git|docker|kill|pkill|chmod|chown|bash|"
    r"sh|ssh|scp|export|"
    r"nvidia-smi|python|python3|npm|make|huggingface-cli|hf|accelerate|torchrun|deepspeed|eval|exec|rmdir|mkfs|dd|mv)"
    r"\s(?=[a-z-])[\w./=~-]{1,60}"
)
_PLAIN_PAIRS = re.compile(r"^(?:[Ee]\.g|[Ii]\.e|[a-z]{2,20}/[a-z]{2,20}|\d+(?:\.\d+)?/\d+|and/or)$")
_ENGLISH = frozenset({"make", "accelerate", "export", "kill", "exec", "eval", "git"})


def find_foreign(sentence: str, bare: str, corpus: str) -> str | None:
    """Tell what in a sentence is no prose or was given by nobody.

    Args:
        bare: the sentence without its citations.
        corpus: all that the evidence and the cards say, in small letters.
    """
    if len(sentence) > MAX_CHARACTERS:
        return "is too long to be checked"
    if any(_is_hidden(character) for character in sentence):
        return "holds characters that are not shown"
    if _LINK.search(sentence) or _DOMAIN.search(bare):
        return "holds a link"
    if _MARKUP.search(bare):
        return "holds markup"
    return _find_command(bare, corpus) or _find_name(bare, corpus)


def _is_hidden(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn", "Zl", "Zp") and character not in "\n\t"


def _find_command(bare: str, corpus: str) -> str | None:
    for code in _CODE.findall(bare):
        if " ".join(code.lower().split()) not in corpus:
            return f"names `{code}`, which stands in no card and no evidence"
    for quoted in _QUOTED.findall(bare):
        if " ".join(quoted.lower().split()).rstrip(".,") not in corpus:
            return f"quotes '{quoted[:40]}', which stands in no card and no evidence"
    for flag in _FLAG.findall(bare):
        if flag.startswith("--") and flag.lower() not in corpus:
            return f"names the flag {flag}, which stands in no card and no evidence"
    for match in _SHELL.finditer(bare):
        command = match[0]
        if command.lower() not in corpus and not (command.split(" ")[0] in _ENGLISH and "-" not in command):
            return f"names the command '{command}', which stands in no card and no evidence"
    return None


def _find_name(bare: str, corpus: str) -> str | None:
    for name, value in _ASSIGNMENT.findall(bare):
        spaced = re.compile(rf"{re.escape(name.lower())}\s?=+\s?{re.escape(value.lower().rstrip('.'))}")
        if not value[0].isdigit() and not spaced.search(corpus):
            return f"names {name}={value}, which stands in no card and no evidence"
    for match in _NAME.finditer(bare):
        name = match[0].rstrip("(.")
        if not _PLAIN_PAIRS.match(name) and name.lower() not in corpus:
            return f"names {name}, which stands in no card and no evidence"
    return None
