"""Configs in YAML that are given as if they were logs, those of W&B among them: settings, and nothing to judge."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.frames import MAX_QUOTED_BYTES, ByteSource, decode
from tools.log_formats.line_blocks import LineBlocks
from tools.log_formats.record import FileFormat
from tools.log_formats.setting_blocks import SettingReader
from tools.run import Line, Setting

if TYPE_CHECKING:
    from tools.run_builder import RunBuilder

MIN_SETTINGS = 2
MAX_LINE_LENGTH = 2000
MAX_HELD_LINES = 200

_YAML_LINE = lazy_pattern(
    r"\s{0,80}(?:#.*|---|\.\.\.|-(?:\s.*)?|[A-Za-z_\"'][\w.\-/\"']{0,120}\s{0,20}:(?:\s.*)?|[\]}],?)?\r?"
)
_CONTINUED = lazy_pattern(r"\s{2,80}\S.*")
_TRACKED_KEY = lazy_pattern(r"([A-Za-z_][\w./-]{0,120}):\s{0,20}")
_TRACKED_VALUE = lazy_pattern(r"\s{2,8}value:\s{1,8}(\S.{0,400})")
_METRIC = lazy_pattern(r"\s{0,20}[\w./-]{0,60}loss[\"']?\s{0,4}:\s{0,4}[\"']?[-+]?\d", re.IGNORECASE)
_TRACKED_LIST = lazy_pattern(r"\s{2,8}value:\s{0,20}")
_COMMENT = lazy_pattern(r"(?:^|\s)#.*")


def is_config(head: bytes) -> bool:
    """Tell from its beginning whether a file is a training config: nothing but YAML, and settings in it."""
    lines = decode(head.removeprefix(b"\xef\xbb\xbf")).split("\n")
    whole = lines[:-1] if len(lines) > 1 else lines
    if not all(map(_is_yaml, whole)):
        return False
    reader = _ConfigReader()
    found = {setting.name for number, line in enumerate(whole, start=1) for setting in reader.read(line, number)}
    return len(found | {setting.name for setting in reader.finish()}) >= MIN_SETTINGS


def read_config(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read the settings; lines that are no YAML go through the reader of console text."""
    blocks, reader = LineBlocks(stream), _ConfigReader()
    for first, lines in blocks:
        for number, raw in enumerate(lines, start=first):
            text = decode(raw.rstrip(b"\r"), MAX_QUOTED_BYTES)
            if not _is_yaml(text):
                builder.feed_text(number, raw)
                continue
            for setting in reader.read(text, number):
                builder.add_setting(setting)
    for setting in reader.finish():
        builder.add_setting(setting)
    builder.num_lines, builder.num_bytes = blocks.num_lines, blocks.num_bytes
    builder.notes.append("the file is a config: its settings were read, and there is no run to judge")


class _ConfigReader:
    """Reads settings from lines of YAML; W&B puts each value a line below its key."""

    def __init__(self) -> None:
        self._reader = SettingReader(is_config=True)
        self._tracked = ""
        self._shown: dict[int, str] = {}

    def read(self, text: str, number: int) -> Iterator[Setting]:
        """Give the settings that this line completes."""
        self._shown[number] = text
        self._shown.pop(number - MAX_HELD_LINES, None)
        code = self._untrack(_COMMENT.sub("", text.removeprefix("\ufeff"))[:MAX_LINE_LENGTH])
        if code.strip():
            yield from map(self._quote, self._reader.read(code, number))

    def finish(self) -> Iterator[Setting]:
        """Give what was held back."""
        return map(self._quote, self._reader.finish())

    def _untrack(self, code: str) -> str:
        """Put the key of a tracked setting before its value."""
        key, value = _TRACKED_KEY.fullmatch(code), _TRACKED_VALUE.match(code)
        tracked, self._tracked = self._tracked, self._tracked if code.startswith(" ") else ""
        if key:
            self._tracked = key[1]
        elif tracked and _TRACKED_LIST.fullmatch(code):
            self._tracked = ""
            return f"{tracked}:"
        elif tracked and value:
            self._tracked = ""
            return f"{tracked}: {value[1]}"
        return code

    def _quote(self, setting: Setting) -> Setting:
        """The setting with its line as it stands in the file."""
        number = setting.line.number
        return replace(setting, line=Line(number, self._shown.get(number, setting.line.text)))


def _is_yaml(line: str) -> bool:
    is_long = len(line) > MAX_LINE_LENGTH
    return not is_long and not _METRIC.match(line) and bool(_YAML_LINE.fullmatch(line) or _CONTINUED.fullmatch(line))


CONFIG_FILE = FileFormat(
    name="config_file",
    title="training config in YAML",
    source="wandb, files/config.yaml; configs of axolotl, LLaMA-Factory, torchtune, LitGPT and TRL",
    detect=is_config,
    read=read_config,
    samples=((b"wandb_version: 1\n\nlearning_rate:\n  desc: null\n  value: 0.0002\nmax_steps:\n  value: 500\n", {}),),
)
