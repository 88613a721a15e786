import sqlite3
import time
from pathlib import Path

import pytest

from knowledge.passages import Passage
from knowledge.word_index import build_word_index, open_word_index, split_terms

PASSAGES = [
    Passage("loss_nan", "phrase", "grad_norm is nan from the first step"),
    Passage("loss_nan", "moves", "lower the learning rate"),
    Passage("slow", "signs", "takes days. step time is long"),
    Passage("rate", "phrase", "the learning rate is too high"),
]


@pytest.mark.parametrize("spelling", ["grad_norm", "grad-norm", "Grad Norms"])
def test_names_match_however_they_are_joined(spelling: str) -> None:
    assert list(build_word_index(PASSAGES).weigh(split_terms(spelling))) == ["loss_nan"]


def test_words_of_moves_and_suspects_do_not_count() -> None:
    assert list(build_word_index(PASSAGES).weigh(split_terms("learning rate"))) == ["rate"]


def test_a_card_with_the_rarer_word_weighs_more() -> None:
    weights = build_word_index(PASSAGES).weigh(["nan", "step"])
    assert weights["loss_nan"] > weights["slow"] > 0


def test_no_shared_word_is_no_weight() -> None:
    assert build_word_index(PASSAGES).weigh(["zebra"]) == {}
    assert build_word_index(PASSAGES).weigh([]) == {}


@pytest.mark.parametrize(
    "text", ['"; DROP TABLE words; --', "NEAR( * ^ OR AND NOT", "col:umn -minus +plus", "\0 \udc80"]
)
def test_text_is_never_read_as_a_query(text: str) -> None:
    index = build_word_index(PASSAGES)
    index.weigh(split_terms(text))
    assert index.weigh(["nan"])


def test_a_written_index_weighs_as_one_in_memory_and_is_never_written_to(tmp_path: Path) -> None:
    path = tmp_path / "folder with #%?" / "words.sqlite3"
    path.parent.mkdir()
    build_word_index(PASSAGES, path).close()
    before = path.read_bytes()
    opened = open_word_index(path)
    assert opened.weigh(["nan", "step"]) == build_word_index(PASSAGES).weigh(["nan", "step"])
    opened.close()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_long_paste_takes_no_long_time() -> None:
    index = build_word_index(PASSAGES)
    started = time.perf_counter()
    index.weigh(split_terms(" ".join(f"word{number} nan" for number in range(200_000))))
    assert time.perf_counter() - started < 2


def test_a_file_that_is_none_raises_when_it_is_asked(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("not a database, but long enough to be looked at " * 100)
    with pytest.raises(sqlite3.DatabaseError):
        open_word_index(tmp_path / "words").weigh(["nan"])
