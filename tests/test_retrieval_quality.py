"""How well questions find their cards, on our own questions and on those of the team where they are at hand."""

import hashlib
from pathlib import Path

import pytest
from evals.retrieval import (
    QUESTIONS_FILE,
    SHARED_FILE,
    Graded,
    Question,
    end,
    grade_question,
    rank_apart,
    read_questions,
    split_halves,
    summarise,
    tell,
)

from assistant.parts import open_or_build
from knowledge.card import load_cards
from knowledge.index import CardIndex
from knowledge.passages import list_passages
from knowledge.retrieval import find_cards, is_in_scope

SEEDS = SHARED_FILE.parents[1] / "seeds"
# Digest of a heading -> cards of which one must come first for it.
HEADINGS = {
    "f225551f": {"loss_not_decreasing"},
    "3720a212": {"overfitting"},
    "3ba2f3b4": {"gibberish_output"},
    "26c19976": {"out_of_memory_gpu"},
    "b0ffb1df": {"slow_training"},
    "ebeb7835": {"data_quality"},
    "1398f8b5": {"no_evaluation"},
    "337e418b": {"insufficient_data"},
    "549501a5": {"untuned_hyperparameters"},
    "33d5aee3": {"missing_regularization"},
    "2b8c9e70": {"no_evaluation"},
    "90c21c1c": {"catastrophic_forgetting"},
    "33d0863a": {"no_experiment_tracking"},
    "437cae22": {"insufficient_data"},
    "90f7601e": {"overfitting"},
    "d0cb63d0": {"wrong_metric"},
    "27406914": {"catastrophic_forgetting"},
    "784ac248": {"no_experiment_tracking"},
    "0a8f6c92": {"data_quality"},
    "d0b24f60": {"learning_rate_too_low", "learning_rate_too_high"},
    "d630cadd": {"overfitting"},
    "fcf25d1e": {"unmonitored_training"},
    "91faf442": {"hardware_limits"},
    "336c0d73": {"underfitting"},
    "447205a7": {"learning_rate_too_low", "learning_rate_too_high"},
    "e1fbe5cd": {"batch_size"},
}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_headings() -> list[str]:
    """The headings of the seed documents, where they are at hand."""
    lines = (line.strip() for path in sorted(SEEDS.glob("*.txt")) for line in path.read_text("utf-8").splitlines())
    return [line for line in dict.fromkeys(lines) if digest(line) in HEADINGS]


@pytest.fixture(scope="module")
def index(shared_cache: Path) -> CardIndex:
    return open_or_build(shared_cache, load_cards())


# What the figures must not fall below: what was measured, less about two standard errors of a share of 190.
@pytest.mark.parametrize("half", [0, 1], ids=["tuning", "held-out"])
def test_our_own_questions_find_their_cards(index: CardIndex, half: int) -> None:
    graded = [grade_question(one, index) for one in split_halves(read_questions(QUESTIONS_FILE))[half]]
    figures = summarise(graded)
    assert figures.num_inside >= 120
    assert figures.num_outside >= 40
    assert figures.recall >= (0.82, 0.0, 0.0), tell("recall@1", graded)
    assert figures.recall[1] >= 0.95, tell("recall@3", graded)
    assert figures.recall[2] >= 0.97, tell("recall@5", graded)
    assert figures.mrr >= 0.89
    assert figures.auroc >= 0.97
    assert figures.refused <= 0.03


def test_questions_of_others_find_their_cards_where_they_are_at_hand(index: CardIndex) -> None:
    questions = read_questions(SHARED_FILE)
    figures = summarise([grade_question(one, index) for one in questions])
    assert not questions or figures.recall[0] >= 0.65, figures
    assert not questions or figures.recall[2] >= 0.92, figures


def test_the_headings_of_the_seeds_find_their_cards_first(index: CardIndex) -> None:
    found = {heading: find_cards(heading, index) for heading in read_headings()}
    assert len(found) in (0, len(HEADINGS))
    wrong = {text: hits[:3] for text, hits in found.items() if hits[0].card_id not in HEADINGS[digest(text)]}
    assert not wrong
    assert all(is_in_scope(hits) for hits in found.values())


def test_there_are_questions_for_every_card_and_none_is_told_twice() -> None:
    questions = read_questions(QUESTIONS_FILE)
    assert {card_id for one in questions for card_id in one.expected} == load_cards().keys()
    assert len({one.id for one in questions}) == len({one.text for one in questions}) == len(questions)
    halves = split_halves(questions)
    assert sum(map(len, halves)) == len(questions)
    assert not {one.id for one in halves[0]} & {one.id for one in halves[1]}


def test_hardly_any_question_is_a_phrase_of_a_card() -> None:
    phrases = {passage.text.lower().strip(" .?") for passage in list_passages(load_cards())}
    same = [one.text for one in read_questions(QUESTIONS_FILE) if one.text.lower().strip(" .?") in phrases]
    assert not [text for text in same if "Error" not in text], "only what a library prints may stand in both"
    assert len(same) <= 10


def grade(found: list[str], chance: float = 0.9, expected: str = "right", acceptable: str = "near") -> Graded:
    wanted = frozenset(expected.split())
    return Graded(Question("q", "text", wanted, frozenset(acceptable.split())), tuple(found), chance)


def test_figures_of_a_case_worked_by_hand() -> None:
    graded = [
        grade(["right"]),
        grade(["near", "right"], chance=0.3),
        grade(["a", "b", "c", "right"]),
        grade([], chance=0.2),
        grade(["a"], chance=0.3, expected="", acceptable=""),
        grade(["a"], chance=0.99, expected=""),
    ]
    strict, lenient = summarise(graded), summarise(graded, is_lenient=True)
    assert strict.recall == (0.25, 0.5, 0.75)
    assert lenient.recall == (0.5, 0.5, 0.75)
    assert strict.mrr == pytest.approx((1 + 1 / 2 + 1 / 4) / 4)
    assert (strict.num_inside, strict.num_outside) == (4, 1)
    assert strict.auroc == pytest.approx((1 + 0.5 + 1 + 0) / 4)
    assert (strict.refused, strict.accepted) == (0.5, 0.0)


def test_a_run_that_graded_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert end({}) == end({"own": []}) == 1
    assert capsys.readouterr().err == "nothing was graded\n" * 2
    assert end({"own": [grade(["right"])]}) == 0
    assert rank_apart([], [1.0]) == 0.0
