"""Settings that stand in several lines: YAML and JSON dumps with sections, lists with an item a line."""

import re
from collections.abc import Iterator

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.setting_names import CONFIG_NAMES, KINDS, OTHER_SECTIONS, SECTIONS, WEAK_NAMES
from tools.log_formats.setting_values import canonical_setting, read_named
from tools.log_formats.settings import MARKERS, is_metric_row, read_settings
from tools.run import Line, Setting

__all__ = ["MARKERS", "SettingReader"]

MAX_QUIET_LINES = 40
"""So many lines without a setting end a dump of settings: axolotl's has up to 30 others in a row."""
MAX_ITEM_LINES = 64
MAX_IDLE_LINES = 20_000
"""So many marked lines without a new setting, and the rest of the log is not searched any more."""
METRIC_LINES = 4
"""In a record that is printed with one key a line, the learning rate stands this near to another metric."""

_OPENING = lazy_pattern(
    r"^(\s{0,40})(?:-\s)?['\"]?([A-Za-z_][\w.-]{0,60})['\"]?\s?[:=]\s{0,4}(?:\w{0,40}\(|[\[{])?\s{0,20}$"
)
_WHOLE = lazy_pattern(
    r"^(\s{0,40})['\"]?([A-Za-z_][\w.-]{0,60})['\"]?\s{0,8}([:=])\s{0,8}(\S.{0,300}?),?\s{0,20}(?:#.{0,200})?$"
)
_HEADER = lazy_pattern(r"^\[{1,2}([\w.-]{1,80})\]{1,2}\s{0,20}$")
_ITEM = lazy_pattern(r"^\s{0,40}(?:-\s{1,4}['\"]?([\w.*]{1,100})['\"]?|['\"]([\w.*]{1,100})['\"],?)\s{0,20}$")
_DUMP_WORDS = ("onfig", "rguments", "yperparam", "args")
_OTHER_CONFIG = lazy_pattern(r"(GenerationConfig|\w{1,40}Config) \{\s{0,4}$")
_HELD = frozenset({"batch_size"})
_GENERATION_NAMES = frozenset({"max_length", "learning_rate", "seed", "beta"})


class SettingReader:
    """Reads settings line by line and remembers in which section it is.

    Args:
        is_config: every line belongs to a config file, so short names such as ``lr`` are settings throughout.
    """

    def __init__(self, *, is_config: bool = False) -> None:
        self._is_config = is_config
        self._names: set[str] = set()
        self._quiet = MAX_QUIET_LINES
        self._idle = 0
        self._since_metric = METRIC_LINES
        self._sections: list[tuple[int, str]] = []
        self._list: tuple[str, Line] | None = None
        self._items: list[str] = []
        self._skipped: frozenset[str] | None = None
        self._held: Setting | None = None

    @property
    def wants_every_line(self) -> bool:
        """Whether a dump of settings is open, so that lines without a marker belong to it."""
        return self._is_config or self._quiet < MAX_QUIET_LINES

    @property
    def is_idle(self) -> bool:
        """Whether so much was read without a new setting that the rest need not be searched."""
        return self._idle >= MAX_IDLE_LINES

    def read(self, text: str, number: int) -> Iterator[Setting]:
        """Give the settings that this line completes; lines without a marker may be left out, where none is wanted."""
        self._quiet += 1
        self._idle += 1
        if is_metric_row(text):
            self._since_metric = 0
            yield from self._keep(read_settings(text, number))
            return
        self._since_metric += 1
        if text.strip():
            self._leave(len(text) - len(text.lstrip()))
        line = Line(number, text)
        yield from self._keep(self._read_item(text))
        if any(word in text for word in _DUMP_WORDS):
            self._quiet = 0
        if self._skips(text):
            return
        if self._is_config and (header := _HEADER.match(text)):
            self._sections = [(-1, header[1])]
            return
        opening = _OPENING.match(text)
        if opening:
            self._open(opening, line)
            return
        yield from self._keep(self._read_line(text, line))

    def finish(self) -> Iterator[Setting]:
        """Give what was held back: a batch size that is the one of a device where no other name tells."""
        yield from self._keep(self._close_list())
        if self._held and "per_device_train_batch_size" not in self._names:
            yield self._held

    def _read_line(self, text: str, line: Line) -> Iterator[Setting]:
        whole = _WHOLE.match(text)
        if any(name in OTHER_SECTIONS for _, name in self._sections):
            return
        found = list(read_settings(text, line.number))
        if not whole:
            yield from found
            return
        path = ".".join([*(name for _, name in self._sections), whole[2]])
        is_in_dump = self.wants_every_line or whole[3] == "="
        short = canonical_setting(path, is_among_settings=is_in_dump)
        if short is None or found:
            yield from found
            return
        for named in read_named(short, whole[4]):
            setting = Setting(named.name, named.value, line)
            if whole[2] in _HELD:
                self._held = self._held or setting
                self._quiet = 0
            else:
                yield setting

    def _keep(self, found: Iterator[Setting]) -> Iterator[Setting]:
        for setting in found:
            if self._skipped is not None and setting.name in self._skipped:
                continue
            if setting.name == "learning_rate" and 0 < self._since_metric < METRIC_LINES:
                continue
            self._quiet = 0
            if setting.name not in self._names:
                self._names.add(setting.name)
                self._idle = 0
            yield setting

    def _open(self, opening: re.Match[str], line: Line) -> None:
        """Enter a section, or begin a list of which every item has its own line."""
        name = opening[2]
        canonical = CONFIG_NAMES.get(name) or WEAK_NAMES.get(name)
        if canonical and KINDS[canonical] == "list":
            self._list, self._items = (canonical, line), []
            self._quiet = 0
        else:
            self._sections.append((len(opening[1]), name))
            if name in SECTIONS:
                self._quiet = min(self._quiet, MAX_QUIET_LINES // 2)

    def _leave(self, indent: int) -> None:
        while self._sections and self._sections[-1][0] >= indent:
            self._sections.pop()

    def _read_item(self, text: str) -> Iterator[Setting]:
        if self._list is None:
            return
        item = _ITEM.match(text)
        if item and len(self._items) < MAX_ITEM_LINES:
            self._items.append(item[1] or item[2])
        elif text.strip():
            yield from self._close_list()

    def _close_list(self) -> Iterator[Setting]:
        if self._list and self._items:
            yield Setting(self._list[0], ",".join(self._items), self._list[1])
        self._list = None

    def _skips(self, text: str) -> bool:
        """Pass over settings of generation, and over the generation settings that old model configs hold."""
        other = _OTHER_CONFIG.search(text) if "Config {" in text else None
        if other:
            self._skipped = _GENERATION_NAMES
        elif self._skipped is not None and text.startswith("}"):
            self._skipped = None
        return bool(other)
