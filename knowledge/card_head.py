"""A linear head over sentence vectors, one output a card: learnt in closed form from the passages that tell the fault.

Linear discriminant analysis: the cards' mean vectors, seen through the inverse of the scatter that passages have within
their cards. Directions in which tellings of the same fault differ (model, method, politeness) then count for little.
It takes a second to learn, also for ten thousand cards, and the weights are the cards' means again in size.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from knowledge.encoder import Vectors

# Share of the scatter that is taken to be the same in all directions (Friedman 1989, Regularized Discriminant
# Analysis): with it the inverse is stable. From 0.2 to 0.6 the answers to our own questions hardly differ.
SHRINKAGE = 0.4


@dataclass(frozen=True, slots=True)
class CardHead:
    """What was learnt.

    Attributes:
        card_ids: the card of each output.
        weights: (VECTOR_SIZE, num_cards).
        offsets: (num_cards,).
        rows: card id -> its output.
    """

    card_ids: tuple[str, ...]
    weights: "npt.NDArray[np.float32]"
    offsets: "npt.NDArray[np.float32]"
    rows: Mapping[str, int]

    def score_likely(self, vector: "Vectors", num_cards: int, wanted: Set[str]) -> dict[str, float]:
        """Score the likeliest cards and those that are wanted: log-odds but for a constant that all cards share.

        Args:
            vector: of a question, (VECTOR_SIZE,).
            num_cards: how many of the likeliest.
            wanted: ids of the cards to score in any case.
        """
        import numpy as np

        scores = vector @ self.weights + self.offsets  # (num_cards,)
        likely = np.argpartition(-scores, min(num_cards, len(scores)) - 1)[:num_cards].tolist()
        rows = {*likely, *(self.rows[card_id] for card_id in wanted)}
        return {self.card_ids[row]: float(scores[row]) for row in rows}


def fit_head(vectors: "Vectors", owners: Sequence[str]) -> CardHead:
    """Learn a head.

    Args:
        vectors: unit vectors of the passages, (num_passages, VECTOR_SIZE).
        owners: the card of each passage.
    """
    import numpy as np

    card_ids = tuple(dict.fromkeys(owners))
    rows = {card_id: row for row, card_id in enumerate(card_ids)}
    owner = np.array([rows[card_id] for card_id in owners])
    exact = vectors.astype(np.float64)
    sums = np.zeros((len(card_ids), exact.shape[1]))
    np.add.at(sums, owner, exact)
    means = sums / np.bincount(owner)[:, None]  # (num_cards, size)
    apart = exact - means[owner]
    scatter = apart.T @ apart / len(exact)  # (size, size)
    size = len(scatter)
    even = max(np.trace(scatter) / size, 1e-6)  # one passage a card has no scatter
    scatter = (1 - SHRINKAGE) * scatter + SHRINKAGE * even * np.eye(size)
    weights = np.linalg.solve(scatter, means.T)  # (size, num_cards)
    offsets = -0.5 * (means.T * weights).sum(axis=0)
    return CardHead(card_ids, weights.astype(np.float32), offsets.astype(np.float32), rows)


def save_head(head: CardHead, path: Path) -> None:
    """Write a head to an .npz file."""
    import numpy as np

    np.savez(path, card_ids=np.array(head.card_ids), weights=head.weights, offsets=head.offsets)


def load_head(path: Path) -> CardHead:
    """Read a head."""
    import numpy as np

    with np.load(path, allow_pickle=False) as stored:
        card_ids = tuple(str(card_id) for card_id in stored["card_ids"])
        rows = {card_id: row for row, card_id in enumerate(card_ids)}
        return CardHead(card_ids, stored["weights"], stored["offsets"], rows)
