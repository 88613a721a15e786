"""Measures the search for cards: cold in a new process, warm, and warm beside ten thousand more cards.

    python benchmarks/retrieval.py [--runs N] [--extra N]

Writes retrieval.json beside this file. The extra cards are generated: their texts are shuffled from our own phrases,
their vectors are real vectors of these phrases, mixed and jittered; store, words and head are the real ones.
"""

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from unittest import mock

from assistant.parts import open_or_build
from assistant.settings import load_settings
from knowledge import index as index_module
from knowledge.card import Card, load_cards
from knowledge.encoder import OnnxEncoder
from knowledge.index import CardIndex, ensure_index
from knowledge.passages import list_passages
from knowledge.retrieval import find_cards

if TYPE_CHECKING:
    from knowledge.encoder import Vectors

RESULTS = Path(__file__).parent / "retrieval.json"
QUESTIONS = Path(__file__).parent.parent / "tests" / "evals" / "questions.jsonl"
PHRASES_EACH = 5
JITTER = 0.02


def read_questions(limit: int) -> list[str]:
    """Every few of our own questions."""
    texts = [json.loads(line)["question"] for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    return texts[:: max(1, len(texts) // limit)]


def measure_cold(num_runs: int, cache: str) -> float:
    """Seconds of a search in a new process, whole: the median."""
    command = [sys.executable, "-m", "assistant.cli", "cards", "search", "loss is nan after step 40", "--json"]
    seconds = []
    for _ in range(num_runs + 1):
        started = time.perf_counter()
        subprocess.run([*command, "--cache", cache], check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    return median(seconds[1:])


def measure_warm(index: CardIndex, questions: Sequence[str]) -> list[float]:
    """Seconds of each question, after a few that are not counted."""
    seconds = []
    for question in [*questions[:5], *questions]:
        started = time.perf_counter()
        find_cards(question, index)
        seconds.append(time.perf_counter() - started)
    return seconds[5:]


def make_cards(num_cards: int) -> dict[str, Card]:
    """Our cards and generated ones, with phrases of shuffled words."""
    draw = random.Random(11)  # noqa: S311  texts for a benchmark
    ours = load_cards()
    phrases = [passage.text for passage in list_passages(ours) if passage.kind == "phrase"]
    cards = dict(ours)
    for number in range(num_cards):
        model = draw.choice(list(ours.values()))
        words = [word for text in draw.sample(phrases, PHRASES_EACH) for word in text.split()]
        draw.shuffle(words)
        size = max(1, len(words) // PHRASES_EACH)
        texts = tuple(f"{' '.join(words[at : at + size])} {number}" for at in range(0, size * PHRASES_EACH, size))
        name = f"extra_{number}"
        cards[name] = replace(model, id=name, title=f"{texts[0]}", signs=texts[:1], phrases=texts, origin="team")
    return cards


class MixingEncoder(OnnxEncoder):
    """Gives every text a vector that is mixed and jittered from real ones: ten thousand cards in minutes, not hours."""

    def encode_batches(self, texts: Sequence[str]) -> "Iterator[Vectors]":
        """Make vectors of length 1, many a batch."""
        import numpy as np

        draw = np.random.default_rng(5)
        known = np.concatenate(list(super().encode_batches(read_questions(400))))
        for at in range(0, len(texts), 1000):
            num_texts = len(texts[at : at + 1000])
            mixed = known[draw.integers(0, len(known), (2, num_texts))].sum(axis=0)
            mixed += JITTER * draw.normal(size=mixed.shape)
            yield (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)


def measure_grown(num_extra: int, questions: Sequence[str]) -> tuple[list[float], float, int]:
    """Seconds of each question beside extra cards, seconds of building, and the number of passages."""
    cards = make_cards(num_extra)
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        with mock.patch.object(index_module, "OnnxEncoder", MixingEncoder):
            index_module.build_index(cards, Path(folder), lambda _: None)
        built = time.perf_counter() - started
        index = ensure_index(cards, Path(folder), lambda _: None)
        seconds = measure_warm(index, questions)
        index.close()
    return seconds, built, len(list_passages(cards))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9, help="counted cold runs, after one that is not counted (9)")
    parser.add_argument("--extra", type=int, default=10_000, help="generated cards (10,000)")
    parser.add_argument("--cache", help="folder of the card index")
    given = parser.parse_args()
    cache = load_settings({"cache": given.cache}).cache
    questions = read_questions(200)
    load_before = os.getloadavg()[0]
    index = open_or_build(Path(cache), load_cards())
    warm = measure_warm(index, questions)
    index.close()
    cold = measure_cold(given.runs, cache)
    grown, built, num_passages = measure_grown(given.extra, questions)
    result = {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "load": [round(load_before, 1), round(os.getloadavg()[0], 1)],
        "cold_seconds": cold,
        "warm_p50_seconds": median(warm),
        "warm_p95_seconds": sorted(warm)[int(0.95 * len(warm))],
        "extra_cards": given.extra,
        "grown_passages": num_passages,
        "grown_build_seconds": built,
        "grown_warm_p50_seconds": median(grown),
        "grown_warm_p95_seconds": sorted(grown)[int(0.95 * len(grown))],
    }
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(RESULTS.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
