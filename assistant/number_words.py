"""Units beside a number, and numbers that are written in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from assistant.word_sets import word_set

if TYPE_CHECKING:
    from assistant.tokens import Token

_SIZES = {"b": 1.0, "bytes": 1.0, "byte": 1.0}
_SIZES |= dict.fromkeys(("kib", "kb"), 2.0**10) | dict.fromkeys(("mib", "mb", "megabytes"), 2.0**20)
_SIZES |= dict.fromkeys(("gib", "gb", "gigabytes", "gigs"), 2.0**30) | dict.fromkeys(("tib", "tb"), 2.0**40)
_TIMES = {"ms": 0.001, "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0, "min": 60.0, "minute": 60.0}
_TIMES |= {"minutes": 60.0, "h": 3600.0, "hour": 3600.0, "hours": 3600.0, "day": 86400.0, "days": 86400.0}
_PLAIN = {
    "%": "%", "percent": "%", "per-cent": "%", "x": "times", "times": "times", "fold": "times", "-fold": "times",
    "step": "step", "steps": "step", "iterations": "step", "iteration": "step", "epoch": "epoch", "epochs": "epoch",
    "passes": "epoch",
    "rows": "rows", "row": "rows", "examples": "examples", "example": "examples", "samples": "examples",
    "records": "rows",
    "evaluations": "evaluations", "evaluation": "evaluations", "values": "values", "tokens": "tokens",
    "parameters": "parameters", "weights": "parameters", "gpus": "gpus", "sequences": "examples", "lines": "line",
    "percentile": "percentile", "th": "th", "layers": "layers", "prompts": "prompts", "completions": "completions",
}  # fmt: skip
_BEFORE = {"step": "step", "steps": "step", "epoch": "epoch", "epochs": "epoch", "iteration": "step", "line": "line"}
_ADJECTIVES = word_set(
    "training distinct different more fewer gpu total optimiser optimizer full whole other "
    "evaluation validation fresh "
    "random decoded the trainable million billion thousand unique additional"
)
WORDS_BETWEEN = word_set("to - .. or and of the out only all")
ORDINALS = {
    "first": 1.0, "second": 2.0, "third": 3.0, "fourth": 4.0, "fifth": 5.0, "sixth": 6.0, "seventh": 7.0,
    "eighth": 8.0, "ninth": 9.0, "tenth": 10.0,
}  # fmt: skip
_COUNTS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
]
COUNTS = {word: float(value) for value, word in enumerate(_COUNTS)}
COUNTS |= {"thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0}
COUNTS |= {"ninety": 90.0, "hundred": 100.0, "thousand": 1000.0, "million": 1e6, "dozen": 12.0}
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
COUNTS |= {f"{tens}-{ones}": COUNTS[tens] + COUNTS[ones] for tens in _TENS for ones in _COUNTS[1:10]}
_RATIOS = {
    "half": 2.0, "halve": 2.0, "halves": 2.0, "halved": 2.0, "halving": 2.0, "double": 2.0, "doubles": 2.0,
    "doubled": 2.0, "doubling": 2.0, "twice": 2.0, "triple": 3.0, "triples": 3.0, "tripled": 3.0, "tripling": 3.0,
    "thrice": 3.0, "quadruple": 4.0, "quadrupled": 4.0, "quarter": 4.0, "third": 3.0, "twofold": 2.0,
    "threefold": 3.0, "fourfold": 4.0, "fivefold": 5.0, "tenfold": 10.0, "hundredfold": 100.0, "tenth": 10.0,
}  # fmt: skip


def find_unit(tokens: "Sequence[Token]", place: int, glued: str) -> tuple[str, float]:
    """The unit of the number at a place, and what one of it is in bytes or seconds."""
    if glued and glued not in ("k", "m", "b"):
        return _name_unit(glued)
    if place >= 2 and tokens[place - 1].text == "of" and tokens[place - 2].text == "factor":
        return "times", 1.0
    before = tokens[place - 1] if place else None
    if before and before.text in _BEFORE:
        return _BEFORE[before.text], 1.0
    for ahead in range(place + 1, min(place + 5, len(tokens))):
        text = tokens[ahead].text
        last = text.split(" ")[-1]
        unit, scale = _name_unit(last)
        if unit and not (last in ("b", "s", "h", "x") and text != last):
            return unit, scale
        if text not in _ADJECTIVES and not (text == "-" and ahead == place + 1):
            break
    return "", 1.0


def _name_unit(word: str) -> tuple[str, float]:
    if word in _SIZES:
        return "bytes", _SIZES[word]
    if word in _TIMES:
        return "s", _TIMES[word]
    return _PLAIN.get(word, ""), 1.0


def count_words(tokens: "Sequence[Token]", place: int) -> tuple[float, str] | None:
    """The number that a word says, with its unit; None where it counts nothing that could be checked."""
    word = tokens[place].text
    before = tokens[place - 1].text if place else ""
    if word in _RATIOS:
        is_ordinal = word in ("third", "tenth") and before not in ("a", "one", "to")
        is_ordinal |= before in ("other", "second") or (word == "half" and before == "first")
        return None if is_ordinal else (_RATIOS[word], "times")
    if word not in COUNTS:
        return None
    if before in COUNTS and word in ("hundred", "thousand", "million"):
        return None
    value = COUNTS[word]
    following = tokens[place + 1].text if place + 1 < len(tokens) else ""
    if following in ("hundred", "thousand", "million"):
        value *= COUNTS[following]
    unit, scale = find_unit(tokens, place, "")
    if not unit:
        return None
    return value * scale, unit
