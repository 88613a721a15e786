"""Secrets that only their name gives away: `hub_token: ...`, `--password ...`, `"api_key": "..."`."""

import re
from collections.abc import Iterator
from functools import cache

from assistant.secret_names import Demand, can_be_secret, classify_name, is_random
from assistant.secret_shapes import Span, skip_escape

RANK = 160
MAX_VALUE = 2048
_EXPORTS = ("export", "ENV", " -e", "--env", "set", "declare -x")
_MARKS = ("token", "key", "secret", "pass", "pwd", "auth", "cred", "sig", "cookie", "dsn", "jwt", "pw")
_NAME_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
_COLOUR = r"\x1b\[[0-9;]{0,12}m"
_QUOTE = r"(?:\\{0,3}[\"'`]|&quot;|%22)"
_GAP = rf"(?:[ \t]|{_COLOUR}){{0,12}}"
_VALUE_NAME = rf",?\s{{0,40}}{_QUOTE}?[Vv]alue{_QUOTE}?{_GAP}[:=]"
_TYPED = r":[ \t]?(?:Optional\[str\]|str \| None|str|SecretStr|string)[ \t]{0,2}="
_NEXT_LINE = r"(?:[ \t]{0,4}(?:\\|[|>][-+]?)?\r?\n[ \t]{1,40})?"
_START = re.compile(
    rf"(?P<rest>[A-Za-z0-9_-]{{0,40}})(?P<close>(?:{_QUOTE}|\]|\)|{_COLOUR}){{0,4}}){_GAP}"
    rf"(?P<operator>{_TYPED}|{_VALUE_NAME}|:=|=>|={{1,3}}|:{{1,2}}|%3[DdAa]|>|,|(?=\s))"
    rf"{_GAP}{_NEXT_LINE}(?:\[|\(|{_COLOUR}){{0,3}}"
    rf"(?P<scheme>{_QUOTE}?(?:[Bb]earer|[Bb]asic|[Tt]oken|[Aa]pi-?[Kk]ey)[ \t]{{1,4}})?"
    rf"(?:[bruf]{{0,2}}(?P<quote>{_QUOTE}))?"
)
_PLAIN = re.compile(rf"[^\s\"'`,;&<>(){{}}\[\]|\\\x1b]{{1,{MAX_VALUE}}}")
_WHOLE_WORD = re.compile(rf"[^\s\"'`\\\x1b]{{1,{MAX_VALUE}}}")
_ITS_LINE = re.compile(rf"[^\n\"'\x1b]{{1,{MAX_VALUE}}}")
_COLOURS = re.compile(_COLOUR)
_CURL = re.compile(r"[ \t=]{1,4}[\"']?([^\s:\"']{1,128}:[^\s\"']{1,256})")
_SSHPASS = re.compile(r"sshpass[ \t]{1,4}-p[ \t]{0,4}[\"']?([^\s\"']{1,256})")
_WANDB_KEY = r"(?:local-)?(?:[0-9a-f]{40}|[A-Za-z0-9_-]{86})"
_WANDB = re.compile(rf"[^\n]{{0,60}}?(?:key|login|pass)[^\n]{{0,24}}?(?<![\w-])({_WANDB_KEY})(?![\w-])", re.IGNORECASE)
_KINDS = (
    ("wandb", "WANDB_KEY"), ("aws", "AWS_SECRET"), ("azure", "AZURE_KEY"), ("accountkey", "AZURE_KEY"),
    ("kaggle", "KAGGLE_KEY"), ("comet", "COMET_KEY"), ("clearml", "CLEARML_KEY"), ("neptune", "NEPTUNE_TOKEN"),
    ("hf", "HUB_TOKEN"), ("hub", "HUB_TOKEN"), ("cookie", "COOKIE"), ("sig", "SIGNATURE"), ("pass", "PASSWORD"),
    ("pwd", "PASSWORD"), ("token", "TOKEN"), ("key", "API_KEY"), ("auth", "AUTHORIZATION"),
)  # fmt: skip


def find_assignments(text: str) -> Iterator[Span]:
    """Values beside a name that announces a secret, in every notation that logs, shells and configs write."""
    # Only the dotted capital I changes its length in lower case.
    lowered = text.replace("\u0130", "I").lower()
    for mark in _MARKS:
        position = lowered.find(mark)
        while position >= 0:
            match = _START.match(text, position + len(mark))
            span = _read_assignment(text, position, match) if match else None
            if span:
                yield span
            position = lowered.find(mark, span.end if span else position + len(mark))
    yield from _find_wandb(text, lowered)
    yield from _find_command_options(text)


def _read_assignment(text: str, mark: int, match: re.Match[str]) -> Span | None:
    head = text[max(0, mark - 48) : mark]
    start = mark - len(head) + len(head.rstrip(_NAME_CHARACTERS))
    start = skip_escape(text, start, mark)
    while start < mark and text[start] in "-.":
        start += 1
    name = text[start : match.end("rest")]
    demand = classify_name(name)
    if demand is None:
        return None
    place = _Place(text, start, match)
    first, last = _find_value(place)
    if first == last or not _fits(place, demand, text[first:last], text[last : last + 2]):
        return None
    return Span(first, last, _name_kind(name), RANK)


class _Place:
    """Where a name stands: as a flag, at a line's start, in a tag; it decides how far its value goes."""

    def __init__(self, text: str, start: int, match: re.Match[str]) -> None:
        self.text = text
        self.match = match
        self.name = text[start : match.end("rest")]
        line = text[max(0, start - 200) : start].rsplit("\n", 1)[-1]
        self.line = _COLOURS.sub("", line) if "\x1b" in line else line
        self.is_flag = self.line.endswith("-")
        self.is_tag = self.line.endswith("<")
        self.is_quoted = self.line.endswith(('"', "'"))
        self.is_exported = self.line.rstrip().endswith(_EXPORTS)
        self.is_alone = self.is_exported or not self.line.strip()
        self.is_cookie = self.name.lower().endswith("cookie")


def _find_value(place: _Place) -> tuple[int, int]:
    """Where the value stands; an empty range when the notation is none."""
    text, operator, quote, start = place.text, place.match["operator"], place.match["quote"], place.match.end()
    if (operator == ">" and (quote or not place.is_tag)) or (operator == "," and not (place.is_quoted and quote)):
        return start, start
    if quote:
        line_end = text.find("\n", start, start + MAX_VALUE)
        end = text.find(quote, start, line_end if line_end >= 0 else start + MAX_VALUE)
        return start, end if end >= 0 else _find_end(_PLAIN, text, start)
    if place.is_cookie and operator == ":":
        return start, _find_end(_ITS_LINE, text, start)
    if operator == "=" and place.is_alone:
        end = _find_end(_WHOLE_WORD, text, start)
        return start, start + len(text[start:end].rstrip(",;"))
    return start, _find_end(_PLAIN, text, start)


def _find_end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    return match.end() if match else start


def _fits(place: _Place, demand: Demand, value: str, after: str) -> bool:
    """Whether the value is a secret in this notation: the looser the notation, the more it must look like one.

    Args:
        place: Where its name stands.
        demand: What the name demands.
        value: The value.
        after: The two characters that follow it.
    """
    operator, is_bare = place.match["operator"], not place.match["quote"]
    if place.match["scheme"]:
        return can_be_secret(value, "opaque")
    if place.is_cookie:
        return "=" in value and not value.startswith("<")
    if not operator:
        return _fits_after_blank(place, demand, value, after)
    if place.name.lower() == "key":
        return is_kaggle_key(value, place.line)
    if operator == ">" and not place.text.startswith(f"</{place.name}>", place.match.end() + len(value)):
        return False
    is_call = is_bare and after[:1] in {"(", "["}
    is_prose = is_bare and operator == ":" and after.strip("\r\n,;}") != ""
    if demand == "any" and (is_prose or is_call):
        return can_be_secret(value, "any") and not value.rstrip(".:").isalpha()
    return can_be_secret(value, demand) and not is_call


def _fits_after_blank(place: _Place, demand: Demand, value: str, after: str) -> bool:
    """A value that only a blank parts from its name: after a flag, in netrc, after ENV, or plainly random."""
    if place.is_flag:
        return not value.startswith("-") and can_be_secret(value, demand)
    if "\n" in place.text[place.match.end("rest") : place.match.end()] or after[:1] in {"=", ":"}:
        return False
    if place.is_exported or ((place.is_alone or "login " in place.line) and not after.strip("\r\n")):
        return can_be_secret(value, demand)
    return demand != "strong" and is_random(value, 20) and can_be_secret(value, "opaque")


def is_kaggle_key(value: str, before: str) -> bool:
    """A bare `key` is one of Kaggle's where a user name stands before it; else it must be random and no hash."""
    if "username" in before:
        return can_be_secret(value, "opaque")
    return can_be_secret(value, "strong") and is_random(value, 24)


@cache
def _name_kind(name: str) -> str:
    lowered = name.lower()
    return next((kind for part, kind in _KINDS if part in lowered), "SECRET")


def _find_wandb(text: str, lowered: str) -> Iterator[Span]:
    position = lowered.find("wandb")
    while position >= 0:
        match = _WANDB.match(text, position + 5)
        if match:
            yield Span(match.start(1), match.end(1), "WANDB_KEY", RANK - 1)
        position = lowered.find("wandb", position + 5)


def _find_command_options(text: str) -> Iterator[Span]:
    for option in (" -u", "--user", "--proxy-user"):
        position = text.find(option)
        while position >= 0:
            match = (
                _CURL.match(text, position + len(option)) if "curl" in text[max(0, position - 200) : position] else None
            )
            if match and can_be_secret(match[1], "any"):
                yield Span(match.start(1), match.end(1), "PASSWORD", RANK)
            position = text.find(option, position + len(option))
    position = text.find("sshpass")
    while position >= 0:
        match = _SSHPASS.match(text, position)
        if match and can_be_secret(match[1], "any"):
            yield Span(match.start(1), match.end(1), "PASSWORD", RANK)
        position = text.find("sshpass", position + 7)
