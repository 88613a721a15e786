from pathlib import Path

import numpy as np
import pytest

from knowledge.card_head import fit_head, load_head, save_head


def make_vectors(num_cards: int, num_each: int, size: int = 16) -> tuple["np.typing.NDArray[np.float32]", list[str]]:
    """Vectors about a centre for each card, with one loud direction that says nothing about the card."""
    draw = np.random.default_rng(3)
    centres = draw.normal(size=(num_cards, size))
    centres[:, 0] = 0.0
    owners = [card for card in range(num_cards) for _ in range(num_each)]
    vectors = centres[owners] + 0.1 * draw.normal(size=(len(owners), size))
    vectors[:, 0] = 5 * draw.normal(size=len(owners))
    return vectors.astype(np.float32), [f"card{card}" for card in owners]


def test_a_direction_that_tells_no_card_apart_is_ignored() -> None:
    vectors, owners = make_vectors(12, 4)
    head = fit_head(vectors, owners)
    fresh, wanted = make_vectors(12, 30)
    fresh[:, 0] = np.linspace(-9, 9, len(fresh))
    found = [max(scores := head.score_likely(one, 12, set()), key=lambda card: scores[card]) for one in fresh]
    right = sum(one == other for one, other in zip(found, wanted, strict=True))
    assert right >= 0.98 * len(wanted)
    loud, *others = np.abs(head.weights).mean(axis=1)
    assert loud < 0.1 * np.mean(others)


def test_only_the_likeliest_and_the_wanted_are_scored() -> None:
    vectors, owners = make_vectors(12, 5)
    scores = fit_head(vectors, owners).score_likely(vectors[0], 2, {"card7", "card0"})
    assert {"card0", "card7"} <= scores.keys()
    assert len(scores) <= 4
    assert scores["card0"] == max(scores.values())


def test_a_single_passage_a_card_is_enough() -> None:
    head = fit_head(np.eye(3, 8, dtype=np.float32), ["a", "b", "c"])
    scores = head.score_likely(np.eye(3, 8, dtype=np.float32)[1], 3, set())
    assert max(scores, key=lambda card: scores[card]) == "b"
    assert np.isfinite(list(scores.values())).all()


def test_a_head_is_the_same_after_it_was_written(tmp_path: Path) -> None:
    vectors, owners = make_vectors(4, 5)
    head = fit_head(vectors, owners)
    save_head(head, tmp_path / "head.npz")
    again = load_head(tmp_path / "head.npz")
    assert again.card_ids == head.card_ids
    assert again.score_likely(vectors[3], 4, set()) == pytest.approx(head.score_likely(vectors[3], 4, set()))
