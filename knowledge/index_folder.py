"""The folder of an index: what says that it is whole, how it gets to its place, and how old ones go.

A cache folder holds `index-<key>` folders. Each is built elsewhere and moved to its place with one rename, so that a
killed build leaves nothing half-made; a lock lets one process build while the others wait for what it makes.
"""

import contextlib
import hashlib
import json
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from knowledge.passage_store import IndexUnusable, first_line

MANIFEST_NAME = "manifest.json"
LOCK_NAME = ".building"
UNFINISHED_PREFIX = ".unfinished-"
STALE_SECONDS = 3600


def write_manifest(folder: Path, store_name: str) -> None:
    """Say which folder is the store, and the digest of every file."""
    manifest = {"store": store_name, "sha256": _hash_files(folder)}
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def read_manifest(folder: Path) -> tuple[str, dict[str, str]]:
    """Read which folder is the store, and the digest of every file.

    Raises:
        IndexUnusable: there is no index, or its manifest is damaged.
    """
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        return str(manifest["store"]), dict(manifest["sha256"])
    except (FileNotFoundError, NotADirectoryError):
        raise IndexUnusable("there is no index of these cards yet") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise IndexUnusable(f"the card index is damaged ({MANIFEST_NAME} cannot be read)") from None


def check_files(folder: Path, digests: dict[str, str]) -> None:
    """Check that the files are those that were written.

    Raises:
        IndexUnusable: a file is missing, changed or too many.
    """
    try:
        is_whole = _hash_files(folder) == digests
    except OSError as error:
        raise IndexUnusable(f"the card index cannot be read ({first_line(error)})") from None
    if not is_whole:
        raise IndexUnusable("the card index is damaged (its files are not what was written)")


def _hash_files(folder: Path) -> dict[str, str]:
    """Hash the files that opening never changes: all but the manifest and Chroma's SQLite database."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST_NAME)
    hashed = (path for path in paths if not path.name.startswith("chroma.sqlite3"))
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in hashed}


@contextlib.contextmanager
def hold_lock(cache_folder: Path) -> Iterator[None]:
    """Let one process at a time build; where the system has no such lock, the rename still decides who was first."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with (cache_folder / LOCK_NAME).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(scratch: Path, folder: Path, check: Callable[[], None]) -> None:
    """Move a built index into its place, unless check() finds a whole one there; a damaged one is moved away."""
    try:
        scratch.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise
        try:
            check()
        except IndexUnusable:
            _discard(folder)
            scratch.rename(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove old indexes but the newest, which another process may be using, and what killed builds left."""
    others = {path for path in folder.parent.glob("index-*") if path.is_dir()} - {folder}
    for path in sorted(others, key=_read_time, reverse=True)[1:]:
        _discard(path)
    for path in folder.parent.glob(f"{UNFINISHED_PREFIX}*"):
        if time.time() - _read_time(path) > STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)


def _read_time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process was faster to remove it
        return 0.0


def _discard(folder: Path) -> None:
    """Remove a folder so that nobody sees half of it; one that is gone already is no error."""
    doomed = folder.with_name(f"{UNFINISHED_PREFIX}{secrets.token_hex(8)}")
    with contextlib.suppress(OSError):
        folder.rename(doomed)
    shutil.rmtree(doomed, ignore_errors=True)
