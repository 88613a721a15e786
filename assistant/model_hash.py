"""What is known of a model file: its digest, and that it is whole. Both are found once, not at every start."""

import contextlib
import hashlib
from pathlib import Path
from typing import Any

from assistant.json_store import read_store, write_store
from tools.errors import BadInput, NotAvailable
from tools.gguf_header import read_gguf_header
from tools.units import format_bytes

STORE = "model_files.json"


def hash_model(path: Path, cache_folder: Path) -> str:
    """Compute a file's sha256, or remember it where path, size and modification time are those of the last time.

    Raises:
        NotAvailable: the file cannot be read.
    """
    digest = recall_hash(path, cache_folder)
    if digest is None:
        try:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise NotAvailable(f"{path}: cannot be read ({error.strerror})") from None
        _remember(path, cache_folder, {**_recall(path, cache_folder), "sha256": digest})
    return digest


def recall_hash(path: Path, cache_folder: Path) -> str | None:
    """Give a file's sha256 where it is known already; None where it would have to be computed."""
    digest = _recall(path, cache_folder).get("sha256")
    return digest if isinstance(digest, str) else None


def remember_model(path: Path, cache_folder: Path, digest: str) -> None:
    """Note of a file that it was found whole, and its digest."""
    _remember(path, cache_folder, {"sha256": digest, "is_whole": True})


def check_whole(path: Path, cache_folder: Path) -> None:
    """Check that a GGUF file is as long as its own header says, or remember that it was.

    Raises:
        NotAvailable: the header is cut off or damaged, or weights are missing at the end.
    """
    known = _recall(path, cache_folder)
    if known.get("is_whole") is not True:
        check_length(path)
        _remember(path, cache_folder, {**known, "is_whole": True})


def check_length(path: Path) -> None:
    """Check that a GGUF file is as long as its own header says; a download that broke off is shorter.

    Raises:
        NotAvailable: the header is cut off or damaged, or weights are missing at the end.
    """
    try:
        needed = read_gguf_header(path).count_bytes()
    except BadInput:
        raise NotAvailable(f"{path}: damaged, its GGUF header cannot be read; fetch the file again") from None
    size = path.stat().st_size
    if size < needed:
        raise NotAvailable(
            f"{path}: cut off, {format_bytes(size)} of the {format_bytes(needed)} that its header names; "
            "fetch the file again"
        )


def _recall(path: Path, cache_folder: Path) -> dict[str, Any]:
    known = read_store(cache_folder / STORE).get(str(path.absolute()))
    return known if isinstance(known, dict) and known.get("stamp") == _stamp(path) else {}


def _remember(path: Path, cache_folder: Path, known: dict[str, Any]) -> None:
    """Write what was found; a cache that cannot be written only costs the next start the same work."""
    store = cache_folder / STORE
    with contextlib.suppress(OSError):
        write_store(store, {**read_store(store), str(path.absolute()): {**known, "stamp": _stamp(path)}})


def _stamp(path: Path) -> str:
    try:
        status = path.stat()
    except OSError as error:
        raise NotAvailable(f"{path}: cannot be read ({error.strerror})") from None
    return f"{status.st_size}:{status.st_mtime_ns}"
