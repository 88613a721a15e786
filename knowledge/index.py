"""The index of the cards: one Chroma passage for each thing a card says, in a folder that can be rebuilt at any time.

A cache folder holds `index-<key>` folders, where the key stands for everything that decides what is inside. Each is
built elsewhere and moved to its place with one rename, so that a killed build leaves nothing half-made.
"""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from knowledge.card import Card
from knowledge.encoder import ENCODER_WEIGHTS, OnnxEncoder, encode_with_reference, export_encoder
from tools.errors import NotAvailable

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

Report = Callable[[str], None]

INDEX_VERSION = 1
COLLECTION = "cards"
MANIFEST_NAME = "manifest.json"
UNFINISHED_PREFIX = ".unfinished-"
STALE_SECONDS = 3600
# Wide searches, so that near enough every true neighbour is found; the lowest threshold makes Chroma write its graph
# out at every step of the building, so that opening has nothing to replay and changes no file but the database.
NEIGHBOURS: Any = {
    "hnsw": {"space": "cosine", "ef_construction": 200, "ef_search": 200, "sync_threshold": 2, "batch_size": 2}
}
# In this process and without telemetry, whatever the environment or a .env file says.
LOCAL_ONLY: dict[str, Any] = {
    "_env_file": None,
    "anonymized_telemetry": False,
    "chroma_api_impl": "chromadb.api.rust.RustBindingsAPI",
    "chroma_otel_granularity": None,
}


class IndexUnusable(NotAvailable):
    """There is no index for these cards, or it is damaged; building it helps."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One text of a card that a question can be near to."""

    card_id: str
    kind: Literal["signs", "phrase", "suspects", "moves"]
    text: str


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage and its cosine similarity to a question, 1 for the same meaning, about 0 for nothing in common."""

    passage: Passage
    similarity: float


class CardIndex:
    """An open index, and the passages in it; safe to ask from several threads."""

    def __init__(self, passages: Sequence[Passage], encoder: OnnxEncoder, store: "tuple[Client, Collection]") -> None:
        self.passages = tuple(passages)
        self._encoder = encoder
        self._client, self._collection = store

    def find_passages(self, question: str, limit: int) -> list[PassageHit]:
        """Find the passages nearest to a question, nearest first.

        Raises:
            IndexUnusable: the store was damaged or removed after it had been opened.
        """
        from chromadb.errors import ChromaError

        vectors: Any = self._encoder.encode([question])
        try:
            found: Any = self._collection.query(query_embeddings=vectors, n_results=limit)
        except ChromaError as error:
            raise IndexUnusable(f"the card index cannot be read ({_first_line(error)}); start again") from None
        rows = zip(found["documents"][0], found["metadatas"][0], found["distances"][0], strict=True)
        return [PassageHit(Passage(of["card_id"], of["kind"], text), 1.0 - distance) for text, of, distance in rows]

    def close(self) -> None:
        """Let go of the store's files."""
        self._client.close()


def ensure_index(cards: Mapping[str, Card], cache_folder: Path, report: Report) -> CardIndex:
    """Open the index of these cards, and build it first where it is missing or damaged.

    Raises:
        NotAvailable: the cache folder cannot be written, or the encoder is missing.
    """
    try:
        return open_index(cards, cache_folder)
    except IndexUnusable as reason:
        report(f"{reason}; building it")
    build_index(cards, cache_folder, report)
    return open_index(cards, cache_folder)


def open_index(cards: Mapping[str, Card], cache_folder: Path) -> CardIndex:
    """Open the index of these cards and check that it is whole.

    Raises:
        IndexUnusable: there is none for these cards, or it is damaged.
    """
    passages = list_passages(cards)
    folder = cache_folder / f"index-{_compute_key(passages)}"
    store_name, digests = _read_manifest(folder)
    with ThreadPoolExecutor(1) as pool:  # the encoder loads while Chroma is being imported
        loading = pool.submit(_open_encoder, folder, digests)
        store = _open_store(folder / store_name, len(passages))
    try:
        index = CardIndex(passages, loading.result(), store)
    except IndexUnusable:
        store[0].close()
        raise
    with contextlib.suppress(OSError):
        os.utime(folder)  # the newest index is the one in use
    return index


def build_index(cards: Mapping[str, Card], cache_folder: Path, report: Report) -> Path:
    """Build the index of these cards and put it in place, unless another process was faster.

    Raises:
        NotAvailable: the cache folder cannot be written, or the encoder is missing.
    """
    from chromadb.errors import ChromaError

    passages = list_passages(cards)
    folder = cache_folder / f"index-{_compute_key(passages)}"
    try:
        cache_folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=UNFINISHED_PREFIX, dir=cache_folder))
        try:
            _fill(scratch, passages, report)
            _install(scratch, folder, lambda: open_index(cards, cache_folder).close())
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _remove_leftovers(folder)
    except (OSError, ChromaError) as error:
        raise NotAvailable(
            f"{cache_folder}: the card index cannot be kept there ({_first_line(error)}); choose another cache folder"
        ) from None
    return folder


def list_passages(cards: Mapping[str, Card]) -> list[Passage]:
    """List what the index holds: for each card its signs, suspects and moves as one text each, and every phrase."""
    passages: list[Passage] = []
    for card in cards.values():
        suspects = [f"{suspect.cause}: {suspect.check}" for suspect in card.suspects]
        moves = [f"{move.direction} {move.knob.replace('_', ' ')}: {move.amount}" for move in card.moves]
        passages.append(Passage(card.id, "signs", ". ".join((card.title, *card.signs))))
        passages.extend(Passage(card.id, "phrase", phrase) for phrase in card.phrases)
        passages.append(Passage(card.id, "suspects", ". ".join(suspects)))
        passages.append(Passage(card.id, "moves", ". ".join(moves)))
    return passages


def _compute_key(passages: Sequence[Passage]) -> str:
    """Hash everything that decides what an index holds and how it is written."""
    texts = [[passage.card_id, passage.kind, passage.text] for passage in passages]
    deciding = [INDEX_VERSION, metadata.version("chromadb"), ENCODER_WEIGHTS.sha256, texts]
    return hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:16]


def _fill(scratch: Path, passages: Sequence[Passage], report: Report) -> None:
    """Write encoder, store and manifest into an empty folder."""
    report("exporting the sentence encoder")
    export_encoder(scratch)
    # A name of its own: Chroma remembers within a process what it opened by path, also when that failed.
    store = scratch / f"passages-{secrets.token_hex(4)}"
    client = _connect(store)
    collection = client.create_collection(COLLECTION, embedding_function=None, configuration=NEIGHBOURS)
    ordered = sorted(passages, key=lambda passage: len(passage.text))  # texts of like length make quick batches
    done = 0
    for vectors in encode_with_reference([passage.text for passage in ordered]):
        batch = ordered[done : done + len(vectors)]
        collection.add(
            ids=[str(done + offset) for offset in range(len(batch))],
            embeddings=cast(Any, vectors),
            metadatas=[{"card_id": passage.card_id, "kind": passage.kind} for passage in batch],
            documents=[passage.text for passage in batch],
        )
        done += len(batch)
        report(f"embedding {done} of {len(passages)} passages")
    client.close()
    manifest = {"store": store.name, "sha256": _hash_files(scratch)}
    (scratch / MANIFEST_NAME).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _install(scratch: Path, folder: Path, check: Callable[[], None]) -> None:
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


def _remove_leftovers(folder: Path) -> None:
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


def _read_manifest(folder: Path) -> tuple[str, dict[str, str]]:
    """Read which folder is the store, and the digest of every file."""
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        return str(manifest["store"]), dict(manifest["sha256"])
    except (FileNotFoundError, NotADirectoryError):
        raise IndexUnusable("there is no index of these cards yet") from None
    except (OSError, ValueError, KeyError, TypeError):
        raise IndexUnusable(f"the card index is damaged ({MANIFEST_NAME} cannot be read)") from None


def _open_encoder(folder: Path, digests: dict[str, str]) -> OnnxEncoder:
    try:
        is_whole = _hash_files(folder) == digests
    except OSError as error:
        raise IndexUnusable(f"the card index cannot be read ({_first_line(error)})") from None
    if not is_whole:
        raise IndexUnusable("the card index is damaged (its files are not what was written)")
    return OnnxEncoder(folder)


def _open_store(store: Path, num_passages: int) -> "tuple[Client, Collection]":
    from chromadb.errors import ChromaError

    try:
        client = _connect(store)
        collection = client.get_collection(COLLECTION, embedding_function=None)
        found = collection.count()
    except (ChromaError, AttributeError) as error:  # the latter when this process failed to open the same store before
        raise IndexUnusable(f"the card index is damaged ({_first_line(error)})") from None
    if found != num_passages:
        client.close()
        raise IndexUnusable(f"the card index is damaged ({found} passages instead of {num_passages})")
    return client, collection


def _connect(store: Path) -> "Client":
    import chromadb
    from chromadb.config import Settings

    return cast("Client", chromadb.PersistentClient(path=store, settings=Settings(**LOCAL_ONLY)))


def _hash_files(folder: Path) -> dict[str, str]:
    """Hash the files that opening never changes: all but the manifest and Chroma's SQLite database."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != MANIFEST_NAME)
    hashed = (path for path in paths if not path.name.startswith("chroma.sqlite3"))
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in hashed}


def _first_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]
