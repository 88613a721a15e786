"""Settings: flag > environment FTCHAT_* > ftchat.toml > default."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from tools.errors import BadInput

FILE_NAME = "ftchat.toml"
NO_MODEL = "none"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person can set.

    Attributes:
        cache: folder for the card index and receipts of verified files.
        model: "embedded", the path of a GGUF file, a pulled model's name, a provider's model as "openai:NAME", or
            "none" for answers without a language model.
        model_url: base URL of the server of a provider's model, "" for the provider's own.
        history: the file that conversations are kept in.
        cards: folder of the team's own cards, "" where there is none.
        chroma_url: a Chroma server that holds the passages' vectors for a team, "" for a store in the cache.
    """

    cache: str
    model: str = "embedded"
    model_url: str = ""
    history: str = ""
    cards: str = ""
    chroma_url: str = ""


def load_settings(flags: Mapping[str, str | None], environment: Mapping[str, str] | None = None) -> Settings:
    """Put the settings together.

    Raises:
        BadInput: ftchat.toml cannot be read, or holds a key that is not known.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, str] = {}
    for path in (config_folder(environment) / FILE_NAME, Path(FILE_NAME)):
        values |= _read_file(path)
    known = [field.name for field in fields(Settings)]
    values |= {
        name: environment[f"FTCHAT_{name.upper()}"] for name in known if environment.get(f"FTCHAT_{name.upper()}")
    }
    values |= {name: value for name, value in flags.items() if value is not None}
    values.setdefault("cache", _default_cache())
    values.setdefault("history", _default_history())
    for name in ("cache", "cards", "history"):
        if values.get(name):
            values[name] = str(Path(values[name]).expanduser())
    return Settings(**values)


def _read_file(path: Path) -> dict[str, str]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: cannot be read ({error})") from None
    try:
        loaded = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: not valid TOML ({error})") from None
    known = [field.name for field in fields(Settings)]
    for name, value in loaded.items():
        if name not in known:
            raise BadInput(f"{path}: unknown key '{name}'; known are {', '.join(known)}")
        if not isinstance(value, str):
            raise BadInput(f"{path}: '{name}' must be text, got {value!r}")
    return loaded


def config_folder(environment: Mapping[str, str]) -> Path:
    """Where a person's own ftchat.toml lies."""
    home = environment.get("XDG_CONFIG_HOME")
    return Path(home) / "ftchat" if home else Path.home() / ".config" / "ftchat"


def _default_history() -> str:
    import platformdirs

    return str(Path(platformdirs.user_data_dir("ftchat")) / "history.db")


def _default_cache() -> str:
    import platformdirs

    return platformdirs.user_cache_dir("ftchat")
