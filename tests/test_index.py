import dataclasses
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from index_factory import (
    QUICK_SCRIPT,
    Reference,
    build_reference,
    find_file,
    list_folders,
    quicken_builds,
    run_script,
    small_cards,
)

from knowledge import passage_store
from knowledge.index import CardIndex, build_index, ensure_index, open_by_words, open_index
from knowledge.passage_store import IndexUnusable
from knowledge.passages import list_passages
from tools.errors import NotAvailable


@pytest.fixture(scope="session")
def reference(shared_cache: Path) -> Reference:
    return build_reference(shared_cache)


@pytest.fixture
def cache(tmp_path: Path, reference: Reference, monkeypatch: pytest.MonkeyPatch) -> Path:
    quicken_builds(monkeypatch, reference.folder)
    return tmp_path / "cache"


@pytest.fixture
def folder(cache: Path, reference: Reference) -> Path:
    """A built index of the small cards in the cache."""
    shutil.copytree(reference.cache, cache)
    return cache / reference.folder.name


@pytest.fixture
def built(cache: Path, folder: Path) -> Iterator[CardIndex]:
    built = open_index(small_cards(), cache)
    yield built
    built.close()


def test_all_passages_are_found_and_sorted_by_similarity(built: CardIndex) -> None:
    hits = built.measure("my training ran out of GPU memory").near
    assert sorted(map(repr, (hit.passage for hit in hits))) == sorted(map(repr, list_passages(small_cards())))
    similarities = [hit.similarity for hit in hits]
    assert similarities == sorted(similarities, reverse=True)
    assert -1 <= similarities[-1] <= similarities[0] <= 1


@pytest.mark.parametrize(
    ("question", "card_id"),
    [
        ("after a while the loss is not a number any more", "loss_nan"),
        ("the GPU has too little VRAM for longer inputs", "out_of_memory"),
        ("answers are stuck in an endless loop of identical text", "repetition"),
    ],
)
def test_a_paraphrase_finds_its_card(built: CardIndex, question: str, card_id: str) -> None:
    assert built.measure(question).near[0].passage.card_id == card_id


def test_a_real_build_says_what_it_does_and_nothing_else(reference: Reference) -> None:
    assert reference.printed == "exporting the sentence encoder\nembedding 16 of 16 passages\n"


def test_nothing_is_rebuilt_when_nothing_changed(built: CardIndex, cache: Path) -> None:
    ensure_index(small_cards(), cache, pytest.fail).close()


def test_a_changed_card_gets_a_new_index(built: CardIndex, cache: Path) -> None:
    cards = small_cards()
    cards["repetition"] = dataclasses.replace(cards["repetition"], phrases=("like a broken record",))
    with pytest.raises(IndexUnusable, match="no index of these cards yet"):
        open_index(cards, cache)
    changed = ensure_index(cards, cache, lambda _: None)
    assert changed.measure("a broken record").near[0].passage.text == "like a broken record"
    changed.close()


def test_old_indexes_are_removed_but_the_newest_stays(built: CardIndex, cache: Path, folder: Path) -> None:
    for name, age_seconds in {"index-old": 500, "index-older": 900, ".unfinished-killed": 7200}.items():
        (cache / name).mkdir()
        os.utime(cache / name, (time.time() - age_seconds, time.time() - age_seconds))
    cards = {"loss_nan": small_cards()["loss_nan"]}
    fresh = build_index(cards, cache, lambda _: None)
    assert list_folders(cache) == sorted([fresh, folder])
    assert built.measure("nan").near


def damage_database(folder: Path) -> None:
    os.truncate(find_file(folder, "chroma.sqlite3"), 3000)


def damage_encoder(folder: Path) -> None:
    find_file(folder, "encoder.onnx").unlink()


def damage_encoder_inside(folder: Path) -> None:
    with find_file(folder, "encoder.onnx").open("r+b") as stream:
        stream.seek(5_000_000)
        stream.write(b"\0" * 64)


def damage_vectors(folder: Path) -> None:
    os.truncate(find_file(folder, "data_level0.bin"), 10)


def damage_store(folder: Path) -> None:
    shutil.rmtree(find_file(folder, "passages-*"))


def damage_manifest(folder: Path) -> None:
    find_file(folder, "manifest.json").write_text("[]")


def damage_by_losing_passages(folder: Path) -> None:
    client: Any = passage_store._connect_local(find_file(folder, "passages-*"))
    client.get_collection("cards", embedding_function=None).delete(ids=["3"])
    client.close()


def damage_words(folder: Path) -> None:
    os.truncate(find_file(folder, "words.sqlite3"), 100)


DAMAGES = [
    damage_database,
    damage_words,
    damage_encoder,
    damage_encoder_inside,
    damage_vectors,
    damage_store,
    damage_manifest,
]


@pytest.mark.parametrize("damage", [*DAMAGES, damage_by_losing_passages])
def test_a_damaged_index_is_noticed_and_rebuilt(cache: Path, folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    with pytest.raises(IndexUnusable, match="the card index is damaged"):
        open_index(small_cards(), cache)
    rebuilt = ensure_index(small_cards(), cache, lambda _: None)
    assert rebuilt.measure("nan").near[0].passage.card_id == "loss_nan"
    rebuilt.close()
    assert list_folders(cache) == [folder]


def test_a_killed_build_leaves_nothing_in_the_place_of_an_index(cache: Path) -> None:
    def stop(line: str) -> None:
        if line.startswith("embedding"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index(small_cards(), cache, stop)
    assert list_folders(cache) == []


def test_two_processes_that_build_at_once_both_get_a_working_index(reference: Reference, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run_script, QUICK_SCRIPT, reference.folder, tmp_path) for _ in range(2)]
    assert [(run.result().stdout, run.result().stderr) for run in runs] == [("loss_nan\n", "")] * 2
    assert [path.name for path in list_folders(tmp_path)] == [reference.folder.name]


def test_the_loser_of_two_builds_discards_its_own(built: CardIndex, cache: Path, folder: Path) -> None:
    of_the_winner = (folder / "manifest.json").read_bytes()
    assert build_index(small_cards(), cache, lambda _: None) == folder
    assert (folder / "manifest.json").read_bytes() == of_the_winner
    assert list_folders(cache) == [folder]
    assert built.measure("nan").near


def test_a_cache_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    occupied = tmp_path / "cache"
    occupied.write_text("a file")
    with pytest.raises(NotAvailable) as raised:
        ensure_index(small_cards(), occupied, lambda _: None)
    assert (
        str(raised.value)
        == f"{occupied}: the card index cannot be kept there (File exists); choose another cache folder"
    )


def test_cards_are_found_by_words_without_any_folder() -> None:
    measures = open_by_words(small_cards()).measure("grad_norm nan")
    assert (list(measures.weights), measures.near, measures.log_odds) == (["loss_nan"], (), None)


def test_opening_changes_no_file_but_the_database(built: CardIndex, cache: Path, folder: Path) -> None:
    assert built.measure("nan").near
    open_index(small_cards(), cache).close()
    ensure_index(small_cards(), cache, pytest.fail).close()


def test_settings_of_other_chroma_programs_are_ignored(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CHROMA_OTEL_GRANULARITY=all\nANONYMIZED_TELEMETRY=true\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHROMA_API_IMPL", "chromadb.api.fastapi.FastAPI")
    monkeypatch.setenv("CHROMA_OTEL_GRANULARITY", "all")
    opened = ensure_index(small_cards(), cache, lambda _: None)
    assert opened.measure("nan").near[0].passage.card_id == "loss_nan"
    opened.close()
