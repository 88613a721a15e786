"""Which of the inputs of a check are configs: they are not judged, their settings belong to the logs beside them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.errors import BadInput
from tools.run import Setting

HEAD_BYTES = 1 << 16
METRIC_WORDS = (b'"log_history"', b'"loss"')
CONFIG_SUFFIXES = frozenset({".yaml", ".yml", ".toml", ".py", ".sh", ".cfg", ".ini"})
"""Files of these kinds are never logs; a JSON file may be either."""


def find_configs(files: Sequence[str]) -> dict[str, dict[str, Setting]]:
    """Give the settings of every input that is a config, by its name."""
    found = {}
    for name in files:
        path = Path(name)
        suffix = path.suffix.lower()
        is_candidate = suffix in CONFIG_SUFFIXES or (suffix == ".json" and not _is_log(path))
        if is_candidate and path.is_file() and (settings := _read(path)):
            found[name] = settings
    return found


def merge_settings(configs: Mapping[str, Mapping[str, Setting]]) -> dict[str, Setting]:
    """The settings of all configs; of one that stands in several the first is kept."""
    merged: dict[str, Setting] = {}
    for settings in configs.values():
        for name, setting in settings.items():
            merged.setdefault(name, setting)
    return merged


def _read(path: Path) -> dict[str, Setting]:
    from tools.run_config import read_config

    try:
        return read_config(path)
    except BadInput:
        return {}


def _is_log(path: Path) -> bool:
    """Whether a JSON file holds metrics, as its beginning mostly tells; one larger than any config is no config."""
    from tools.log_parser import parse_path
    from tools.run_config import MAX_BYTES

    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
        if path.stat().st_size > MAX_BYTES or any(word in head for word in METRIC_WORDS):
            return True
        return parse_path(path).is_judgeable
    except (OSError, BadInput):
        return False
