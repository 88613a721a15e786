"""The settings of a training config or script, whatever its syntax is; nothing in it is ever run."""

import codecs
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from tools.errors import BadInput
from tools.lazy_pattern import lazy_pattern
from tools.log_formats.frames import decode
from tools.log_formats.setting_blocks import SettingReader
from tools.run import Line, Setting
from tools.units import format_bytes

MAX_BYTES = 4 << 20
MAX_LINE_BYTES = 2000
ALLOWED = "pass the training config or script: YAML, JSON, TOML, Python, shell or a notebook"

_COMMENT = lazy_pattern(r"(?:^|\s)(?:#|//).*")
_VARIABLE = lazy_pattern(r"^\s*(?:export\s+|local\s+)?([A-Za-z_]\w{0,60})=(['\"]?)([\w.+/,:@-]{1,200})\2\s*;?$")
_REFERENCE = lazy_pattern(r"\$\{?([A-Za-z_]\w{0,60})(?::?-([\w.+/-]{0,100}))?\}?")


def read_config(path: Path) -> dict[str, Setting]:
    """Read the settings that a YAML, JSON, TOML, Python or shell file or a notebook names.

    Returns:
        By Hugging Face's name, each with its line. Of a setting that stands there twice the first value is kept.

    Raises:
        BadInput: the file cannot be read, is too large, is not text, or names no setting that is known.
    """
    lines = _read_text(path).split("\n")
    found: dict[str, Setting] = {}
    for setting in _read_settings(path.suffix.lower(), lines):
        number = min(max(setting.line.number, 1), len(lines))
        quoted = Line(number, decode(lines[number - 1].encode("utf-8", "surrogatepass"), MAX_LINE_BYTES), str(path))
        found.setdefault(setting.name, replace(setting, line=quoted))
    if not found:
        raise BadInput(f"{path}: names no setting that is known, such as learning_rate or lora_r; {ALLOWED}")
    return found


def _read_text(path: Path) -> str:
    """The text of a file, with line feeds only.

    Raises:
        BadInput: the file cannot be read, is too large or is not text.
    """
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); {ALLOWED}") from None
    if len(raw) > MAX_BYTES:
        raise BadInput(f"{path}: is larger than {format_bytes(MAX_BYTES)}, which no config is; {ALLOWED}")
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = raw.decode("utf-16", "replace")
    elif 0 in raw[:4096]:
        raise BadInput(f"{path}: is binary data; {ALLOWED}")
    else:
        text = decode(raw.removeprefix(codecs.BOM_UTF8))
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _read_settings(suffix: str, lines: Sequence[str]) -> Iterator[Setting]:
    """What the file's syntax tells best, and then what its lines tell one by one."""
    text = "\n".join(lines)
    if suffix == ".ipynb":
        from tools.config_script import read_notebook

        yield from read_notebook(text)
        return
    if suffix == ".py":
        from tools.config_script import read_script

        yield from read_script(text)
    elif suffix in (".yaml", ".yml", ".json", ".jsonc", ""):
        from tools.config_tree import read_tree

        yield from read_tree(text)
    elif suffix not in (".toml", ".ini", ".cfg"):
        lines = _fill_in(lines)
    yield from _read_lines(lines)


def _read_lines(lines: Iterable[str]) -> Iterator[Setting]:
    reader = SettingReader(is_config=True)
    for number, text in enumerate(lines, start=1):
        code = _COMMENT.sub("", text[:MAX_LINE_BYTES])
        if code.strip():
            yield from reader.read(code, number)
    yield from reader.finish()


def _fill_in(lines: Sequence[str]) -> list[str]:
    """Put the values of a shell script's own variables where they are used."""
    values: dict[str, str] = {}

    def fill(reference: re.Match[str]) -> str:
        return values.get(reference[1], reference[2] or reference[0])

    filled = []
    for text in lines:
        line = _REFERENCE.sub(fill, text[:MAX_LINE_BYTES]) if "$" in text else text
        assigned = _VARIABLE.match(_COMMENT.sub("", line[:MAX_LINE_BYTES]))
        if assigned:
            values.setdefault(assigned[1], assigned[3])
            line = line.replace(assigned[1], assigned[1].lower(), 1)
        filled.append(line)
    return filled
