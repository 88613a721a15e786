"""Which cards speak to a question: by a head over its vector, by its nearest passages, and by its words.

Meaning finds a sign told in other words; words find what a sentence encoder blurs: the names of settings, errors and
numbers. The constants come from `python -m evals.retrieval --fit` on the tuning half of our own questions.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from knowledge.index import CardIndex, Measures
from knowledge.passages import Passage

# A card's nearness is its nearest passage, and this share of its next two.
NEXT_PASSAGES = 2
NEXT_SHARE = 0.2
# The BM25 weight that counts half of what shared words can count at most; and the number of words and pairs below
# which less weight is enough, because a question like "OOM" has no more to give.
HALF_WEIGHT = 20.0
FEW_TERMS = 5


@dataclass(frozen=True, slots=True)
class Weighting:
    """What each measure adds to the log-odds of a card, or of a question's being in scope."""

    log_odds: float
    nearness: float
    words: float
    offset: float = 0.0


# Card against card, and the best of each measure for whether any card speaks to the question at all.
CARD_WEIGHTING = Weighting(log_odds=0.07, nearness=3.8, words=6.5)
SCOPE_WEIGHTING = Weighting(log_odds=0.102, nearness=6.9, words=11.6, offset=-11.05)
# The same where an index knows words only.
WORDS_CARD_WEIGHTING = Weighting(0.0, 0.0, words=13.5)
WORDS_SCOPE_WEIGHTING = Weighting(0.0, 0.0, words=16.6, offset=-5.85)
# A finding is computed, a question is only read: its card comes before every card that is not a finding's.
FINDING_BOOST = 1.0
# From this chance on that the cards cover a question it is answered from them. Below the lower one nothing is returned;
# what lies between is returned, but the assistant says that its cards do not cover the question.
SCOPE_THRESHOLD = 0.4
LEAST_CHANCE = 0.05
# Log-odds are kept within this, so that no chance is rounded to 0 or 1.
MOST_POINTS = 30.0


@dataclass(frozen=True, slots=True)
class CardHit:
    """A card that speaks to a question or belongs to a finding.

    Attributes:
        score: for the best card the chance that the cards cover the question, from 0 to 1; for another that chance
            times its odds against the best; FINDING_BOOST more for a finding's card.
        passage: the card's text that is nearest to the question, empty when nothing was asked.
        kind: which part of the card the passage is, "finding" when nothing was asked.
    """

    card_id: str
    score: float
    passage: str
    kind: str


@dataclass(frozen=True, slots=True)
class Features:
    """What is measured of a card for a question: each larger for a better fit, `words` from 0 to 1."""

    log_odds: float
    nearness: float
    words: float


def find_cards(
    question: str, index: CardIndex | None, finding_ids: Sequence[str] = (), limit: int = 5
) -> list[CardHit]:
    """Find the cards that fit a question, best first; the cards of findings are always there, and come first.

    Args:
        question: what the person wrote; empty when there are only findings.
        index: without one, or without a question, only the findings' cards are returned, in the order given.
        finding_ids: ids of the cards that findings name.
        limit: at most so many cards, unless there are more findings.

    Returns:
        Nothing but the findings' cards where the chance that the cards cover the question is below LEAST_CHANCE.

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
    measures = index.measure(question)
    features = collect_features(measures)
    chance = estimate_scope(features, measures)
    if chance < LEAST_CHANCE:
        return {}
    weighting = WORDS_CARD_WEIGHTING if measures.log_odds is None else CARD_WEIGHTING
    points = {card_id: _weigh(feature, weighting) for card_id, feature in features.items()}
    best = max(points.values())
    nearest: dict[str, Passage] = {}
    for near in measures.near:
        nearest.setdefault(near.passage.card_id, near.passage)
    hits = {}
    for card_id, value in points.items():
        passage = nearest.get(card_id) or index.signs[card_id]
        hits[card_id] = CardHit(card_id, chance * math.exp(value - best), passage.text, passage.kind)
    return hits


def collect_features(measures: Measures) -> dict[str, Features]:
    """Put together what is measured of each card that any measure found."""
    near: dict[str, list[float]] = {}
    for hit in measures.near:
        near.setdefault(hit.passage.card_id, []).append(hit.similarity)
    farthest = measures.near[-1].similarity if measures.near else 0.0
    log_odds = measures.log_odds or {}
    half = HALF_WEIGHT * min(FEW_TERMS, max(1, measures.num_terms)) / FEW_TERMS
    features = {}
    for card_id in near.keys() | measures.weights.keys() | log_odds.keys():
        best, *following = near.get(card_id, [farthest])
        following += [farthest] * NEXT_PASSAGES
        nearness = best + NEXT_SHARE * sum(following[:NEXT_PASSAGES])
        weight = measures.weights.get(card_id, 0.0)
        features[card_id] = Features(log_odds.get(card_id, 0.0), nearness, weight / (weight + half))
    return features


def estimate_scope(features: dict[str, Features], measures: Measures) -> float:
    """The chance, from 0 to 1, that any card speaks to the question; 0 where nothing was measured."""
    if not features:
        return 0.0
    best = Features(
        max(feature.log_odds for feature in features.values()),
        max(feature.nearness for feature in features.values()),
        max(feature.words for feature in features.values()),
    )
    points = _weigh(best, WORDS_SCOPE_WEIGHTING if measures.log_odds is None else SCOPE_WEIGHTING)
    return 1 / (1 + math.exp(-min(MOST_POINTS, max(-MOST_POINTS, points))))


def _weigh(features: Features, weighting: Weighting) -> float:
    return (
        weighting.log_odds * features.log_odds
        + weighting.nearness * features.nearness
        + weighting.words * features.words
        + weighting.offset
    )
