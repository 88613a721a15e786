"""Grade retrieval over questions with known cards: recall, MRR, and how well other questions are told apart.

PYTHONPATH=tests python -m evals.retrieval                 our own questions by half, and the team's where they are
PYTHONPATH=tests python -m evals.retrieval --fit           print the weightings that fit the tuning half first
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from assistant.parts import open_or_build
from assistant.settings import load_settings
from evals.fit_weightings import fit_card_weighting, fit_scope_weighting
from knowledge.card import load_cards
from knowledge.index import CardIndex, open_by_words
from knowledge.retrieval import SCOPE_THRESHOLD, find_cards

QUESTIONS_FILE = Path(__file__).parent / "questions.jsonl"
SHARED_FILE = Path(__file__).parents[3] / "shared" / "questions" / "dev.jsonl"
NUM_HITS = 10
NUM_MISSES = 12


@dataclass(frozen=True, slots=True)
class Question:
    """What somebody asks, and the cards that answer it.

    Attributes:
        expected: any of them first is right; empty where no card speaks to it.
        acceptable: not wrong either; counted only by the lenient figures.
    """

    id: str
    text: str
    expected: frozenset[str]
    acceptable: frozenset[str]

    @property
    def is_outside(self) -> bool:
        """Whether no card speaks to it; one with acceptable cards only is neither inside nor outside."""
        return not self.expected and not self.acceptable


@dataclass(frozen=True, slots=True)
class Figures:
    """How a set of questions went.

    Attributes:
        recall: share of the questions with a right card among the first 1, 3 and 5.
        mrr: mean of one over the rank of the first right card, 0 where it is not among the first ten.
        auroc: chance that a question of ours scores higher than one that is outside, a tie counting half.
        refused: share of our questions that are taken to be outside; accepted: share of those outside that are not.
    """

    num_inside: int
    num_outside: int
    recall: tuple[float, float, float]
    mrr: float
    auroc: float
    refused: float
    accepted: float


@dataclass(frozen=True, slots=True)
class Graded:
    """A question, what was found for it, and its chance of being in scope."""

    question: Question
    found: tuple[str, ...]
    chance: float

    def rank(self, is_lenient: bool) -> int | None:
        """The place of the first right card, counted from 0."""
        wanted = self.question.expected | (self.question.acceptable if is_lenient else frozenset())
        return next((place for place, card_id in enumerate(self.found) if card_id in wanted), None)


def read_questions(path: Path) -> list[Question]:
    """Read questions, one JSON object a line; a file that is not there has none."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [
        Question(row["id"], row["question"], frozenset(row["expected"]), frozenset(row["acceptable"]))
        for row in map(json.loads, lines)
    ]


def split_halves(questions: Sequence[Question]) -> tuple[list[Question], list[Question]]:
    """Split into a half for tuning and one held out, each card's questions evenly, in the order of their hash."""
    by_card: dict[str, list[Question]] = {}
    for question in questions:
        by_card.setdefault(min(question.expected, default=""), []).append(question)
    halves: tuple[list[Question], list[Question]] = ([], [])
    for number, (_, group) in enumerate(sorted(by_card.items())):
        ordered = sorted(group, key=lambda one: hashlib.sha256(one.text.encode()).hexdigest())
        for place, question in enumerate(ordered):
            halves[(place + number) % 2].append(question)
    return halves


def grade_question(question: Question, index: CardIndex) -> Graded:
    """Ask one question."""
    found = find_cards(question.text, index, limit=NUM_HITS)
    chance = found[0].score if found else 0.0
    return Graded(question, tuple(hit.card_id for hit in found), chance)


def summarise(graded: Sequence[Graded], is_lenient: bool = False) -> Figures:
    """Count how a set of questions went."""
    inside = [one for one in graded if one.question.expected]
    outside = [one for one in graded if one.question.is_outside]
    ranks = [one.rank(is_lenient) for one in inside]
    one, three, five = (share([rank is not None and rank < most for rank in ranks]) for most in (1, 3, 5))
    return Figures(
        num_inside=len(inside),
        num_outside=len(outside),
        recall=(one, three, five),
        mrr=sum(1 / (rank + 1) for rank in ranks if rank is not None) / max(1, len(ranks)),
        auroc=rank_apart([one.chance for one in inside], [one.chance for one in outside]),
        refused=share([one.chance < SCOPE_THRESHOLD for one in inside]),
        accepted=share([one.chance >= SCOPE_THRESHOLD for one in outside]),
    )


def share(claims: Sequence[bool]) -> float:
    """The share of claims that hold; 0 where there are none."""
    return sum(claims) / max(1, len(claims))


def rank_apart(higher: Sequence[float], lower: Sequence[float]) -> float:
    """The chance that one of the first is above one of the second, a tie counting half; 0 where either is empty."""
    wins = sum((one > other) + 0.5 * (one == other) for one in higher for other in lower)
    return wins / max(1, len(higher) * len(lower))


def tell(name: str, graded: Sequence[Graded]) -> str:
    """The figures of a set on two lines, and its worst misses."""
    lines = [f"== {name}"]
    for is_lenient in (False, True):
        figures = summarise(graded, is_lenient)
        recall = " ".join(f"recall@{most} {value:.3f}" for most, value in zip((1, 3, 5), figures.recall, strict=True))
        lines.append(f"{'lenient' if is_lenient else 'strict':8} {recall} MRR {figures.mrr:.3f}")
    lines.append(
        f"scope    AUROC {figures.auroc:.3f}, {figures.refused:.1%} of {figures.num_inside} inside refused, "
        f"{figures.accepted:.1%} of {figures.num_outside} outside accepted"
    )
    return "\n".join([*lines, *tell_misses(graded), ""])


def tell_misses(graded: Sequence[Graded]) -> list[str]:
    """The questions whose right card comes last, and those outside that look most like ours."""
    missed = [one for one in graded if one.question.expected and one.rank(is_lenient=True) != 0]
    missed.sort(key=lambda one: -(NUM_HITS if one.rank(is_lenient=False) is None else one.rank(is_lenient=False) or 0))
    lines = [
        f"  {one.question.id} wanted {', '.join(sorted(one.question.expected))}; got {', '.join(one.found[:3])}: "
        f"{one.question.text[:90]}"
        for one in missed[:NUM_MISSES]
    ]
    taken = sorted(
        (one for one in graded if one.question.is_outside and one.chance >= SCOPE_THRESHOLD),
        key=lambda one: -one.chance,
    )
    return lines + [f"  {one.question.id} is outside, {one.chance:.2f}: {one.question.text[:90]}" for one in taken[:5]]


def grade_all(index: CardIndex) -> Mapping[str, list[Graded]]:
    """Grade every set of questions that is at hand."""
    tuning, held_out = split_halves(read_questions(QUESTIONS_FILE))
    sets = {"own, tuning half": tuning, "own, held out": held_out, "shared, development": read_questions(SHARED_FILE)}
    return {name: [grade_question(one, index) for one in questions] for name, questions in sets.items() if questions}


def main() -> int:
    """Grade, and fit before where it is asked for; gives 1 where nothing was graded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", action="store_true", help="print the weightings that fit the tuning half")
    parser.add_argument("--by-words", action="store_true", help="grade what is left where there is no index")
    parser.add_argument("--cache", help="folder of the card index")
    given = parser.parse_args()
    cards = load_cards()
    cache = Path(load_settings({"cache": given.cache}).cache)
    index = open_by_words(cards) if given.by_words else open_or_build(cache, cards)
    if given.fit:
        tuning, _ = split_halves(read_questions(QUESTIONS_FILE))
        measured = [(one, index.measure(one.text)) for one in tuning]
        sys.stdout.write(f"{fit_card_weighting(measured)}\n{fit_scope_weighting(measured)}\n")
    graded = grade_all(index)
    for name, of_set in graded.items():
        sys.stdout.write(tell(name, of_set) + "\n")
    return end(graded)


def end(graded: Mapping[str, Sequence[Graded]]) -> int:
    """1 where a run graded nothing, which is no proof of anything."""
    if any(graded.values()):
        return 0
    sys.stderr.write("nothing was graded\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
