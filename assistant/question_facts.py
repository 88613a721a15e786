"""The numbers that a question's words give to settings: batch, length, rank, rate, epochs, rows; with their words."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.question_rules import RULES, Rule
from tools.lazy_pattern import lazy_pattern
from tools.log_formats.setting_values import canonical_setting

Value = float | str | bool

MAX_QUESTION = 8000
"""Characters of a question that are read: more than that is a pasted log, which has a reader of its own."""

_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


@dataclass(frozen=True, slots=True)
class Reading:
    """One setting as the words give it.

    Attributes:
        name: Hugging Face's name of the setting.
        start, end: of the words in the question, in characters.
    """

    name: str
    value: Value
    start: int
    end: int


_NAMED = lazy_pattern(
    r"(?<![\w./])(?:--)?(?P<name>[A-Za-z][A-Za-z0-9]{0,20}(?:[_-][A-Za-z0-9]{1,20}){1,5})"
    r"\s?[=:]?\s?[\"']?(?P<value>true|false|yes|no|-?\d{1,12}(?:\.\d{1,10})?(?:e-?\d{1,2})?)(?![\w%]|\.\d)",
    re.IGNORECASE,
)
_TRUTHS = {"true": True, "yes": True, "false": False, "no": False}
# Names of flags whose number a rule above reads with its bounds and its traps.
_RULED = {rule.name for rule in RULES}


def read_numbers(question: str) -> Iterator[Reading]:
    """What the words give to settings that are numbers, and to switches that are written by their name.

    The first rule that reads a setting gives it; a span of words gives one setting only.
    """
    text = question[:MAX_QUESTION]
    taken: list[tuple[int, int]] = []
    seen: set[str] = set()
    for reading in (*_read_pairs(text), *_read_rules(text), *_read_named(text)):
        is_taken = any(reading.start < end and start < reading.end for start, end in taken)
        if reading.name in seen or is_taken:
            continue
        seen.add(reading.name)
        taken.append((reading.start, reading.end))
        yield reading


_POWER = lazy_pattern(r"(\d{1,2})\s?[x*]\s?10\^?(-\d{1,2})")
_GROUPED = lazy_pattern(r"[1-9]\d{0,2}(?:[,.]\d{3}){1,3}")
_PAIR = lazy_pattern(
    r"(?<![\w-])(?:batch(?:[\s_-]?size)?"
    r"|bs)[\s=:]{0,3}(?P<n>\d{1,4})\s?[x×*]\s?(?P<m>\d{1,4})(?![\w%]|\.\d)",
    re.IGNORECASE,
)


def _read_pairs(text: str) -> Iterator[Reading]:
    """``batch 4x8``: the micro-batch and the accumulation."""
    for match in _PAIR.finditer(text):
        middle = match.start("m")
        yield Reading("per_device_train_batch_size", float(match["n"]), match.start(), middle - 1)
        yield Reading("gradient_accumulation_steps", float(match["m"]), middle, match.end())


def _read_rules(text: str) -> Iterator[Reading]:
    for rule in RULES:
        kilo = 1024.0 if rule.name == "max_length" else 1000.0
        found = []
        if rule.unless and re.search(rule.unless, text, re.IGNORECASE):
            continue
        for match in rule.pattern.finditer(text):
            value = to_number(match.groupdict().get("m") or match["n"], kilo)
            if rule.least <= value <= rule.most and _is_free(rule, text, match):
                found.append(Reading(rule.name, value, match.start(), match.end()))
        if not rule.is_single or len({reading.value for reading in found}) == 1:
            yield from found


def _is_free(rule: Rule, text: str, match: re.Match[str]) -> bool:
    """Whether nothing around the words gives them another meaning."""
    before, after = text[max(0, match.start() - 40) : match.start()], text[match.end() : match.end() + 30]
    is_refused = rule.before and re.search(rule.before, before, re.IGNORECASE)
    return not is_refused and not (rule.after and re.match(rule.after, after, re.IGNORECASE))


def _read_named(text: str) -> Iterator[Reading]:
    """Settings by their own names, as in ``logging_steps=10`` or ``--save_steps 500``."""
    for match in _NAMED.finditer(text):
        name = canonical_setting(match["name"], is_among_settings=False)
        if name is None or name in _RULED:
            continue
        word = match["value"].lower()
        yield Reading(name, _TRUTHS[word] if word in _TRUTHS else float(word), match.start(), match.end())


def to_number(text: str, kilo: float = 1000.0) -> float:
    """A number as people write it.

    Args:
        text: digits, a rate or a word.
        kilo: what "k" stands for where the number before it is a power of two: 1024 for lengths.

    Example:
        >>> to_number("8k", 1024), to_number("110,000"), to_number("36.000"), to_number("two"), to_number("2e-4")
        (8192.0, 110000.0, 36000.0, 2.0, 0.0002)
    """
    plain = text.strip().lower().replace("_", "")
    if plain in _WORDS:
        return float(_WORDS.index(plain) + 1)
    if power := _POWER.fullmatch(plain):
        return float(f"{power[1]}e{power[2]}")
    number = plain.rstrip("km ")
    if _GROUPED.fullmatch(number):
        number = number.replace(",", "").replace(".", "")
    value = float(number.replace(",", ""))
    if plain.endswith("k"):
        is_power = value.is_integer() and int(value) & (int(value) - 1) == 0
        return value * (kilo if is_power else 1000.0)
    return value * 1e6 if plain.endswith("m") else value
