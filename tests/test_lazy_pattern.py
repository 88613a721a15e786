"""Every pattern that is compiled late does compile, and works like one that is compiled at once."""

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest

import tools
from tools.lazy_pattern import lazy_pattern


def all_patterns() -> Iterator[tuple[str, "re.Pattern[str]"]]:
    for module in pkgutil.walk_packages(tools.__path__, "tools."):
        for name, value in vars(importlib.import_module(module.name)).items():
            if type(value).__name__ == "_LazyPattern":
                yield f"{module.name}.{name}", value


PATTERNS = dict(all_patterns())


def test_there_are_patterns_to_compile() -> None:
    assert len(PATTERNS) > 100


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS.keys())
def test_a_pattern_compiles(pattern: "re.Pattern[str]") -> None:
    assert re.compile(pattern.pattern, pattern.flags)


def test_flags_hold_and_the_first_use_is_like_the_next() -> None:
    pattern = lazy_pattern(rb"LOSS (\d)", re.IGNORECASE)
    assert [pattern.search(b"loss 3"), pattern.search(b"loss 3")] != [None, None]
    assert pattern.sub(b"\\1", b"Loss 7") == b"7"


def test_what_is_no_pattern_is_told_at_its_first_use() -> None:
    with pytest.raises(re.error):
        lazy_pattern("(").search("")
