"""Pairs of opposites: a sentence must not say the one where the evidence says only the other."""

import re
from collections.abc import Collection, Sequence

_PAIRS = """
    forward backward
    same differ
    same differs
    same different
    same varies
    same vary
    above below
    longer shorter
    likely unlikely
    possible impossible
    finite infinite
    used unused
    summed averaged
    early late
    earlier later
    larger smaller
    higher lower
    more less
    more fewer
    chosen rejected
    most least
    before after
    beginning end
    begins ends
    first last
    minimum maximum
    lowest highest
    faster slower
    inside outside
    usual unusual
    peak bottom
    hardly easily
    never always
    everything nothing
    much nothing
    many few
"""
# Loose words that say much besides their opposite: only a clause's comparison would tell, so they are left to numbers.
_LOOSE = frozenset({"more", "less", "most", "least", "before", "after", "first", "last", "many", "few", "much", "end"})
_OTHER: dict[str, set[str]] = {}
for _line in _PAIRS.strip().splitlines():
    _one, _two = _line.split()
    _OTHER.setdefault(_one, set()).add(_two)
    _OTHER.setdefault(_two, set()).add(_one)


_TIMES = {"before": "after", "after": "before"}
_ARTICLES = frozenset({"the", "a", "an", "its", "that", "this", "your"})


def find_exchanged_time(words: Sequence[str], corpus: str) -> str | None:
    """Tell where a sentence says "after augmentation" and all the evidence says "before augmentation"."""
    for place, word in enumerate(words):
        if word not in _TIMES:
            continue
        noun = next((other for other in words[place + 1 : place + 3] if other not in _ARTICLES), "")
        if noun.isalpha() and len(noun) > 2 and not _says(corpus, word, noun) and _says(corpus, _TIMES[word], noun):
            return f"says '{word} {noun}' where the evidence says '{_TIMES[word]} {noun}'"
    return None


def _says(corpus: str, word: str, noun: str) -> bool:
    return re.search(rf"\b{word} (?:the |a |an |its |that |this )?{re.escape(noun)}", corpus) is not None


def find_opposite(words: Collection[str], held: Collection[str], passed: Collection[str]) -> str | None:
    """Tell which word is the opposite of what the evidence says.

    Args:
        words: of the sentence; held: of what it cites, or of all evidence; passed: words that another check judged.
    """
    for word in words:
        if word in _LOOSE or word in passed or word in held:
            continue
        others = {other for other in _OTHER.get(word, ()) if other in held and other not in words}
        if others:
            return f"says '{word}' where the evidence says '{sorted(others)[0]}'"
    return None
