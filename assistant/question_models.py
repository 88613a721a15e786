"""The model that a question names: a hub id or a family with its size, looked up in the catalogue, not on a network."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from assistant.question_facts import MAX_QUESTION
from tools.catalogue import find_by_loose_name, find_in_catalogue
from tools.lazy_pattern import lazy_pattern
from tools.model_hub import is_cached

MAX_LOOKUPS = 40
"""Names looked up in one question: a pasted list of models must not take seconds."""

_FAMILIES = (
    r"(?:meta-)?(?:code|tiny|open)?[-_ ]?llama|vicuna|alpaca|mistral|ministral|mixtral|codestral|zephyr|qwen|qwq"
    r"|gemma"
    r"|codegemma|paligemma|phi|falcon|mpt|pythia|bloomz?|opt|gpt-?2|distilgpt2|gpt-?neox?|gpt-?j|gpt-?oss|codegen"
    r"|starcoder"
    r"|santacoder|stablelm|deepseek|smollm|olmoe?|granite|internlm|internvl|baichuan|chatglm|glm|yi|command|aya|solar"
    r"|openhermes|nous-hermes|hermes|wizardlm|wizardcoder|dolly|redpajama|tulu|exaone|(?:flan-|m|by)?t5|(?:ro"
    r"|distil|modern)?bert"
    r"|whisper|llava|molmo|cerebras-gpt|openchat|aquila2?|ernie|kimi|mimo|lfm|minicpm|nemotron|xlm-roberta|orpheus"
    r"|salamandra"
)
_SOFTWARE = r"\.cpp|[-_ ]?factory|[-_ ]?index|[-_ ]server|[-_ ]?lora\b|[-_ ]?adapter|[-_ ]cookbook|[-_ ]recipes"
_SIZE = r"\d{1,3}x\d{1,2}b|\d{1,4}(?:[._]\d{1,3})?[bm]"
_WORDS = (
    r"instruct|chat|base|hf|it|mini|small|medium|large|xl|xxl|nano|tiny|micro|coder|code|math|vl|moe|next|oss"
    r"|vision|scout"
    r"|maverick|flash|python|mono|omni|embedding|reranker|distill|r1|lite|llm|llama|qwen|nemo|uncased|cased"
    r"|multilingual"
    r"|hermes|chinese|base|gpt|onevision|plus|air|coat|e\d{1,2}b|a\d{1,2}b|\d{1,3}k|bnb|4bit|gptq|awq|gguf|unsloth"
    r"|dpo|preview|reasoning"
)
# A bare number belongs to the name only before a size, or joined to it: "llama 3 8b", "phi-2", "llama2".
_PART = (
    rf"(?:[-_ .:]{{0,2}}(?:{_SIZE})(?![A-Za-z0-9])|[-_ ]?(?:{_WORDS})(?![A-Za-z0-9])"
    r"|[-_]?v?\d{1,4}(?:\.\d{1,2}){0,2}(?![A-Za-z0-9%])| v?\d(?:\.\d{1,2})?(?=[-_ ](?:\d{1,3}(?:\.\d)?[bm]\b|mini"
    r"|small|medium|large)))"
)
_NAME = lazy_pattern(
    rf"(?<![\w/.@-])(?:(?:{_SIZE})[-_ ])?(?:{_FAMILIES})(?![A-Za-z]"
    rf"|{_SOFTWARE}){_PART}{{0,7}}",
    re.IGNORECASE,
)
_LONE_VERSION = lazy_pattern(
    rf"(?<![\w/.@-])(?:{_FAMILIES}) v?\d(?:\.\d{{1,2}})?(?![\w%]| ?(?:epochs?|x|gpus?|steps?|times|runs))",
    re.IGNORECASE,
)
_SIZE_FIRST = lazy_pattern(
    rf"(?<![\w/.@-])(?:{_SIZE})[-_ ](?:{_FAMILIES})[-_ ]?v?\d(?:\.\d{{1,2}})?(?![\w%])", re.IGNORECASE
)
_OTHER = lazy_pattern(
    r"(?<![\w/.@-])[A-Za-z][A-Za-z0-9]{1,24}(?:[-_][A-Za-z0-9.]{1,12}){0,3}[-_]\d{1,3}(?:\.\d{1,2})?[bBM](?:-[A-Za-z0-9.]{1,12}){0,4}(?![\w/])"
)
_HUB_ID = lazy_pattern(r"(?<![\w/.~@:-])[A-Za-z0-9][\w.-]{0,60}/[A-Za-z0-9][\w.-]{0,90}(?![\w/])")
_LIKE_A_MODEL = lazy_pattern(rf"(?:{_FAMILIES})|[a-z][\w.-]{{0,60}}-\d{{1,3}}(?:\.\d{{1,2}})?b\b", re.IGNORECASE)
_SIZE_ONLY = lazy_pattern(
    r"(?<![\w/.-])(?:an?|the|my|this|our|on)\s(?P<size>\d{1,3}(?:\.\d{1,2})?b)(?![\w-])(?! (?:tokens|rows"
    r"|param\w{0,6} in))",
    re.IGNORECASE,
)
_ROLE_AFTER = lazy_pattern(
    r"\s?(?:model )?(?:as|is) (?:a |an |the |my )?(?:judge|teacher|grader|evaluator|critic|reward|reference"
    r"|annotator|embedder)",
    re.IGNORECASE,
)
_ROLE_BEFORE = (
    r"(?:generated (?:by|with)|judged (?:by|with)|distil(?:led)? from|graded by|scored by|teacher|judge|written by"
    r"|labelled by"
    r"|synthetic data from|rated by|answers (?:of|from))\s(?:an?\s|the\s)?$"
)
# Families whose name is a word of prose: they count with a size or a version only.
_PROSE = lazy_pattern(
    r"opt|bloom|phi|command|solar|yi|hermes|aya|whisper|alpaca|bert|t5|mpt|dolly|lfm|kimi|mimo",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ModelName:
    """A model as a question names it.

    Attributes:
        name: as ``load_model_shape`` takes it without a network, "" where the words do not tell one model.
        words: as the question has them.
    """

    name: str
    words: str
    start: int
    end: int


def read_model(question: str) -> ModelName | None:
    """The first model that a question names and the catalogue knows; else the first that it does not know.

    Example:
        >>> read_model("does llama 3.1 8b fit?").name, read_model("GPT-4 as a judge")
        ('meta-llama/Llama-3.1-8B', None)
    """
    text = question[:MAX_QUESTION]
    unknown = None
    for number, (start, end) in enumerate(_spans(text)):
        if number >= MAX_LOOKUPS:
            break
        if _ROLE_AFTER.match(text, end) or re.search(_ROLE_BEFORE, text[max(0, start - 40) : start], re.IGNORECASE):
            continue
        found = _resolve(text, start, end)
        if found and found.name:
            return found
        unknown = unknown or found
    size = _SIZE_ONLY.search(text) if unknown is None else None
    return ModelName("", size["size"], size.start("size"), size.end()) if size else unknown


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Where a model may be named, in the order of the text."""
    found: dict[int, int] = {}
    for pattern in (_HUB_ID, _NAME, _LONE_VERSION, _SIZE_FIRST, _OTHER):
        for match in pattern.finditer(text):
            end = match.start() + len(match[0].rstrip(".-_: "))
            found[match.start()] = max(end, found.get(match.start(), 0))
    yield from sorted(found.items())


def _resolve(text: str, start: int, end: int) -> ModelName | None:
    """The longest beginning of the words that is one model; words like a model's name that are none are kept."""
    words = text[start:end]
    if "/" in words:
        exact = find_in_catalogue(words)
        known = exact[0] if exact else look_up(words) if _LIKE_A_MODEL.search(words) else ""
        known = known or (words if is_cached(words) else "")
        return ModelName(known, words, start, end) if known or _LIKE_A_MODEL.search(words) else None
    if _PROSE.fullmatch(words) and not words.isupper():
        return None
    for stop in sorted({end, *(start + cut.start() for cut in re.finditer(r"[-_ .:]", words))}, reverse=True):
        name = look_up(text[start:stop])
        if name:
            return ModelName(name, text[start:stop], start, stop)
    return ModelName("", words, start, end)


@lru_cache(maxsize=256)
def look_up(words: str) -> str:
    """The catalogue's id of a model, "" where it has none or several that fit.

    Example:
        >>> look_up("llama2 7b"), look_up("llama")
        ('meta-llama/Llama-2-7b', '')
    """
    found = find_in_catalogue(words) or find_by_loose_name(words)
    return found[0] if found else ""
