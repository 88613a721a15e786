"""Which cards share words with a question: BM25 by SQLite's FTS5, over what the cards say of the fault itself."""

import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from knowledge.passages import Passage

ENDINGS = ("ing", "ed", "es", "s")
MIN_STEM = 4
# More terms than a long report has: what comes after them adds time and hardly any evidence.
MAX_TERMS = 400
MAX_TEXT = 20_000
# A term in so many cards tells little about any; where cards are many, only the rarer terms are looked up.
MAX_POSTINGS = 4_000
# Cards beyond these share too little to matter.
MOST_CARDS = 200
MATCH = "SELECT card_id, -bm25(words) AS weight FROM words WHERE words MATCH ? ORDER BY weight DESC LIMIT ?"
CREATE = """
CREATE VIRTUAL TABLE words USING fts5(card_id UNINDEXED, terms, tokenize="unicode61 tokenchars '_'");
CREATE TABLE counts(term TEXT PRIMARY KEY, num_cards INTEGER) WITHOUT ROWID;
"""


class WordIndex:
    """An open word index; safe to ask from several threads."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._lock = threading.Lock()

    def weigh(self, terms: Sequence[str]) -> dict[str, float]:
        """Weigh by BM25 the cards that hold any of the terms, the heaviest MOST_CARDS: card id -> weight above 0.

        Source:
            Robertson and Zaragoza 2009, section 3.5; SQLite documentation, FTS5, section 5.1.1 (k1 1.2, b 0.75).
        """
        with self._lock:
            query = " OR ".join(f'"{term}"' for term in self._choose(terms))
            if not query:
                return {}
            rows = self._database.execute(MATCH, (query, MOST_CARDS))
            return {card_id: weight for card_id, weight in rows if weight > 0}

    def _choose(self, terms: Sequence[str]) -> Iterator[str]:
        """Take the terms that stand in any card, the rarest first, while they stand in few enough in all."""
        asked = list(dict.fromkeys(terms))[:MAX_TERMS]
        marks = ",".join("?" * len(asked))
        counts = self._database.execute(f"SELECT term, num_cards FROM counts WHERE term IN ({marks})", asked)  # noqa: S608  only question marks are put in
        room = MAX_POSTINGS
        for term, num_cards in sorted(counts, key=lambda row: (row[1], row[0])):
            room -= num_cards
            if room < 0:
                return
            yield term

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def build_word_index(passages: Sequence[Passage], path: Path | None = None) -> WordIndex:
    """Index the words of the passages that tell the fault, in a new file or in memory."""
    terms: dict[str, list[str]] = {}
    for passage in passages:
        if passage.tells_the_fault:
            terms.setdefault(passage.card_id, []).extend(split_terms(passage.text))
    database = sqlite3.connect(path or ":memory:", check_same_thread=False)
    database.executescript(CREATE)
    rows = ((card_id, " ".join(of_card)) for card_id, of_card in terms.items())
    database.executemany("INSERT INTO words VALUES (?, ?)", rows)
    counts = Counter(term for of_card in terms.values() for term in set(of_card))
    database.executemany("INSERT INTO counts VALUES (?, ?)", counts.items())
    database.commit()
    return WordIndex(database)


def open_word_index(path: Path) -> WordIndex:
    """Open a word index without writing anything, not even a lock."""
    return WordIndex(
        sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    )


def split_terms(text: str) -> list[str]:
    """Split a text into stems and pairs of neighbours, so that grad_norm, grad-norm and "grad norm" are the same.

    Example:
        >>> split_terms("grad_norm exploded")
        ['grad', 'norm', 'explod', 'grad_norm', 'norm_explod']
    """
    stems = [_cut_ending(word) for word in re.findall(r"[a-z0-9]+", text[:MAX_TEXT].lower())]
    return stems + [f"{first}_{second}" for first, second in pairwise(stems)]


@lru_cache(maxsize=10_000)
def _cut_ending(word: str) -> str:
    """Cut a word's English ending where enough of the word is left."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) >= MIN_STEM + len(ending):
            return word.removesuffix(ending)
    return word
