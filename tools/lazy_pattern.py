"""Patterns that are compiled when they are first used: reading one log needs few of the several hundred there are."""

import re
from typing import Any, AnyStr, cast

_USED = ("search", "match", "fullmatch", "finditer", "findall", "sub", "split", "pattern", "flags")


class _LazyPattern:
    """Stands in for a pattern; its first use compiles it, and later ones cost nothing more than the pattern's own."""

    def __init__(self, source: str | bytes, flags: int) -> None:
        self._source, self._flags = source, flags

    def __getattr__(self, name: str) -> Any:
        compiled = re.compile(cast("str", self._source), self._flags)
        for used in _USED:
            setattr(self, used, getattr(compiled, used))
        return getattr(compiled, name)


def lazy_pattern(source: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Give a pattern that is compiled when it is first used.

    Raises:
        re.error: at that first use, where the source is no pattern; a test compiles them all.

    Example:
        >>> number = lazy_pattern(r"\\d+")
        >>> number.findall("12 of 30"), number.pattern
        (['12', '30'], '\\\\d+')
    """
    return cast("re.Pattern[AnyStr]", _LazyPattern(source, flags))
