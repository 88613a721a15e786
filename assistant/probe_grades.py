"""Grades what a model replied to a case of the probe, by rules."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from assistant.probe_case import LETTERS, Case
from assistant.probe_directions import read_directions

Grade = Literal["right", "wrong", "inverted"]

_THOUGHTS, _THOUGHTS_END = "<think>", "</think>"
_MAX_CHARACTERS = 2000
_CITATION = re.compile(r"\[E\d{1,3}\]")
_FIRST_LETTER = re.compile(rf"[\s*(\"']{{0,4}}([{LETTERS}])(?:$|[.):,*\"'])")
_LETTER = re.compile(rf"(?:^|[\s(*\"'])([{LETTERS}])(?=$|[\s.):,*\"'])")
_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]{0,20}(?:\.\d{1,12})?(?:[eE][+-]?\d{1,3})?")
_UNIT_REACH = 14
_ABSTAINS = re.compile(
    r"out of scope|\bcan only (?:answer|help|talk|assist)"
    r"|(?:facts|data|log|text|it) (?:do|does|did)(?: not|n't) (?:say|tell|mention|state|contain|include)"
    r"|\bnot (?:given|stated|known|mentioned|said|provided|specified|available|in the facts|about|related|listed|told)"
    r"|\b(?:cannot|can't|can not|unable to) (?:tell|say|answer|be|determine|find|help|know|write)"
    r"|\bno (?:information|fact|mention)|\bunknown\b|\bi (?:do not|don't) know\b|\bnothing (?:about|on|is said)",
    re.IGNORECASE,
)
_SAME_UNITS = {"%": ("%", "percent", "per cent"), "s": ("s", "second"), "tokens/s": ("tokens/s", "tokens per second")}


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model replied: its text, and the calls of tools as (name, arguments)."""

    text: str
    calls: Sequence[tuple[str, Mapping[str, Any]]] = ()


def grade(case: Case, reply: Reply) -> Grade:
    """Grade a reply; "inverted" is advice that goes the other way than the card."""
    said = reply.text.rpartition(_THOUGHTS_END)[2].partition(_THOUGHTS)[0]
    text = _CITATION.sub("", said[:_MAX_CHARACTERS]).strip()
    if case.group == "direction":
        return _grade_direction(case, text)
    is_right = {
        "choice": lambda: _grade_choice(case, text),
        "tools": lambda: _grade_call(case, reply.calls),
        "numbers": lambda: _grade_number(case, text),
        "abstaining": lambda: _grade_abstaining(case, text),
    }[case.group]()
    return "right" if is_right else "wrong"


def _grade_choice(case: Case, text: str) -> bool:
    """The letter that the reply begins with, or the only one in it."""
    first = _FIRST_LETTER.match(text)
    letters = {first[1]} if first else set(_LETTER.findall(text))
    return letters == {case.rest["letter"]}


def _grade_call(case: Case, calls: Sequence[tuple[str, Mapping[str, Any]]]) -> bool:
    """One call of the right tool, and each argument a value that is meant."""
    wanted = case.rest["call"]
    if len(calls) != 1 or calls[0][0] != wanted["name"]:
        return False
    arguments = calls[0][1]
    return all(_is_meant(arguments.get(name), values) for name, values in wanted["arguments"].items())


def _is_meant(value: Any, meant: Sequence[str | int]) -> bool:
    return any(value == each if isinstance(each, int) else each.lower() in str(value).lower() for each in meant)


def _grade_number(case: Case, text: str) -> bool:
    """The number of the facts with its unit, and no other number."""
    found = list(_NUMBER.finditer(text))
    wanted = float(case.rest["number"])
    if not found or any(float(match[0].replace(",", "").rstrip(".")) != wanted for match in found):
        return False
    unit = case.rest["unit"]
    return not unit or any(_has_unit(text, match, unit) for match in found)


def _has_unit(text: str, match: re.Match[str], unit: str) -> bool:
    after, before = (
        text[match.end() : match.end() + 2 * _UNIT_REACH],
        text[max(0, match.start() - _UNIT_REACH) : match.start()],
    )
    spelled = _SAME_UNITS.get(unit, (unit,))
    if unit.isalpha() and len(unit) > 3:
        return any(each in (before + after).lower() for each in spelled)
    return any(re.match(rf"\s?{re.escape(each)}(?![A-Za-z]{{2}})", after) for each in spelled)


def _grade_direction(case: Case, text: str) -> Grade:
    found = read_directions(text, case.rest["knob"], case.rest["current"])
    if found == {case.rest["direction"]}:
        return "right"
    return "inverted" if found else "wrong"


def _grade_abstaining(case: Case, text: str) -> bool:
    """Where the facts tell, the answer and no excuse; where they do not, an excuse."""
    abstains = bool(_ABSTAINS.search(text))
    answer = case.rest["answer"]
    if answer is None:
        return abstains
    return not abstains and any(each in text.lower() for each in answer)
