"""The passages' vectors in Chroma: in a folder of this machine, or on a server that a team shares."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from knowledge.passages import Passage
from tools.errors import BadInput, NotAvailable

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

    from knowledge.encoder import Vectors

COLLECTION = "cards"
# Without telemetry, and in this process where no server is set, whatever the environment or a .env file says.
NO_SURPRISES: dict[str, Any] = {"_env_file": None, "anonymized_telemetry": False, "chroma_otel_granularity": None}
LOCAL_ONLY = {**NO_SURPRISES, "chroma_api_impl": "chromadb.api.rust.RustBindingsAPI"}
DEFAULT_PORTS = {"http": 8000, "https": 443}


class IndexUnusable(NotAvailable):
    """There is no index for these cards, or it is damaged; building it helps."""


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage and its cosine similarity to a question, 1 for the same meaning, about 0 for nothing in common."""

    passage: Passage
    similarity: float


class PassageStore:
    """An open store; safe to ask from several threads."""

    def __init__(self, client: "ClientAPI", collection: "Collection") -> None:
        self._client, self._collection = client, collection

    def find(self, vector: "Vectors", limit: int) -> list[PassageHit]:
        """Find the passages nearest to a vector (1, VECTOR_SIZE), nearest first.

        Raises:
            IndexUnusable: the store was damaged, removed or cut off after it had been opened.
        """
        with _Telling("the card index cannot be read"):
            found: Any = self._collection.query(query_embeddings=cast(Any, vector), n_results=limit)
        rows = zip(found["documents"][0], found["metadatas"][0], found["distances"][0], strict=True)
        return [PassageHit(Passage(of["card_id"], of["kind"], text), 1.0 - distance) for text, of, distance in rows]

    def fill(self, passages: Sequence[Passage], batches: "Iterable[Vectors]") -> "Iterable[Vectors]":
        """Write the passages, batch by batch; gives back each batch of vectors when it is written."""
        done = 0
        for vectors in batches:
            batch = passages[done : done + len(vectors)]
            self._collection.upsert(
                ids=[str(done + offset) for offset in range(len(batch))],
                embeddings=cast(Any, vectors),
                metadatas=[{"card_id": passage.card_id, "kind": passage.kind} for passage in batch],
                documents=[passage.text for passage in batch],
            )
            done += len(batch)
            yield vectors

    def close(self) -> None:
        """Let go of the store's files or connection."""
        cast(Any, self._client).close()


def create_local_store(folder: Path, num_passages: int) -> PassageStore:
    """Make an empty store in a new folder."""
    client = _connect_local(folder)
    configuration = _neighbours(num_passages)
    return PassageStore(
        client, client.create_collection(COLLECTION, embedding_function=None, configuration=configuration)
    )


def name_local_store() -> str:
    """A name of its own for each store: Chroma remembers within a process what it opened by path, also a failure."""
    return f"passages-{secrets.token_hex(4)}"


def open_local_store(folder: Path, num_passages: int) -> PassageStore:
    """Open a store that was filled.

    Raises:
        IndexUnusable: it is missing, damaged or cannot be written, which Chroma needs also for reading.
    """
    with _Telling("the card index is damaged"):
        client = _connect_local(folder)
        collection = client.get_collection(COLLECTION, embedding_function=None)
        found = collection.count()
    if found != num_passages:
        cast(Any, client).close()
        raise IndexUnusable(f"the card index is damaged ({found} passages instead of {num_passages})")
    return PassageStore(client, collection)


def open_shared_store(url: str, key: str, num_passages: int) -> PassageStore:
    """Open the passages of these cards on a Chroma server.

    Raises:
        IndexUnusable: the server does not hold all of them.
        NotAvailable: the server cannot be reached.
        BadInput: the URL is none.
    """
    from chromadb.errors import NotFoundError

    client = _connect_shared(url)
    with _Telling(f"the Chroma server at {url} cannot be used", NotAvailable):
        try:
            collection = client.get_collection(f"ftchat-{key}", embedding_function=None)
        except NotFoundError:
            raise IndexUnusable(f"the Chroma server at {url} does not hold these cards yet") from None
        found = collection.count()
    if found != num_passages:
        raise IndexUnusable(f"the Chroma server at {url} holds {found} of {num_passages} passages")
    return PassageStore(client, collection)


def create_shared_store(url: str, key: str, num_passages: int) -> PassageStore:
    """Make a collection for these cards on a Chroma server; two that fill it at once write the same rows.

    Raises:
        NotAvailable: the server cannot be reached.
        BadInput: the URL is none.
    """
    client = _connect_shared(url)
    with _Telling(f"the Chroma server at {url} cannot be used", NotAvailable):
        configuration = _neighbours(num_passages)
        collection = client.get_or_create_collection(
            f"ftchat-{key}", embedding_function=None, configuration=configuration
        )
    return PassageStore(client, collection)


def _neighbours(num_passages: int) -> Any:
    """Wide searches, so that near enough every true neighbour is found.

    Chroma writes its graph out once the last passage is there: opening then has nothing to replay.
    """
    threshold = max(2, num_passages - 1)
    widths = {"ef_construction": 200, "ef_search": 200}
    return {"hnsw": {"space": "cosine", **widths, "sync_threshold": threshold, "batch_size": min(100, threshold)}}


def _connect_local(folder: Path) -> "ClientAPI":
    import chromadb
    from chromadb.config import Settings

    return chromadb.PersistentClient(path=folder, settings=Settings(**LOCAL_ONLY))


def _connect_shared(url: str) -> "ClientAPI":
    host, port, is_secure = _split_url(url)
    import chromadb
    from chromadb.config import Settings

    settings = Settings(**NO_SURPRISES)
    with _Telling(f"the Chroma server at {url} cannot be reached", NotAvailable):
        return chromadb.HttpClient(host, port, ssl=is_secure, settings=settings)


def _split_url(url: str) -> tuple[str, int, bool]:
    """Split a server's address into host, port, and whether it is secure."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        raise BadInput(f"chroma_url must be like http://host:8000, got '{url}'")
    return parts.hostname, port or DEFAULT_PORTS[parts.scheme], parts.scheme == "https"


class _Telling:
    """Turns what Chroma and its libraries raise into one line."""

    def __init__(self, what: str, error: type[NotAvailable] = IndexUnusable) -> None:
        self._what, self._error = what, error

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None and isinstance(error, _chroma_errors()):
            raise self._error(f"{self._what} ({first_line(error)})") from None


def _chroma_errors() -> tuple[type[BaseException], ...]:
    """What the use of a store raises; AttributeError when this process failed to open the same folder before."""
    from chromadb.errors import ChromaError
    from httpx import HTTPError

    return ChromaError, HTTPError, AttributeError, OSError, ValueError


def first_line(error: BaseException) -> str:
    """What an error says, on one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return (str(error).splitlines() or [type(error).__name__])[0]
