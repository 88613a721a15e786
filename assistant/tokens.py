"""A sentence taken apart: words, numbers with their units, and the phrases that name quantities and knobs."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from assistant.number_words import ORDINALS, WORDS_BETWEEN, count_words, find_unit

_SPELLINGS = str.maketrans(
    {
        "‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": ";", "−": "-", "×": "x", "≈": "~", "→": ">", "…": ".",
        "≤": "<", "≥": ">", "\u00a0": " ",
    }
)  # fmt: skip
_TOKEN = re.compile(
    r"(?P<number>(?:(?<![\w.)%])[-+](?=\d))?\d{1,30}(?:,\d{3}){0,8}(?:\.\d{1,30})?(?:e[-+]?\d{1,4})?)"
    r"(?P<glued>x|gib|gb|mib|mb|kib|kb|tib|tb|k|m|b|s|ms|h|th|st|nd|rd|-?bit|-?fold|r)?(?![a-z_0-9])"
    r"|(?P<word>[a-z_0-9][\w]{0,80}(?:(?:[-/.'][a-z0-9_]\w{0,80}))*)"
    r"|(?P<mark>\.\.|[^\s\w])"
)
_SCALES = {"k": 1e3, "m": 1e6, "b": 1e9, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_MAX_PHRASE = 5

Kind = Literal["word", "number", "phrase", "mark"]


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a sentence in small letters; a phrase names quantities or knobs, as ``names`` says."""

    kind: Kind
    text: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it stands in a sentence.

    Attributes:
        place: index of its token.
        slack: half of its last digit's worth, so what it may have been rounded from.
        digits: significant ones.
        unit: "" for a plain number; sizes are in bytes, times in seconds.
    """

    place: int
    value: float
    slack: float
    digits: int
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A sentence's tokens and its numbers, by the place of their token."""

    tokens: tuple[Token, ...]
    numbers: Mapping[int, Number]

    def word(self, place: int) -> str:
        """The text at a place, "" outside."""
        return self.tokens[place].text if 0 <= place < len(self.tokens) else ""


def normalise(text: str) -> str:
    """Small letters, plain quotes and dashes."""
    return unicodedata.normalize("NFKC", text.translate(_SPELLINGS)).lower()


def read_sentence(text: str, phrases: Mapping[tuple[str, ...], tuple[str, ...]]) -> Reading:
    """Take a sentence apart.

    Args:
        phrases: words of a phrase -> the quantities or knobs that it names.
    """
    raw, glued = _split(normalise(text).replace("~", " about "))
    tokens, units = _join_phrases(raw, glued, phrases)
    return Reading(tuple(tokens), _read_numbers(tokens, units))


def _split(text: str) -> tuple[list[Token], list[str]]:
    tokens: list[Token] = []
    glued: list[str] = []
    for match in _TOKEN.finditer(text):
        if match["number"] and match["glued"] not in ("bit", "-bit", "r"):
            tokens.append(Token("number", match["number"]))
            glued.append(match["glued"] or "")
        elif match["mark"]:
            tokens.append(Token("mark", match["mark"]))
            glued.append("")
        else:
            tokens.append(Token("word", match[0].removesuffix("'s")))
            glued.append("")
    return tokens, glued


def _join_phrases(
    raw: Sequence[Token], glued: Sequence[str], phrases: Mapping[tuple[str, ...], tuple[str, ...]]
) -> tuple[list[Token], dict[int, str]]:
    tokens: list[Token] = []
    units: dict[int, str] = {}
    place = 0
    while place < len(raw):
        if raw[place].kind == "word":
            length = _match_phrase(raw, place, phrases)
            if length:
                words = tuple(token.text for token in raw[place : place + length])
                tokens.append(Token("phrase", " ".join(words), phrases[words]))
                place += length
                continue
        if raw[place].kind == "number":
            units[len(tokens)] = glued[place]
        tokens.append(raw[place])
        place += 1
    return tokens, units


def _match_phrase(raw: Sequence[Token], place: int, phrases: Mapping[tuple[str, ...], tuple[str, ...]]) -> int:
    words = [token.text for token in raw[place : place + _MAX_PHRASE]]
    return next((length for length in range(len(words), 0, -1) if tuple(words[:length]) in phrases), 0)


def _read_numbers(tokens: Sequence[Token], glued: Mapping[int, str]) -> dict[int, Number]:
    numbers: dict[int, Number] = {}
    for place, token in enumerate(tokens):
        if token.kind == "number":
            numbers[place] = _read_digits(tokens, place, glued.get(place, ""))
        elif token.kind == "word" and (found := _read_word(tokens, place)):
            numbers[place] = found
    return _share_units(tokens, numbers)


def _read_digits(tokens: Sequence[Token], place: int, glued: str) -> Number:
    text = tokens[place].text
    value = float(text.replace(",", ""))
    mantissa, _, exponent = text.replace(",", "").lstrip("+-").partition("e")
    decimals = len(mantissa.partition(".")[2])
    slack = 0.5 * 10.0 ** (int(exponent or 0) - decimals)
    digits = len(mantissa.replace(".", "").lstrip("0")) or 1
    unit, scale = find_unit(tokens, place, glued)
    following = tokens[place + 1].text if place + 1 < len(tokens) else ""
    scale *= _SCALES.get(glued, _SCALES.get(following, 1.0))
    return Number(place, value * scale, slack * scale, digits, unit, text)


def _read_word(tokens: Sequence[Token], place: int) -> Number | None:
    """A number in words: a count before what it counts, a ratio, an ordinal before an epoch or a step."""
    word = tokens[place].text
    if word in ORDINALS:
        unit = tokens[place + 1].text if place + 1 < len(tokens) else ""
        if unit in ("epoch", "step"):
            return Number(place, ORDINALS[word], 0, 9, unit, word)
    counted = count_words(tokens, place)
    return Number(place, counted[0], 0, 9, counted[1], word) if counted else None


def _share_units(tokens: Sequence[Token], numbers: dict[int, Number]) -> dict[int, Number]:
    """The first of a pair takes the unit of the second: "3-10 %", "8 of 32 examples"."""
    before: Number | None = None
    for place in sorted(numbers):
        number = numbers[place]
        is_pair = before is not None and place - before.place == len(("or", ""))
        if is_pair and before and before.unit == "times" and not number.unit:
            numbers[place] = replace(number, unit="times")
        before = numbers[place]
    for place in sorted(numbers, reverse=True):
        number = numbers[place]
        following = next((other for other in sorted(numbers) if other > place), None)
        if number.unit or following is None or not numbers[following].unit:
            continue
        between = [token.text for token in tokens[place + 1 : following]]
        if between and len(between) <= 3 and all(word in WORDS_BETWEEN for word in between):
            second = numbers[following]
            scale = _scale_of(tokens, following, second)
            numbers[place] = Number(
                place, number.value * scale, number.slack * scale, number.digits, second.unit, number.text
            )
    return numbers


def _scale_of(tokens: Sequence[Token], place: int, number: Number) -> float:
    if tokens[place].kind != "number" or number.unit not in ("bytes", "s"):
        return 1.0
    plain = float(tokens[place].text.replace(",", ""))
    return number.value / plain if plain else 1.0
