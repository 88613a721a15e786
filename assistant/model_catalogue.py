"""The recommended language models, as data, and where a pulled one lies."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).with_name("model_catalogue.json")
PREFIX = "hf:"
_HUB_FILE = re.compile(
    r"(?P<repository>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})/(?P<file>(?:[\w][\w.-]{0,95}/){0,4}[\w][\w.-]{0,250}\.gguf)",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository on the hub."""

    repository: str
    file: str

    def __str__(self) -> str:
        return f"{self.repository}/{self.file}"


@dataclass(frozen=True, slots=True)
class CatalogueModel:
    """A recommended model.

    Attributes:
        name: what a person types.
        title: what it is called, with its size.
        repository: on the hub; "" for the one that comes with ftchat.
        file: the GGUF file in the repository.
        base: hub id of the model that it was made from; its sizes are in the catalogue of tools.
        parameters: number of weights.
        size_bytes: length of the file, as the hub states it; None where that is not known.
        sha256: digest of the file, as the hub states it; None where that is not known.
        licence: of the weights.
        context_tokens: longest context that it was trained for.
    """

    name: str
    title: str
    repository: str
    file: str
    base: str
    parameters: int
    size_bytes: int | None
    sha256: str | None
    licence: str
    context_tokens: int


@cache
def load_catalogue() -> tuple[CatalogueModel, ...]:
    """The recommended models, the smallest first."""
    return tuple(CatalogueModel(**item) for item in json.loads(DATA.read_text(encoding="utf-8")))


def find_catalogue_model(name: str) -> CatalogueModel | None:
    """Find a recommended model by its name, in any case."""
    return next((model for model in load_catalogue() if model.name == name.lower()), None)


def parse_hub_file(text: str) -> HubFile | None:
    """Read the name of a file on the hub.

    Example:
        >>> str(parse_hub_file("hf:Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf"))
        'Qwen/Qwen3-0.6B-GGUF/Qwen3-0.6B-Q8_0.gguf'
        >>> parse_hub_file("../other/file.gguf")
    """
    match = _HUB_FILE.fullmatch(text.removeprefix(PREFIX))
    return HubFile(match["repository"], match["file"]) if match and ".." not in text else None


def pulled_path(wanted: HubFile, cache_folder: Path) -> Path:
    """Where a pulled file lies, whether or not it is there."""
    return cache_folder / "models" / wanted.repository / wanted.file


def list_pulled(cache_folder: Path) -> list[Path]:
    """Every GGUF file that was pulled, in the order of its name."""
    return sorted((cache_folder / "models").glob("**/*.gguf"))
