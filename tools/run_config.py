"""The settings of a training config file, read line by line whatever its syntax is."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

from tools.errors import BadInput
from tools.log_formats.hf_state import decode
from tools.log_formats.settings import read_settings
from tools.run import Setting

MAX_LINES = 20_000
MAX_LINE_BYTES = 2000


def read_config(path: Path) -> dict[str, Setting]:
    """Read the settings that a YAML, JSON, TOML, Python or shell file names.

    Raises:
        BadInput: the file cannot be read, or names no setting that is known.
    """
    found: dict[str, Setting] = {}
    try:
        with path.open("rb") as stream:
            for number, raw in enumerate(islice(iter(lambda: stream.readline(MAX_LINE_BYTES), b""), MAX_LINES), 1):
                if raw.lstrip().startswith((b"#", b"//")):
                    continue
                for setting in read_settings(decode(raw.rstrip(b"\r\n")), number):
                    line = replace(setting.line, source=str(path))
                    found.setdefault(setting.name, replace(setting, line=line))
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror}); pass the training config or script") from None
    if not found:
        raise BadInput(f"{path}: names no setting that is known, such as learning_rate or lora_r")
    return found
