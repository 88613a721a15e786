"""Fit the weightings of knowledge/retrieval.py: a few numbers, by logistic regression on the tuning half."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from knowledge.index import Measures
from knowledge.retrieval import Features, Weighting, collect_features

if TYPE_CHECKING:
    from collections.abc import Set

Array = npt.NDArray[np.float64]

NUM_STEPS = 3000
STEP = 0.5
# Keeps weights from growing where a set is told apart without a mistake.
RIDGE = 0.003
# A measure that hardly varies is none, and gets no weight.
NO_SPREAD = 1e-6
# What an acceptable card counts against an expected one.
ACCEPTABLE = 0.3


class Asked(Protocol):
    """What is known of a question."""

    @property
    def expected(self) -> "Set[str]":
        """Cards that answer it."""
        ...

    @property
    def acceptable(self) -> "Set[str]":
        """Cards that are not wrong."""
        ...


def fit_card_weighting(measured: Sequence[tuple[Asked, Measures]]) -> Weighting:
    """Fit card against card: a softmax over the cards of each question."""
    rows, targets = [], []
    for asked, measures in measured:
        features = collect_features(measures)
        wanted = dict.fromkeys(asked.acceptable, ACCEPTABLE) | dict.fromkeys(asked.expected, 1.0)
        target = np.array([wanted.get(card_id, 0.0) for card_id in features])
        if asked.expected & features.keys():
            rows.append(np.array([_to_row(one) for one in features.values()]))
            targets.append(target / target.sum())
    spread = np.concatenate([row - row.mean(axis=0) for row in rows]).std(axis=0)
    spread[spread < NO_SPREAD] = np.inf
    weights = np.ones(3)
    for _ in range(NUM_STEPS // 10):
        slope = 2 * RIDGE * weights
        for row, target in zip(rows, targets, strict=True):
            points = (row / spread) @ weights
            chances = np.exp(points - points.max())
            slope += (row / spread).T @ (chances / chances.sum() - target) / len(rows)
        weights -= STEP * slope
    return Weighting(*(float(value) for value in weights / spread))


def fit_scope_weighting(measured: Sequence[tuple[Asked, Measures]]) -> Weighting:
    """Fit question against question: whether any card speaks to it, by the best of each measure."""
    kept = [
        (asked, collect_features(measures)) for asked, measures in measured if asked.expected or not asked.acceptable
    ]
    found = [(asked, features) for asked, features in kept if features]
    rows = np.array([np.array([_to_row(one) for one in features.values()]).max(axis=0) for _, features in found])
    inside = np.array([bool(asked.expected) for asked, _ in found], dtype=float)
    centre, spread = rows.mean(axis=0), rows.std(axis=0)
    spread[spread < NO_SPREAD] = np.inf
    even = np.column_stack([(rows - centre) / spread, np.ones(len(rows))])
    weights = np.zeros(4)
    for _ in range(NUM_STEPS):
        chances = 1 / (1 + np.exp(-(even @ weights)))
        weights -= STEP * (even.T @ (chances - inside) / len(even) + 2 * RIDGE * weights * [1, 1, 1, 0])
    slopes = weights[:3] / spread
    return Weighting(*(float(value) for value in (*slopes, weights[3] - slopes @ centre)))


def _to_row(features: Features) -> tuple[float, float, float]:
    return features.log_odds, features.nearness, features.words
