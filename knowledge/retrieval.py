"""Which cards speak to a question: near in meaning, by the passages' vectors, and near in words, by BM25.

Meaning finds a sign told in other words; words find what a sentence encoder blurs: the names of settings, errors and
numbers. The constants were chosen on questions that people asked about their runs, with and without a fitting card.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from knowledge.index import CardIndex, Passage

# Passages asked of the store: enough that a card that fits has several among them.
NEAREST_PASSAGES = 60
# A card's nearness is its nearest passage, and this share of its next two.
NEXT_PASSAGES = 2
NEXT_SHARE = 0.2
# What shared words count, at most, against a nearness of 1; the BM25 weight that earns half of it; and the number of
# words and pairs below which less weight is enough, because a question like "OOM" has no more to give.
WORDS_SHARE = 1.5
HALF_WEIGHT = 20.0
FEW_WORDS = 5
MOST_POINTS = 1.0 + NEXT_PASSAGES * NEXT_SHARE + WORDS_SHARE
# The usual constants of BM25: how fast a repeated word saturates, how much a long card is held back.
SATURATION = 1.2
LENGTH_SHARE = 0.75
# A finding is computed, a question is only read: its card comes before every card that is not a finding's.
FINDING_BOOST = 1.0
# Best score from which on a question is taken to be about fine-tuning. Nearly all such questions reach it, and so do a
# few others: to refuse where a card would have helped is the worse mistake.
SCOPE_THRESHOLD = 0.4
ENDINGS = ("ing", "ed", "es", "s")
MIN_STEM = 4


@dataclass(frozen=True, slots=True)
class CardHit:
    """A card that speaks to a question or belongs to a finding.

    Attributes:
        score: 0 to 1 for how well the card fits the question; FINDING_BOOST more for a finding's card.
        passage: the card's text that is nearest to the question, empty when nothing was asked.
        kind: which part of the card the passage is, "finding" when nothing was asked.
    """

    card_id: str
    score: float
    passage: str
    kind: str


def find_cards(
    question: str, index: CardIndex | None, finding_ids: Sequence[str] = (), limit: int = 5
) -> list[CardHit]:
    """Find the cards that fit a question, best first; the cards of findings are always there, and come first.

    Args:
        question: what the person wrote; empty when there are only findings.
        index: without one, or without a question, only the findings' cards are returned, in the order given.
        finding_ids: ids of the cards that findings name.
        limit: at most so many cards, unless there are more findings.

    Raises:
        IndexUnusable: the index was damaged or removed after it had been opened.
    """
    hits = _score_cards(question, index) if index is not None and question.strip() else {}
    findings = []
    for card_id in dict.fromkeys(finding_ids):
        hit = hits.pop(card_id, CardHit(card_id, 0.0, "", "finding"))
        findings.append(replace(hit, score=hit.score + FINDING_BOOST))
    others = sorted(hits.values(), key=lambda hit: (-hit.score, hit.card_id))[: max(0, limit - len(findings))]
    return sorted(findings, key=lambda hit: -hit.score) + others


def is_in_scope(hits: Sequence[CardHit]) -> bool:
    """Tell whether any card fits well enough to answer from; a finding's card always does."""
    return max((hit.score for hit in hits), default=0.0) >= SCOPE_THRESHOLD


def _score_cards(question: str, index: CardIndex) -> dict[str, CardHit]:
    """Score every card that shares a near passage or a word with the question."""
    near: dict[str, list[tuple[float, Passage]]] = {}
    for hit in index.find_passages(question, NEAREST_PASSAGES):
        near.setdefault(hit.passage.card_id, []).append((hit.similarity, hit.passage))
    farthest = min(passages[-1][0] for passages in near.values())
    table = _tabulate_words(index.passages)
    words = set(_split_words(question))
    weights = table.weigh(words)
    half_weight = HALF_WEIGHT * min(FEW_WORDS, max(1, len(words))) / FEW_WORDS
    hits = {}
    for card_id in near.keys() | weights.keys():
        best, *following = near.get(card_id, [(farthest, table.first_passages[card_id])])
        nearness = best[0] + NEXT_SHARE * sum(similarity for similarity, _ in following[:NEXT_PASSAGES])
        weight = weights.get(card_id, 0.0)
        points = nearness + WORDS_SHARE * weight / (weight + half_weight)
        hits[card_id] = CardHit(card_id, max(0.0, points / MOST_POINTS), best[1].text, best[1].kind)
    return hits


@dataclass(frozen=True, slots=True)
class _WordTable:
    """How often every word stands in every card.

    Attributes:
        counts: word -> card id -> number of times.
        lengths: card id -> number of words.
        first_passages: card id -> its title and signs.
    """

    counts: dict[str, dict[str, int]]
    lengths: dict[str, int]
    first_passages: dict[str, Passage]

    def weigh(self, words: Set[str]) -> dict[str, float]:
        """Weigh by Okapi BM25 the cards that hold any of the words (Robertson and Zaragoza 2009, section 3.5)."""
        mean_length = sum(self.lengths.values()) / len(self.lengths)
        totals: dict[str, float] = {}
        for word in sorted(words):  # always summed in the same order
            counts = self.counts.get(word, {})
            rarity = math.log(1 + (len(self.lengths) - len(counts) + 0.5) / (len(counts) + 0.5))
            for card_id, count in counts.items():
                damping = SATURATION * (1 - LENGTH_SHARE + LENGTH_SHARE * self.lengths[card_id] / mean_length)
                weight = rarity * count * (SATURATION + 1) / (count + damping)
                totals[card_id] = totals.get(card_id, 0.0) + weight
        return totals


@lru_cache(maxsize=2)
def _tabulate_words(passages: tuple[Passage, ...]) -> _WordTable:
    by_card: dict[str, Counter[str]] = {}
    for passage in passages:
        by_card.setdefault(passage.card_id, Counter()).update(_split_words(passage.text))
    counts: dict[str, dict[str, int]] = {}
    for card_id, card_counts in by_card.items():
        for word, count in card_counts.items():
            counts.setdefault(word, {})[card_id] = count
    lengths = {card_id: card_counts.total() for card_id, card_counts in by_card.items()}
    return _WordTable(counts, lengths, {passage.card_id: passage for passage in reversed(passages)})


def _split_words(text: str) -> list[str]:
    """Split a text into stems and pairs of neighbours, so that grad_norm, grad-norm and "grad norm" are the same.

    Example:
        >>> _split_words("grad_norm exploded")
        ['grad', 'norm', 'explod', 'grad norm', 'norm explod']
    """
    stems = [_cut_ending(word) for word in re.findall(r"[a-z0-9]+", text.lower())]
    return stems + [f"{first} {second}" for first, second in pairwise(stems)]


@lru_cache(maxsize=10_000)
def _cut_ending(word: str) -> str:
    """Cut a word's English ending where enough of the word is left."""
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) >= MIN_STEM + len(ending):
            return word.removesuffix(ending)
    return word
