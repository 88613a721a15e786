"""Reads settings from text as the core does."""

from tools.log_formats.setting_blocks import SettingReader
from tools.log_formats.settings import MARKERS, read_settings
from tools.run import Setting


def values_of(text: str) -> dict[str, float | str | bool]:
    """The settings that one line names by itself."""
    return {setting.name: setting.value for setting in read_settings(text, 1)}


def read_log(text: str) -> dict[str, Setting]:
    """Read a log as the core does: lines with a marker, and every line while a dump of settings is open."""
    reader, found = SettingReader(), list[Setting]()
    for number, line in enumerate(text.split("\n"), start=1):
        if reader.wants_every_line or any(marker in line.encode() for marker in MARKERS):
            found += reader.read(line, number)
    found += reader.finish()
    return {setting.name: setting for setting in reversed(found)}


def logged(text: str) -> dict[str, float | str | bool]:
    """The values of the settings that a log names."""
    return {name: setting.value for name, setting in read_log(text).items()}
