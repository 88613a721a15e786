"""The settings of a training config file, read line by line whatever its syntax is."""

import re
from dataclasses import replace
from pathlib import Path

from tools.errors import BadInput
from tools.log_formats.frames import decode
from tools.log_formats.settings import read_settings
from tools.run import Line, Setting

MAX_BYTES = 4 << 20
MAX_LINE_BYTES = 2000

_COMMENT = re.compile(rb"(?:^|\s)(?:#|//).*")


def read_config(path: Path) -> dict[str, Setting]:
    """Read the settings that a YAML, JSON, TOML, Python or shell file names.

    Raises:
        BadInput: the file cannot be read, or names no setting that is known.
    """
    found: dict[str, Setting] = {}
    try:
        with path.open("rb") as stream:
            text = stream.read(MAX_BYTES)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); pass the training config or script") from None
    for number, raw in enumerate(text.split(b"\n"), start=1):
        code = _COMMENT.sub(b"", raw.rstrip(b"\r")[:MAX_LINE_BYTES])
        for setting in read_settings(decode(code), number):
            line = Line(number, decode(raw.rstrip(b"\r")[:MAX_LINE_BYTES]), str(path))
            found.setdefault(setting.name, replace(setting, line=line))
    if not found:
        raise BadInput(f"{path}: names no setting that is known, such as learning_rate or lora_r")
    return found
