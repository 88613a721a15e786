"""Fetches a model file from the hub: resumable, checked by hash, and never left half done under its own name."""

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from assistant.model_catalogue import (
    HubFile,
    find_catalogue_model,
    load_catalogue,
    parse_hub_file,
    pulled_path,
)
from assistant.model_hash import check_length, check_whole, hash_model, remember_model
from assistant.pull_faults import explain_break, explain_refusal
from tools.errors import BadInput, NotAvailable
from tools.model_hub import transport_errors
from tools.units import format_bytes

SPARE_BYTES = 64 << 20
SHA256_DIGITS = 64
METADATA_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be fetched, and what is known of it beforehand; None where nothing is."""

    hub_file: HubFile
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Pulled:
    """A file that was fetched.

    Attributes:
        hub_file: which one.
        path: where it lies now.
        sha256: its digest, compared with what the hub and the catalogue state.
        size_bytes: its length.
        fetched_bytes: how much came over the network this time; 0 where it was here already.
    """

    hub_file: HubFile
    path: Path
    sha256: str
    size_bytes: int
    fetched_bytes: int


@dataclass(frozen=True, slots=True)
class _Remote:
    """What the hub says of a file: where it is, how long it is, its digest (None for one that is not in LFS)."""

    url: str
    size_bytes: int
    sha256: str | None


def read_wanted(name: str) -> Wanted:
    """Read what a person wants to pull: a name of the catalogue, or org/repo/file.gguf, with or without hf:.

    Raises:
        BadInput: it is neither, it is the model that ftchat brings along, or one part of a file that was split.
    """
    model = find_catalogue_model(name)
    if model:
        if not model.repository:
            raise BadInput(f"{model.name} comes with ftchat and needs no pull; run 'ftchat models use embedded'")
        return Wanted(HubFile(model.repository, model.file), model.size_bytes, model.sha256)
    hub_file = parse_hub_file(name)
    if hub_file is None:
        names = ", ".join(model.name for model in load_catalogue() if model.repository)
        raise BadInput(f"no model {name!r} in the catalogue; known are {names}, or name org/repo/file.gguf of the hub")
    if "-of-" in hub_file.file:
        raise BadInput(f"{hub_file}: one part of a split file; ftchat loads models that are one file, pull another")
    known = [model for model in load_catalogue() if HubFile(model.repository, model.file) == hub_file]
    return Wanted(hub_file, known[0].size_bytes if known else None)


def pull_model(
    wanted: Wanted, cache_folder: Path, announce: Callable[[str], None], endpoint: str | None = None
) -> Pulled:
    """Fetch a model file, or find it here.

    Args:
        wanted: what to fetch.
        cache_folder: the file goes to models/org/repo/ in it.
        announce: is told what happens, one line each.
        endpoint: the hub's address; None for the one that HF_ENDPOINT names.

    Raises:
        BadInput: the hub has no such file.
        NotAvailable: the hub is away, refuses, or breaks off; there is no room; or what came is not what it must be.
    """
    path = pulled_path(wanted.hub_file, cache_folder)
    found = _find_again(wanted, path, cache_folder, announce) if path.is_file() else None
    if found:
        return found
    remote = _ask_hub(wanted, endpoint)
    part = path.with_name(f"{path.name}.{(remote.sha256 or 'unknown')[:12]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _lock(path):
            held = _measure_part(part, remote)
            _check_room(wanted, path.parent, remote.size_bytes - held)
            _fetch(wanted, remote, part, held, announce)
            announce("checking its hash")
            digest = _check_part(wanted, remote, part)
            part.replace(path)
            remember_model(path, cache_folder, digest)
    except OSError as error:
        raise explain_break(str(wanted.hub_file), error, part) from None
    return Pulled(wanted.hub_file, path, digest, remote.size_bytes, remote.size_bytes - held)


def _find_again(wanted: Wanted, path: Path, cache_folder: Path, announce: Callable[[str], None]) -> Pulled | None:
    """A file that is here, if it is whole and the one that the catalogue knows; None, and said so, if it is not."""
    try:
        check_whole(path, cache_folder)
    except NotAvailable as fault:
        announce(f"{fault}: that is done now")
        return None
    digest = hash_model(path, cache_folder)
    if wanted.sha256 and digest != wanted.sha256:
        announce(f"{path}: not the file of the catalogue (sha256 {digest[:12]}...); it is fetched again")
        return None
    return Pulled(wanted.hub_file, path, digest, path.stat().st_size, 0)


def _ask_hub(wanted: Wanted, endpoint: str | None) -> _Remote:
    """Ask for a file's length and digest, and pin its revision, so that it cannot change while it is fetched."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read when the library is imported
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    repository, file = wanted.hub_file.repository, wanted.hub_file.file
    try:
        found = get_hf_file_metadata(hf_hub_url(repository, file, endpoint=endpoint), timeout=METADATA_SECONDS)
    except transport_errors() as error:
        raise explain_refusal(str(wanted.hub_file), error) from None
    digest = found.etag if found.etag and len(found.etag) == SHA256_DIGITS else None
    size = found.size if found.size is not None else wanted.size_bytes
    if size is None:
        raise NotAvailable(f"{wanted.hub_file}: the hub does not say how long it is; try again, or fetch it yourself")
    if wanted.sha256 and digest and digest != wanted.sha256:
        raise NotAvailable(
            f"{wanted.hub_file}: the hub holds another file now than this version of ftchat knows (sha256 "
            f"{digest[:12]}..., not {wanted.sha256[:12]}...); to trust it: ftchat models pull {wanted.hub_file}"
        )
    url = hf_hub_url(repository, file, revision=found.commit_hash, endpoint=endpoint)
    return _Remote(url, size, wanted.sha256 or digest)


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock  # type: ignore[attr-defined]  # documented there, not in __all__

    lock = path.with_name(f"{path.name}.lock")
    try:
        with WeakFileLock(lock, timeout=1):
            yield
    except Timeout:
        raise NotAvailable(f"{path}: being pulled by another process; wait for that one") from None


def _measure_part(part: Path, remote: _Remote) -> int:
    """The bytes that came before; a part that is longer than the file is of no use."""
    held = part.stat().st_size if part.is_file() else 0
    if held > remote.size_bytes:
        part.unlink()
        return 0
    return held


def _check_room(wanted: Wanted, folder: Path, needed_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed_bytes + SPARE_BYTES:
        raise NotAvailable(
            f"{wanted.hub_file}: needs {format_bytes(needed_bytes + SPARE_BYTES)} in {folder}, {format_bytes(free)} "
            "are free; make room, or set FTCHAT_CACHE to a folder on another disk"
        )


def _fetch(wanted: Wanted, remote: _Remote, part: Path, held: int, announce: Callable[[str], None]) -> None:
    """Fetch what is missing of a part.

    huggingface_hub's hf_hub_download throws away what came when it breaks off, and xet cannot go on with half a file;
    its http_get goes on where it is told to, and tries again where the connection breaks.
    """
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented there, not in __all__

    from assistant.pull_progress import choose_progress

    size = format_bytes(remote.size_bytes)
    announce(
        f"{wanted.hub_file}: going on after {format_bytes(held)} of {size}" if held else f"{wanted.hub_file}: {size}"
    )
    progress: Any = choose_progress(announce)
    try:
        with part.open("ab") as stream:
            http_get(
                remote.url,
                stream,
                resume_size=held,
                headers=build_hf_headers(),
                expected_size=remote.size_bytes,
                displayed_filename=wanted.hub_file.file.rpartition("/")[2],
                tqdm_class=progress,
            )
    except KeyboardInterrupt:
        announce(f"stopped; {format_bytes(part.stat().st_size)} are kept, the same command goes on from there")
        raise
    except transport_errors() as error:
        raise explain_break(str(wanted.hub_file), error, part) from None


def _check_part(wanted: Wanted, remote: _Remote, part: Path) -> str:
    """Compute the digest of a finished part and compare it; what is wrong is deleted, since no resume can mend it."""
    with part.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if remote.sha256 and digest != remote.sha256:
        part.unlink()
        raise NotAvailable(
            f"{wanted.hub_file}: what came is damaged (sha256 {digest[:12]}..., must be {remote.sha256[:12]}...) and "
            "was deleted; pull it again"
        )
    try:
        check_length(part)
    except NotAvailable as fault:
        part.unlink()
        raise NotAvailable(f"{wanted.hub_file}: no whole GGUF file ({fault}); it was deleted, pull another") from None
    return digest
