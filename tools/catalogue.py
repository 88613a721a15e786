"""The built-in catalogue: configs of widely fine-tuned models, found by id or by the loose names people type."""

import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from tools.errors import BadInput

_TOKEN = re.compile(r"\d{1,9}(?:[._]\d{1,9}){0,3}|[a-z]{1,40}|x(?=\d)")
_NOTE = re.compile(r"\([^()]{0,200}\)")
_SIZE = re.compile(r"\d{1,4}[bm]")
_NOISE = re.compile(
    r"instruct|chat|it|hf|base|sft|dpo|pt|preview|deduped|v|the|model|unsloth|pytorch|meta|ai|"
    r"gptq|awq|gguf|ggml|mlx|exl|bnb|int|fp|bf|bits?|quantized|dynamic"
)
_QUANTISED = re.compile(
    r"[-_ ](?:unsloth[-_ ])?(?:dynamic[-_ ])?"
    r"(?:bnb|gptq|awq|gguf|exl2|mlx|int[48]|fp8|nf4|w4a16|[2-8][-_ ]?bits?|bf16|fp16|f16)\b"
)


def find_in_catalogue(name: str) -> tuple[str, Mapping[str, Any]] | None:
    """Look a model up by its id, whatever its case, its quantisation or words after it.

    Returns:
        Its id in the catalogue and its config, or None.

    Example:
        >>> find_in_catalogue("meta-llama/llama-3.2-1b")[0]
        'meta-llama/Llama-3.2-1B'
    """
    key = _NOTE.sub("", name[:200].lower()).strip()
    first = key.split(" ", 1)[0]
    found = _index().get(key) or _index().get(_QUANTISED.sub("", key)) or ("/" in first and _index().get(first))
    return (found[0], _entries()[found[1]]["config"]) if found else None


def find_by_loose_name(name: str) -> tuple[str, Mapping[str, Any]] | None:
    """Look a model up by a name as people type it: without its owner, its "instruct", its quantisation or its hyphens.

    Returns:
        The id in the catalogue and the config, or None where nothing or too much fits.

    Example:
        >>> find_by_loose_name("llama 3.1 8b")[0], find_by_loose_name("mistral7b")[0]
        ('meta-llama/Llama-3.1-8B', 'mistralai/Mistral-7B-v0.1')
    """
    found = _matches(name)
    configs = [_entries()[key]["config"] for _, key in found]
    return (found[0][0], configs[0]) if found and all(config == configs[0] for config in configs) else None


def explain_miss(name: str) -> BadInput:
    """The error for a name that the catalogue cannot resolve: what is ambiguous, or what is near."""
    found = _matches(name)
    if found:
        several = ", ".join(shown for shown, _ in found[:6])
        return BadInput(f"{name}: could be {several}; give one of them, a hub id or a path")
    near = _near_names(name)
    hint = f"near names: {', '.join(near)}; " if near else ""
    return BadInput(
        f"{name}: no such model in the catalogue; {hint}or give a hub id, a folder, a config.json or a GGUF"
    )


def catalogue_ids() -> Sequence[str]:
    """The ids of all entries, one for each config."""
    return tuple(_entries())


def _matches(name: str) -> list[tuple[str, str]]:
    """(name, entry) of those with the same telling words; else of those that have these words and fewest others."""
    words, joined = frozenset(_tokens(name)), "".join(_tokens(name))
    if not words:
        return []
    if same := _full_table().get(frozenset(_all_tokens(name))):
        return [same]
    if joined in _joined_table() and words not in _word_table():
        return [_joined_table()[joined]]
    names = [(len(other - words), shown, key) for other, (shown, key) in _word_table().items() if words <= other]
    fewest = min((extra for extra, _, _ in names), default=0)
    found = {key: shown for extra, shown, key in reversed(names) if extra == fewest}
    return [(shown, key) for key, shown in reversed(found.items())]


def _near_names(name: str) -> list[str]:
    """Names that share most telling words with this one, once its words are spelt as the catalogue spells them."""
    known = {word for words in _word_table() for word in words}
    words = frozenset(
        word if word in known else next(iter(get_close_matches(word, known, n=1, cutoff=0.6)), word)
        for word in _tokens(name)
    )
    scores = [
        (len(words & other) - 0.1 * len(other - words), shown)
        for other, (shown, _) in _word_table().items()
        if any(word.isalpha() for word in words & other)
    ]
    ranked = [shown for score, shown in sorted(scores, key=lambda item: -item[0]) if score > 0]
    return list(dict.fromkeys(ranked))[:4]


def _tokens(name: str) -> list[str]:
    """What tells a model from others: family, version and size.

    Example:
        >>> _tokens("unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit")
        ['llama', '3.1', '8b']
    """
    return [token for token in _all_tokens(name) if not _NOISE.fullmatch(token)]


def _all_tokens(name: str) -> list[str]:
    """The words of a name without its owner, notes in brackets and its quantisation."""
    text = _NOTE.sub(" ", name[:200].lower()).rstrip("/ ").replace("+", " plus ")
    owner, _, last = text.rpartition("/")
    text = f"{owner} {last}" if _SIZE.fullmatch(last) else last
    tokens: list[str] = []
    for token in _TOKEN.findall(_QUANTISED.sub(" ", text)):
        if token in ("b", "m") and tokens and tokens[-1][-1].isdigit():
            tokens[-1] += token
        else:
            tokens.append(token.replace("_", "."))
    return tokens


@cache
def _entries() -> dict[str, dict[str, Any]]:
    text = files("tools").joinpath("models.json").read_text(encoding="utf-8")
    entries: dict[str, dict[str, Any]] = json.loads(text)
    return entries


@cache
def _index() -> dict[str, tuple[str, str]]:
    """Lower-case name to the name as it is spelt and the entry."""
    names = ((key, name) for key, entry in _entries().items() for name in (key, *entry.get("also", ())))
    return {name.lower(): (name if "/" in name else key, key) for key, name in names}


@cache
def _word_table() -> dict[frozenset[str], tuple[str, str]]:
    """Telling words to the name to show and the entry; the first entry that has them wins."""
    table: dict[frozenset[str], tuple[str, str]] = {}
    for shown, key in _index().values():
        table.setdefault(frozenset(_tokens(shown)), (shown, key))
    for name, (shown, key) in _index().items():
        table.setdefault(frozenset(_tokens(name)), (shown, key))
    return table


@cache
def _full_table() -> dict[frozenset[str], tuple[str, str]]:
    """All words of the names, for models that differ from their base model in more than training."""
    return {frozenset(_all_tokens(name)): found for name, found in reversed(_index().items())}


@cache
def _joined_table() -> dict[str, tuple[str, str]]:
    """The telling words written as one, for those who part or join them otherwise."""
    return {"".join(_tokens(name)): (shown, key) for name, (shown, key) in reversed(_index().items())}
