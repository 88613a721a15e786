"""Keeps which language model answers in the person's own ftchat.toml, and leaves everything else there as it is."""

import os
from collections.abc import Mapping
from pathlib import Path

from assistant.settings import FILE_NAME, config_folder
from tools.errors import BadInput, NotAvailable


def personal_file(environment: Mapping[str, str] | None = None) -> Path:
    """The person's own ftchat.toml; where it is a link, what it leads to."""
    return (config_folder(os.environ if environment is None else environment) / FILE_NAME).resolve()


def write_choice(path: Path, model: str, url: str) -> None:
    """Set the model, and the URL of its server or none; comments and other keys stay.

    Raises:
        BadInput: the file is there and is not valid TOML.
        NotAvailable: it cannot be written.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(path.read_text(encoding="utf-8")) if path.exists() else tomlkit.document()
    except (OSError, UnicodeDecodeError, TOMLKitError) as error:
        raise BadInput(f"{path}: not valid TOML ({error}); mend it, or move it away") from None
    document["model"] = model
    if url:
        document["model_url"] = url
    else:
        document.pop("model_url", None)
    try:
        _replace(path, tomlkit.dumps(document))
    except OSError as error:
        raise NotAvailable(f"{path}: cannot be written ({error.strerror}); set FTCHAT_MODEL={model} instead") from None


def _replace(path: Path, text: str) -> None:
    """Write in one move, so that a stop in the middle leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        scratch.write_text(text, encoding="utf-8")
        if path.exists():
            scratch.chmod(path.stat().st_mode)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


def find_override(settings_model: str, model: str, environment: Mapping[str, str] | None = None) -> str:
    """Say what keeps a choice from being used: a variable, or a file in this folder; "" where nothing does."""
    environment = os.environ if environment is None else environment
    if settings_model == model:
        return ""
    if environment.get("FTCHAT_MODEL"):
        return f"FTCHAT_MODEL={environment['FTCHAT_MODEL']}"
    return f"{Path(FILE_NAME).absolute()}"
