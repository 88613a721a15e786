import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
from index_factory import build_reference, run_script, small_cards

from knowledge.card import load_cards
from knowledge.index import CardIndex, Measures, open_by_words, open_index
from knowledge.passage_store import PassageHit
from knowledge.passages import Passage, list_passages
from knowledge.retrieval import (
    FINDING_BOOST,
    LEAST_CHANCE,
    SCOPE_THRESHOLD,
    CardHit,
    collect_features,
    estimate_scope,
    find_cards,
    is_in_scope,
)

QUERY_SCRIPT = """
import json, sys
from pathlib import Path
from knowledge.index import open_index
from knowledge.retrieval import find_cards
from index_factory import small_cards
hits = find_cards("the loss is nan", open_index(small_cards(), Path(sys.argv[1])))
heavy = {"torch", "sentence_transformers", "transformers", "scipy", "sklearn", "langchain"} & sys.modules.keys()
print(json.dumps([hits[0].card_id, sorted(heavy)]))
"""


class ScriptedIndex:
    """Measures that a test states, for whatever is asked."""

    def __init__(self, measures: Measures) -> None:
        passages = list_passages(small_cards())
        self.signs = {passage.card_id: passage for passage in passages if passage.kind == "signs"}
        self._measures = measures

    def measure(self, question: str) -> Measures:
        assert question.strip()
        return self._measures


def script(
    near: Mapping[str, float] | None = None,
    weights: Mapping[str, float] | None = None,
    log_odds: Mapping[str, float] | None = None,
) -> CardIndex:
    """An index with similarities by text, and the rest by card; where nothing is said every card has strong words."""
    texts = {passage.text: passage for passage in list_passages(small_cards())}
    hits = sorted((PassageHit(texts[text], value) for text, value in (near or {}).items()), key=lambda h: -h.similarity)
    weights = dict.fromkeys(small_cards(), 60.0) if weights is None else weights
    return cast(CardIndex, ScriptedIndex(Measures(5, weights, hits, log_odds or {})))


@pytest.fixture(scope="session")
def small_cache(shared_cache: Path) -> Path:
    return build_reference(shared_cache).cache


@pytest.fixture(scope="session")
def small_index(small_cache: Path) -> CardIndex:
    return open_index(small_cards(), small_cache)


def list_ids(hits: list[CardHit]) -> list[str]:
    return [hit.card_id for hit in hits]


@pytest.mark.parametrize(
    ("question", "card_id"),
    [
        ("why does it write one sentence over and over?", "repetition"),
        ("CUDA OOM once the texts get longer", "out_of_memory"),
        ("loss nan", "loss_nan"),
    ],
)
def test_a_question_finds_its_card(small_index: CardIndex, question: str, card_id: str) -> None:
    hits = find_cards(question, small_index)
    assert hits[0].card_id == card_id
    texts = {passage.text for passage in list_passages(small_cards()) if passage.card_id == card_id}
    assert hits[0].passage in texts


@pytest.mark.parametrize("question", ["which cheese goes with pears?", "who was king of Spain in 1700?", "你好", "?!"])
def test_a_question_about_something_else_is_out_of_scope(small_index: CardIndex, question: str) -> None:
    assert not is_in_scope(find_cards(question, small_index))


def test_nothing_is_returned_where_the_chance_is_least() -> None:
    measures = Measures(5, {}, [PassageHit(Passage("loss_nan", "phrase", "x"), 0.1)], {"loss_nan": 0.0})
    assert estimate_scope(collect_features(measures), measures) < LEAST_CHANCE
    assert find_cards("xyzzy", cast(CardIndex, ScriptedIndex(measures))) == []
    assert list_ids(find_cards("xyzzy", cast(CardIndex, ScriptedIndex(measures)), ["repetition"])) == ["repetition"]


def test_nothing_measured_is_no_chance() -> None:
    assert estimate_scope({}, Measures(0, {})) == 0.0


def test_the_cards_of_findings_are_always_there_and_first(small_index: CardIndex) -> None:
    hits = find_cards("the loss is nan", small_index, ["repetition"], limit=1)
    assert list_ids(hits) == ["repetition"]
    hits = find_cards("the loss is nan", small_index, ["repetition"])
    assert list_ids(hits)[:2] == ["repetition", "loss_nan"]
    assert hits[0].score >= FINDING_BOOST > hits[1].score


def test_a_finding_makes_any_question_in_scope(small_index: CardIndex) -> None:
    assert is_in_scope(find_cards("which cheese goes with pears?", small_index, ["repetition"]))


def test_findings_are_never_cut_to_the_limit_nor_doubled() -> None:
    ids = ["repetition", "loss_nan", "repetition", "out_of_memory"]
    assert list_ids(find_cards("", None, ids, limit=2)) == ["repetition", "loss_nan", "out_of_memory"]


@pytest.mark.parametrize("question", ["", " \n"])
def test_without_a_question_only_the_findings_are_returned_in_their_order(question: str) -> None:
    hits = find_cards(question, script(), ["repetition", "loss_nan"])
    assert hits == [CardHit(name, FINDING_BOOST, "", "finding") for name in ("repetition", "loss_nan")]
    assert find_cards(question, script()) == []


def test_a_question_with_the_words_of_a_sign_is_in_scope(small_index: CardIndex) -> None:
    assert is_in_scope(find_cards("CUDA out of memory after the first batch, OOM", small_index))


@pytest.mark.parametrize(("scores", "expected"), [([], False), ([SCOPE_THRESHOLD], True), ([0.39, 0.1], False)])
def test_the_best_score_decides_about_the_scope(scores: list[float], expected: bool) -> None:
    assert is_in_scope([CardHit("loss_nan", score, "", "phrase") for score in scores]) is expected


def test_among_findings_the_one_that_was_asked_about_comes_first(small_index: CardIndex) -> None:
    hits = find_cards("the loss turned into nan", small_index, ["repetition", "loss_nan"])
    assert list_ids(hits)[:2] == ["loss_nan", "repetition"]
    assert hits[0].kind == "phrase"


def test_a_card_with_several_near_passages_beats_one_with_a_single_one() -> None:
    index = script(
        {
            "the loss turned into nan": 0.5,
            "grad_norm is nan from the first step": 0.5,
            "OOM when I raise the sequence length": 0.52,
            "it loops over one paragraph for ever": 0.1,
        }
    )
    assert list_ids(find_cards("xyzzy", index))[:2] == ["loss_nan", "out_of_memory"]


def test_the_passage_of_a_hit_is_the_nearest_one_and_else_the_signs() -> None:
    index = script({"the loss turned into nan": 0.4, "grad_norm is nan from the first step": 0.6})
    passages = {hit.card_id: (hit.passage, hit.kind) for hit in find_cards("xyzzy", index)}
    assert passages["loss_nan"] == ("grad_norm is nan from the first step", "phrase")
    assert passages["repetition"] == ("repetition. a sign of repetition. another sign", "signs")


@pytest.mark.parametrize(
    "index",
    [
        script({"the loss turned into nan": 0.3, "it loops over one paragraph for ever": 0.6}),
        script({"the loss turned into nan": 0.3}, {"loss_nan": 20.0, "repetition": 60.0}),
        script({"the loss turned into nan": 0.3}, None, {"loss_nan": 1.0, "repetition": 9.0, "out_of_memory": 2.0}),
    ],
    ids=["near", "words", "head"],
)
def test_nearness_words_and_the_head_each_lift_a_card(index: CardIndex) -> None:
    assert find_cards("xyzzy", index)[0].card_id == "repetition"


def test_words_count_more_where_a_question_has_few() -> None:
    few, many = (collect_features(Measures(num_terms, {"loss_nan": 8.0}))["loss_nan"].words for num_terms in (1, 40))
    assert few == pytest.approx(8 / (8 + 4))
    assert many == pytest.approx(8 / (8 + 20))


def test_a_card_that_is_not_near_counts_as_the_farthest_that_is() -> None:
    hits = [PassageHit(Passage("loss_nan", "phrase", str(value)), value) for value in (0.5, 0.4, 0.3, 0.2)]
    features = collect_features(Measures(5, {"repetition": 1.0}, hits, {}))
    assert features["loss_nan"].nearness == pytest.approx(0.5 + 0.2 * (0.4 + 0.3))
    assert features["repetition"].nearness == pytest.approx(0.2 + 0.2 * (0.2 + 0.2))


def test_the_best_score_is_the_chance_and_others_are_its_odds() -> None:
    index = script({"the loss turned into nan": 0.6, "it loops over one paragraph for ever": 0.5})
    measures = index.measure("x")
    first, *others = find_cards("x", index)
    assert first.score == pytest.approx(estimate_scope(collect_features(measures), measures))
    assert all(0 < other.score < first.score <= 1 for other in others)


def test_scores_of_a_question_stay_between_0_and_1(small_index: CardIndex) -> None:
    every_phrase = " ".join(passage.text for passage in list_passages(small_cards()))
    for question in ("zebra", every_phrase, "nan " * 500, "a" * 1_000_000, "loss_" * 100_000):
        assert all(0 <= hit.score <= 1 for hit in find_cards(question, small_index))


def test_hits_are_sorted_and_limited(small_index: CardIndex) -> None:
    question = "nan, out of memory and the same sentence again"
    scores = [hit.score for hit in find_cards(question, small_index)]
    assert scores == sorted(scores, reverse=True)
    assert list_ids(find_cards(question, small_index, limit=2)) == list_ids(find_cards(question, small_index))[:2]


def test_words_alone_find_a_card_and_know_what_they_do_not_cover() -> None:
    index = open_by_words(load_cards())
    hits = find_cards("CUDA out of memory in the backward pass with micro-batch 1", index)
    assert (hits[0].card_id, hits[0].kind) == ("out_of_memory_gpu", "signs")
    assert is_in_scope(hits)
    assert not is_in_scope(find_cards("which cheese goes with pears?", index))


def test_a_query_in_a_fresh_interpreter_imports_neither_torch_nor_sentence_transformers(small_cache: Path) -> None:
    done = run_script(QUERY_SCRIPT, small_cache)
    assert json.loads(done.stdout) == ["loss_nan", []]
    assert done.stderr == ""
