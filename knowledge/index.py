"""The index of the cards: vectors of their passages in Chroma, a head learnt from them, and their words.

Everything that decides what is inside goes into the key of its folder, so it is rebuilt only when cards or encoder
change. Where it can be neither opened nor built, cards are still found by their words alone.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from knowledge.card import Card
from knowledge.card_head import CardHead, fit_head, load_head, save_head
from knowledge.encoder import ENCODER_WEIGHTS, OnnxEncoder, export_encoder
from knowledge.index_folder import (
    UNFINISHED_PREFIX,
    check_files,
    hold_lock,
    install,
    read_manifest,
    remove_leftovers,
    write_manifest,
)
from knowledge.passage_store import (
    IndexUnusable,
    PassageHit,
    PassageStore,
    create_local_store,
    create_shared_store,
    first_line,
    name_local_store,
    open_local_store,
    open_shared_store,
)
from knowledge.passages import Passage, list_passages
from knowledge.word_index import WordIndex, build_word_index, open_word_index, split_terms
from tools.errors import NotAvailable

Report = Callable[[str], None]

INDEX_VERSION = 3
WORDS_NAME = "words.sqlite3"
HEAD_NAME = "head.npz"
# Passages asked of the store, and cards asked of the head: enough that every card that fits is among them.
NEAREST_PASSAGES = 60
LIKELIEST_CARDS = 40


@dataclass(frozen=True, slots=True)
class Measures:
    """What an index measures of a question.

    Attributes:
        num_terms: number of different words and pairs of words in the question.
        weights: BM25 weight of each card that shares any of them.
        near: passages nearest in meaning, nearest first; empty where an index knows words only.
        log_odds: the head's score of every card that is likely by head, nearness or words.
    """

    num_terms: int
    weights: Mapping[str, float]
    near: Sequence[PassageHit] = ()
    log_odds: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an index knows beside words: encoder, head and the passages' vectors."""

    encoder: OnnxEncoder
    head: CardHead
    store: PassageStore


class CardIndex:
    """An open index, and the passages in it; safe to ask from several threads."""

    def __init__(self, passages: Sequence[Passage], words: WordIndex, meaning: Meaning | None = None) -> None:
        self.signs = {passage.card_id: passage for passage in passages if passage.kind == "signs"}
        self._words, self._meaning = words, meaning

    def measure(self, question: str) -> Measures:
        """Measure how near a question is to the cards, in words and in meaning.

        Raises:
            IndexUnusable: the store was damaged, removed or cut off after it had been opened.
        """
        terms = sorted(set(split_terms(question)))
        weights = self._words.weigh(terms)
        if self._meaning is None:
            return Measures(len(terms), weights)
        vectors = self._meaning.encoder.encode([question])
        near = self._meaning.store.find(vectors, NEAREST_PASSAGES)
        wanted = {hit.passage.card_id for hit in near} | weights.keys()
        log_odds = self._meaning.head.score_likely(vectors[0], LIKELIEST_CARDS, wanted)
        return Measures(len(terms), weights, near, log_odds)

    def close(self) -> None:
        """Let go of the index's files."""
        self._words.close()
        if self._meaning is not None:
            self._meaning.store.close()


def open_by_words(cards: Mapping[str, Card]) -> CardIndex:
    """Make an index of the cards' words alone, in memory: what is left where nothing can be opened or built."""
    passages = list_passages(cards)
    return CardIndex(passages, build_word_index(passages))


def ensure_index(cards: Mapping[str, Card], cache_folder: Path, report: Report, chroma_url: str = "") -> CardIndex:
    """Open the index of these cards, and build it first where it is missing or damaged.

    Args:
        cards: ours and a team's.
        cache_folder: holds the index but for what a server holds.
        report: is told what takes a while, a line each.
        chroma_url: a Chroma server that holds the passages' vectors, empty for a store in the cache folder.

    Raises:
        NotAvailable: the cache folder cannot be written, the encoder is missing, or the server cannot be reached.
    """
    try:
        return open_index(cards, cache_folder, chroma_url)
    except IndexUnusable as reason:
        report(f"{reason}; building it")
    build_index(cards, cache_folder, report, chroma_url)
    return open_index(cards, cache_folder, chroma_url)


def open_index(cards: Mapping[str, Card], cache_folder: Path, chroma_url: str = "") -> CardIndex:
    """Open the index of these cards and check that it is whole.

    Raises:
        IndexUnusable: there is none for these cards, or it is damaged.
        NotAvailable: the server cannot be reached.
    """
    passages = list_passages(cards)
    key = _compute_key(passages)
    folder = _folder_of(cache_folder, key, chroma_url)
    store_name, digests = read_manifest(folder)
    import numpy.typing  # noqa: F401  both threads below import it, and each could meet the other's half of it

    with ThreadPoolExecutor(1) as pool:  # the encoder loads while Chroma is being imported
        loading = pool.submit(_load_whole, folder, digests)
        if chroma_url:
            store = open_shared_store(chroma_url, key, len(passages))
        else:
            store = open_local_store(folder / store_name, len(passages))
    try:
        encoder, head, words = loading.result()
    except IndexUnusable:
        store.close()
        raise
    with contextlib.suppress(OSError):
        os.utime(folder)  # the newest index is the one in use
    return CardIndex(passages, words, Meaning(encoder, head, store))


def build_index(cards: Mapping[str, Card], cache_folder: Path, report: Report, chroma_url: str = "") -> Path:
    """Build the index of these cards and put it in place, unless another process was faster.

    Raises:
        NotAvailable: the cache folder cannot be written, the encoder is missing, or the server cannot be reached.
    """
    passages = list_passages(cards)
    key = _compute_key(passages)
    folder = _folder_of(cache_folder, key, chroma_url)

    def open_empty(store_folder: Path) -> PassageStore:
        if chroma_url:
            return create_shared_store(chroma_url, key, len(passages))
        return create_local_store(store_folder, len(passages))

    def check() -> None:
        open_index(cards, cache_folder, chroma_url).close()

    try:
        cache_folder.mkdir(parents=True, exist_ok=True)
        with hold_lock(cache_folder):
            try:
                check()
            except IndexUnusable:
                _build(passages, folder, report, open_empty, check)
        remove_leftovers(folder)
    except OSError as error:
        raise NotAvailable(
            f"{cache_folder}: the card index cannot be kept there ({first_line(error)}); choose another cache folder"
        ) from None
    return folder


def _build(
    passages: Sequence[Passage],
    folder: Path,
    report: Report,
    open_empty: Callable[[Path], PassageStore],
    check: Callable[[], None],
) -> None:
    """Make every part of an index in a folder of its own, and move it to its place."""
    scratch = Path(tempfile.mkdtemp(prefix=UNFINISHED_PREFIX, dir=folder.parent))
    try:
        store_name = name_local_store()
        store = open_empty(scratch / store_name)
        try:
            report("exporting the sentence encoder")
            export_encoder(scratch)
            build_word_index(passages, scratch / WORDS_NAME).close()
            save_head(_fill(store, passages, OnnxEncoder(scratch), report), scratch / HEAD_NAME)
        finally:
            store.close()
        write_manifest(scratch, store_name)
        install(scratch, folder, check)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _fill(store: PassageStore, passages: Sequence[Passage], encoder: OnnxEncoder, report: Report) -> CardHead:
    """Encode the passages, write them into the store, and learn the head from those that tell the fault."""
    import numpy as np

    ordered = sorted(passages, key=lambda passage: len(passage.text))  # texts of like length make quick batches
    written = []
    done = 0
    for vectors in store.fill(ordered, encoder.encode_batches([passage.text for passage in ordered])):
        written.append(vectors)
        done += len(vectors)
        report(f"embedding {done} of {len(passages)} passages")
    telling = [passage.tells_the_fault for passage in ordered]
    owners = [passage.card_id for passage in ordered if passage.tells_the_fault]
    return fit_head(np.concatenate(written)[telling], owners)


def _compute_key(passages: Sequence[Passage]) -> str:
    """Hash everything that decides what an index holds and how it is written."""
    texts = [[passage.card_id, passage.kind, passage.text] for passage in passages]
    deciding = [INDEX_VERSION, metadata.version("chromadb"), ENCODER_WEIGHTS.sha256, texts]
    return hashlib.sha256(json.dumps(deciding).encode()).hexdigest()[:16]


def _folder_of(cache_folder: Path, key: str, chroma_url: str) -> Path:
    """The index's folder; one whose vectors are on a server is another."""
    where = hashlib.sha256(chroma_url.encode()).hexdigest()[:8] if chroma_url else "local"
    return cache_folder / f"index-{key}-{where}"


def _load_whole(folder: Path, digests: dict[str, str]) -> tuple[OnnxEncoder, CardHead, WordIndex]:
    check_files(folder, digests)
    return OnnxEncoder(folder), load_head(folder / HEAD_NAME), open_word_index(folder / WORDS_NAME)
