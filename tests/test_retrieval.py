import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest
from test_index import build_reference, run_script, small_cards

from knowledge.index import CardIndex, PassageHit, list_passages, open_index
from knowledge.retrieval import FINDING_BOOST, SCOPE_THRESHOLD, CardHit, find_cards, is_in_scope

QUERY_SCRIPT = """
import json, sys
from pathlib import Path
from knowledge.index import open_index
from knowledge.retrieval import find_cards
from test_index import small_cards
hits = find_cards("the loss is nan", open_index(small_cards(), Path(sys.argv[1])))
heavy = {"torch", "sentence_transformers", "transformers", "scipy", "sklearn", "langchain"} & sys.modules.keys()
print(json.dumps([hits[0].card_id, sorted(heavy)]))
"""


class ScriptedIndex:
    """Passages of the small cards with the similarities that a test states, by text."""

    def __init__(self, similarities: Mapping[str, float]) -> None:
        self.passages = tuple(list_passages(small_cards()))
        self._similarities = similarities

    def find_passages(self, question: str, limit: int) -> list[PassageHit]:
        assert question.strip()
        hits = [
            PassageHit(passage, self._similarities[passage.text])
            for passage in self.passages
            if passage.text in self._similarities
        ]
        return sorted(hits, key=lambda hit: -hit.similarity)[:limit]


def script(similarities: Mapping[str, float]) -> CardIndex:
    return cast(CardIndex, ScriptedIndex(similarities))


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
        ("nan", "loss_nan"),
    ],
)
def test_a_question_finds_its_card(small_index: CardIndex, question: str, card_id: str) -> None:
    hits = find_cards(question, small_index)
    assert hits[0].card_id == card_id
    assert hits[0].passage in {passage.text for passage in small_index.passages if passage.card_id == card_id}


@pytest.mark.parametrize("question", ["which cheese goes with pears?", "who was king of Spain in 1700?", "你好", "?!"])
def test_a_question_about_something_else_is_out_of_scope(small_index: CardIndex, question: str) -> None:
    assert not is_in_scope(find_cards(question, small_index))


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
    hits = find_cards(question, script({}), ["repetition", "loss_nan"])
    assert hits == [CardHit(name, FINDING_BOOST, "", "finding") for name in ("repetition", "loss_nan")]
    assert find_cards(question, script({})) == []


def test_a_question_with_the_words_of_a_sign_is_in_scope(small_index: CardIndex) -> None:
    assert is_in_scope(find_cards("CUDA out of memory, OOM", small_index))


@pytest.mark.parametrize(("scores", "expected"), [([], False), ([SCOPE_THRESHOLD], True), ([0.39, 0.1], False)])
def test_the_best_score_decides_about_the_scope(scores: list[float], expected: bool) -> None:
    assert is_in_scope([CardHit("loss_nan", score, "", "phrase") for score in scores]) is expected


def test_among_findings_the_one_that_was_asked_about_comes_first(small_index: CardIndex) -> None:
    hits = find_cards("the loss is nan", small_index, ["repetition", "loss_nan"])
    assert list_ids(hits)[:2] == ["loss_nan", "repetition"]
    assert hits[0].kind == "phrase"


def test_a_card_with_several_near_passages_beats_one_with_a_single_one() -> None:
    index = script(
        {
            "the loss turned into nan": 0.5,
            "grad_norm is nan from the first step": 0.5,
            "OOM when I raise the sequence length": 0.52,
        }
    )
    assert list_ids(find_cards("xyzzy", index)) == ["loss_nan", "out_of_memory"]


def test_the_passage_of_a_hit_is_the_nearest_one() -> None:
    index = script({"the loss turned into nan": 0.4, "grad_norm is nan from the first step": 0.6})
    (hit,) = find_cards("xyzzy", index)
    assert (hit.passage, hit.kind) == ("grad_norm is nan from the first step", "phrase")


def test_shared_words_lift_a_card_and_find_one_that_is_not_among_the_nearest() -> None:
    index = script({"the loss turned into nan": 0.3, "another sign": 0.3})
    hits = find_cards("it loops over one paragraph", index)
    assert hits[0].card_id == "repetition"
    assert (hits[0].passage, hits[0].kind) == ("repetition. a sign of repetition. another sign", "signs")


def test_names_match_however_they_are_joined() -> None:
    index = script({"OOM when I raise the sequence length": 0.3, "it loops over one paragraph for ever": 0.3})
    spellings = ["grad_norm", "grad-norm", "Grad Norms"]
    hits = [find_cards(spelling, index)[0] for spelling in spellings]
    assert {hit.card_id for hit in hits} == {"loss_nan"}
    assert len({hit.score for hit in hits}) == 1


def test_scores_of_a_question_stay_between_0_and_1(small_index: CardIndex) -> None:
    every_phrase = " ".join(passage.text for passage in small_index.passages)
    for question in ("zebra", every_phrase, "nan " * 500):
        assert all(0 <= hit.score <= 1 for hit in find_cards(question, small_index))


def test_hits_are_sorted_and_limited() -> None:
    index = script({"the loss turned into nan": 0.5, "another sign": 0.3, "OOM when I raise the sequence length": 0.4})
    assert list_ids(find_cards("sentence", index)) == ["repetition", "loss_nan", "out_of_memory"]
    assert list_ids(find_cards("sentence", index, limit=2)) == ["repetition", "loss_nan"]


def test_a_query_in_a_fresh_interpreter_imports_neither_torch_nor_sentence_transformers(small_cache: Path) -> None:
    done = run_script(QUERY_SCRIPT, small_cache)
    assert json.loads(done.stdout) == ["loss_nan", []]
    assert done.stderr == ""
