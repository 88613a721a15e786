"""Which way a reply moves a knob, read by rules: up, down, both or neither."""

import re
from collections.abc import Sequence

_UP = "rais(?:e|es|ed|ing)|increas(?:e|es|ed|ing)|enlarg(?:e|ed|ing)|extend(?:ed|ing)?|higher|more|longer|bigger|larger"
_UP += "|greater|doubl(?:e|ed|ing)|up"
_DOWN = "lower(?:ed|ing)?|reduc(?:e|es|ed|ing)|decreas(?:e|es|ed|ing)|shrink(?:ing)?|shorten(?:ed|ing)?|fewer|less"
_DOWN += "|smaller|shorter|halv(?:e|ed|ing)|cut(?:ting)?|down"
_WAY = re.compile(rf"(?<![\w-])(?:(?P<up>{_UP})|(?P<down>{_DOWN}))(?![\w-])")
_REASON = re.compile(r"\b(?:because|since|otherwise|so that)\b[^.,;:!?\n]{0,300}")
_NEGATION = re.compile(r"\b(?:not|never|no|avoid|avoiding|without|stop|instead of|rather than|don't|shouldn't)\b")
_MODAL = re.compile(
    r"[\s:]{0,3}(?:(?:should|must|needs?|has|have|to|be|can|could|ought|go|is|are|set|much|further|a|bit|\w{2,20}ly)\s+){0,6}"
)
_ELLIPSIS = re.compile(r"\b(?:use|go|try|choose|pick|have|set)\s$")
_PREPOSITION = re.compile(r"\b(?:to|from|by|and|for|with|in order)\b|,")
_PRONOUN = re.compile(r"\s*(?:it|this|that|them)\b")
_END = re.compile(r"[.;!?](?:\s|$)|\n|\b(?:because|since|as|until|so that|which|while|but)\b")
_NUMBER = re.compile(r"(?<![\w.])\d[\d,]{0,15}(?:\.\d{1,12})?(?:e[+-]?\d{1,3})?", re.IGNORECASE)
_SET = re.compile(r"\b(?:set|use|try|change|bring|move|take)\b[^.;\n]{0,60}?")
_REACH_CHARACTERS = 48
_LOOK_BACK_CHARACTERS = 24
_BARE_WORDS = 2


def read_directions(reply: str, names: Sequence[str], current: float | None = None) -> set[str]:
    """Read which ways a reply moves a knob.

    Args:
        reply: what the model said.
        names: words for the knob, in lower case.
        current: the knob's value now, so that "set it to 1e-5" has a direction.

    Example:
        >>> read_directions("Lower the learning rate to reduce the loss.", ["learning rate"])
        {'down'}
        >>> sorted(read_directions("Instead of raising the rank, use a lower rank.", ["rank"]))
        ['down']
        >>> read_directions("Set the rank to 8.", ["rank"], current=64)
        {'down'}
    """
    text = _REASON.sub(" ", " ".join(reply.lower().split()))
    knob = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(names, key=len, reverse=True)))
    found = set()
    for match in _WAY.finditer(text):
        if _is_about(text, match, knob):
            way = "up" if match["up"] else "down"
            before = _END.split(text[max(0, match.start() - _LOOK_BACK_CHARACTERS) : match.start()])[-1]
            negated = bool(_NEGATION.search(before))
            found.add(f"not {way}" if negated else way)
    if "not up" in found or "not down" in found:
        found = _settle(found)
    return found or _read_value(text, current)


def _settle(found: set[str]) -> set[str]:
    """What is not to be raised may be lowered: beside a plain direction it adds nothing unless it forbids just that."""
    plain = found & {"up", "down"}
    forbidden = {way.removeprefix("not ") for way in found - plain}
    opposite = {"up": "down", "down": "up"}
    return plain | {opposite[way] for way in forbidden if not plain or way in plain}


def _is_about(text: str, match: re.Match[str], knob: re.Pattern[str]) -> bool:
    """Whether a word of direction moves the knob: it comes after it, or before it with nothing but modal verbs."""
    if len(text.split()) <= _BARE_WORDS:
        return True
    after = text[match.end() : match.end() + _REACH_CHARACTERS]
    following = _WAY.search(after)
    clause = _END.split(after[: following.start()] if following else after)[0]
    before = text[: match.start()]
    if knob.search(_PREPOSITION.split(clause)[0]) or _PRONOUN.match(clause):
        return True
    if _ELLIPSIS.search(before) and not clause.strip():
        return True
    named = [*knob.finditer(before), *re.finditer(r"\bit\b", before)]
    named.sort(key=re.Match.end)
    is_comparison = bool(re.match(r"\s*than\b", after))
    return bool(named) and not is_comparison and bool(_MODAL.fullmatch(before[named[-1].end() :]))


def _read_value(text: str, current: float | None) -> set[str]:
    """A value that is set, compared with the one there is."""
    match = _SET.search(text)
    if current is None or not match:
        return set()
    numbers = [float(number.replace(",", "")) for number in _NUMBER.findall(_END.split(text[match.start() :])[0])]
    wanted = [number for number in numbers if number != current]
    return {"up" if wanted[-1] > current else "down"} if wanted else set()
