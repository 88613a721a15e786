"""What is left of the search where the index can be neither opened nor built."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from assistant import parts
from assistant.cli import main
from assistant.parts import CardSearch
from assistant.settings import Settings, load_settings
from knowledge.card import Card, load_cards
from knowledge.index import CardIndex, open_by_words
from knowledge.passage_store import IndexUnusable

QUESTION = "CUDA out of memory in the backward pass with micro-batch 1"
WORDS_ALONE = "until then cards are found by their words alone"


def search(capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[list[str], list[str]]:
    """Search by the command line: ids in order, and what was said on stderr."""
    assert main(["cards", "search", QUESTION, "--json", *flags]) == 0
    printed = capsys.readouterr()
    return [hit["id"] for hit in json.loads(printed.out)["hits"]], printed.err.splitlines()


def test_a_cache_that_cannot_be_written_is_one_line_and_words_still_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    occupied = tmp_path / "cache"
    occupied.write_text("a file")
    ids, said = search(capsys, "--cache", str(occupied))
    assert ids[0] == "out_of_memory_gpu"
    fault = f"{occupied}: the card index cannot be kept there (File exists); choose another cache folder"
    assert said[-1] == f"ftchat: {fault}; {WORDS_ALONE}"


def test_a_server_that_is_down_is_one_line_and_words_still_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FTCHAT_CHROMA_URL", "http://127.0.0.1:9")
    ids, said = search(capsys, "--cache", str(tmp_path))
    assert ids[0] == "out_of_memory_gpu"
    assert said[-1].startswith("ftchat: the Chroma server at http://127.0.0.1:9 cannot be reached (")
    assert said[-1].endswith(WORDS_ALONE)


class DamagedIndex:
    """An index whose store fails when it is asked."""

    def measure(self, _: str) -> None:
        raise IndexUnusable("the card index cannot be read (disk I/O error)")


def test_a_store_that_fails_later_is_said_once_and_words_answer_from_then_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(parts, "open_or_build", lambda *_: DamagedIndex())
    searching = CardSearch(Settings("unused"), load_cards)
    for _ in range(2):
        assert searching.find(QUESTION, [])[0].card_id == "out_of_memory_gpu"
    (said,) = capsys.readouterr().err.splitlines()
    assert said == f"ftchat: the card index cannot be read (disk I/O error); {WORDS_ALONE}"


def test_the_index_is_opened_once_and_only_for_words(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def open_counted(cache: Path, cards: Mapping[str, Card], chroma_url: str) -> CardIndex:
        opened.append((cache, chroma_url))
        return open_by_words(cards)

    monkeypatch.setattr(parts, "open_or_build", open_counted)
    searching = CardSearch(Settings("here", chroma_url="http://host:8000"), load_cards)
    assert [hit.card_id for hit in searching.find("", ["loss_nan"])] == ["loss_nan"]
    assert opened == []
    searching.find(QUESTION, [])
    searching.find(QUESTION, [])
    assert opened == [(Path("here"), "http://host:8000")]


def test_the_server_is_a_setting(tmp_path: Path) -> None:
    environment = {"FTCHAT_CHROMA_URL": "http://host:1", "XDG_CONFIG_HOME": str(tmp_path), **os.environ}
    assert (
        load_settings({"cache": "x"}, {**environment, "FTCHAT_CHROMA_URL": "http://host:1"}).chroma_url
        == "http://host:1"
    )
