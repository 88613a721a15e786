"""YAML and JSON configs: a setting is known by its name and by the sections round it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.setting_names import KINDS, OTHER_SECTIONS
from tools.log_formats.setting_values import canonical_setting, read_named
from tools.run import Line, Setting

MAX_TREE_BYTES = 1 << 20
MAX_DEPTH = 12
MAX_ITEMS = 64
MAX_BRACKETS = 100
"""Brackets nested deeper than this are no config, and libyaml takes quadratic time over them."""

_BRACKET = lazy_pattern(r"[\[\]{}]|(?:- ){40}")


@dataclass(slots=True)
class _Level:
    """One mapping or list that is open: the key whose value comes next, or the items so far."""

    is_mapping: bool
    key: str | None = None
    line: int = 0
    items: list[str] = field(default_factory=list)


def read_tree(text: str) -> Iterator[Setting]:
    """Read the settings of a YAML or JSON text, those with a plain name first, up to where the text breaks off.

    Only the parser's events are read: no node is built, no alias is followed, no tag has an effect.
    """
    entries = list(_walk(text))
    for is_among in (False, True):
        for path, raw, number in entries:
            name = canonical_setting(path, is_among_settings=is_among)
            for named in read_named(name, raw) if name else ():
                yield Setting(named.name, named.value, Line(number, ""))


def _walk(text: str) -> Iterator[tuple[str, str, int]]:
    """Give (dotted path, raw value, line) of every leaf and of every list of names."""
    import yaml

    if len(text) > MAX_TREE_BYTES or _is_too_deep(text):
        return
    levels: list[_Level] = []
    try:
        for event in yaml.parse(text.expandtabs(2), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.CollectionStartEvent):
                levels.append(_Level(isinstance(event, yaml.MappingStartEvent)))
            elif isinstance(event, yaml.CollectionEndEvent):
                closed = levels.pop()
                if levels and closed.items and levels[-1].key is not None:
                    yield from _leaf(levels, "[" + ", ".join(closed.items) + "]", is_list=True)
                _advance(levels, "", 0)
            elif isinstance(event, yaml.ScalarEvent):
                raw = f"'{event.value}'" if event.style in ("'", '"') else str(event.value)
                if levels and levels[-1].is_mapping and levels[-1].key is not None:
                    yield from _leaf(levels, raw, is_list=False)
                _advance(levels, str(event.value), event.start_mark.line + 1 if event.start_mark else 0)
            elif isinstance(event, yaml.AliasEvent):
                _advance(levels, "", 0)
    except (yaml.YAMLError, ValueError):
        return


def _is_too_deep(text: str) -> bool:
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth += 1 if bracket[0] in "[{" else -1 if bracket[0] in "]}" else MAX_BRACKETS + 1
        if depth > MAX_BRACKETS:
            return True
    return False


def _leaf(levels: list[_Level], raw: str, *, is_list: bool) -> Iterator[tuple[str, str, int]]:
    keys = [level.key or "" for level in levels if level.is_mapping]
    if len(levels) > MAX_DEPTH or not OTHER_SECTIONS.isdisjoint(keys[:-1]):
        return
    path = ".".join(keys)
    name = canonical_setting(path, is_among_settings=True)
    if name and (KINDS[name] == "list" or not is_list):
        yield path, raw, levels[-1].line


def _advance(levels: list[_Level], value: str, line: int) -> None:
    """Take a key, or be done with the value of one."""
    if not levels:
        return
    level = levels[-1]
    if not level.is_mapping:
        if len(level.items) < MAX_ITEMS:
            level.items.append(value)
    elif level.key is None:
        level.key, level.line = value, line
    else:
        level.key = None
