import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from knowledge import index as index_module
from knowledge.card import Card, Move, Suspect
from knowledge.encoder import CHECK_TEXTS, OnnxEncoder
from knowledge.index import CardIndex, IndexUnusable, build_index, ensure_index, list_passages, open_index
from tools.errors import NotAvailable

TEXTS = (*CHECK_TEXTS, "Is a rank of 8 enough?", "loss 2.31 -> 0.02 in one epoch", "eval/loss: nan")

# Everything that needs torch, once in a session and in a process of its own.
REFERENCE_SCRIPT = """
import sys
from pathlib import Path
import numpy
from knowledge.encoder import encode_with_reference
from knowledge.index import build_index
from test_index import TEXTS, small_cards
folder = Path(sys.argv[1])
build_index(small_cards(), folder / "cache", print)
numpy.save(folder / "vectors.npy", numpy.concatenate(list(encode_with_reference(TEXTS))))
"""

# Builds an index with the encoder that was exported already, and without waiting for torch.
QUICK_SCRIPT = """
import sys
from pathlib import Path
import pytest
from knowledge.index import ensure_index
from test_index import quicken_builds, small_cards
with pytest.MonkeyPatch.context() as patch:
    quicken_builds(patch, Path(sys.argv[1]))
    built = ensure_index(small_cards(), Path(sys.argv[2]), lambda line: None)
print(built.find_passages("the loss is not a number", 1)[0].passage.card_id)
"""


@dataclasses.dataclass(frozen=True)
class Reference:
    """What a real build of the small cards made and printed, and the vectors of TEXTS by sentence-transformers."""

    cache: Path
    folder: Path
    printed: str
    vectors: "np.typing.NDArray[np.float32]"


def build_reference(shared_cache: Path) -> Reference:
    """Build the small cards' index with all its real parts, the first time in a session."""
    root = shared_cache / "reference"
    if not root.exists():
        root.mkdir()
        done = run_script(REFERENCE_SCRIPT, root)
        (root / "printed.txt").write_text(done.stdout + done.stderr)
    (folder,) = (root / "cache").iterdir()
    return Reference(root / "cache", folder, (root / "printed.txt").read_text(), np.load(root / "vectors.npy"))


def run_script(script: str, *arguments: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", script, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=240, env=environment)


def quicken_builds(patch: pytest.MonkeyPatch, exported: Path) -> None:
    """Let builds take an exported encoder, which makes the same vectors as sentence-transformers."""

    def copy_encoder(folder: Path) -> None:
        for name in ("encoder.onnx", "tokenizer.json"):
            shutil.copyfile(exported / name, folder / name)

    patch.setattr(index_module, "export_encoder", copy_encoder)
    patch.setattr(index_module, "encode_with_reference", lambda texts: [OnnxEncoder(exported).encode(texts)])


def small_cards() -> dict[str, Card]:
    """Three cards with a few phrases each."""
    phrases = {
        "loss_nan": ("the loss turned into nan", "grad_norm is nan from the first step", "loss shows inf, then nan"),
        "out_of_memory": ("CUDA out of memory after the first batch", "OOM when I raise the sequence length"),
        "repetition": ("the model says the same sentence again and again", "it loops over one paragraph for ever"),
    }
    return {name: make_card(name, texts) for name, texts in phrases.items()}


def make_card(name: str, phrases: tuple[str, ...]) -> Card:
    return Card(
        id=name,
        title=name.replace("_", " "),
        family="crash",
        signs=(f"a sign of {name}", "another sign"),
        suspects=(Suspect("the learning rate is too high", "the loss rises before"), Suspect("bad rows", "read them")),
        moves=(Move("learning_rate", "lower", "to a tenth", "slower"), Move("micro_batch", "lower", "to 1", "slower")),
        related=(),
        phrases=phrases,
        versions="any",
        sources=("measured",),
        sections={"What you see": "text"},
    )


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


def find_file(folder: Path, pattern: str) -> Path:
    (path,) = folder.rglob(pattern)
    return path


def test_every_phrase_and_three_texts_a_card_become_passages() -> None:
    passages = list_passages(small_cards())
    assert len(passages) == 3 * 3 + 3 + 2 + 2
    of_one_card = [(passage.kind, passage.text) for passage in passages if passage.card_id == "out_of_memory"]
    assert of_one_card == [
        ("signs", "out of memory. a sign of out_of_memory. another sign"),
        ("phrase", "CUDA out of memory after the first batch"),
        ("phrase", "OOM when I raise the sequence length"),
        ("suspects", "the learning rate is too high: the loss rises before. bad rows: read them"),
        ("moves", "lower learning rate: to a tenth. lower micro batch: to 1"),
    ]


def test_all_passages_are_found_and_sorted_by_similarity(built: CardIndex) -> None:
    hits = built.find_passages("my training ran out of GPU memory", 60)
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
    assert built.find_passages(question, 1)[0].passage.card_id == card_id


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
    assert changed.find_passages("a broken record", 1)[0].passage.text == "like a broken record"
    changed.close()


def test_old_indexes_are_removed_but_the_newest_stays(built: CardIndex, cache: Path, folder: Path) -> None:
    for name, age_seconds in {"index-old": 500, "index-older": 900, ".unfinished-killed": 7200}.items():
        (cache / name).mkdir()
        os.utime(cache / name, (time.time() - age_seconds, time.time() - age_seconds))
    cards = {"loss_nan": small_cards()["loss_nan"]}
    fresh = build_index(cards, cache, lambda _: None)
    assert sorted(cache.iterdir()) == sorted([fresh, folder])
    assert built.find_passages("nan", 1)


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
    client = index_module._connect(find_file(folder, "passages-*"))
    client.get_collection("cards", embedding_function=None).delete(ids=["3"])
    client.close()


DAMAGES = [damage_database, damage_encoder, damage_encoder_inside, damage_vectors, damage_store, damage_manifest]


@pytest.mark.parametrize("damage", [*DAMAGES, damage_by_losing_passages])
def test_a_damaged_index_is_noticed_and_rebuilt(cache: Path, folder: Path, damage: Callable[[Path], None]) -> None:
    damage(folder)
    with pytest.raises(IndexUnusable, match="the card index is damaged"):
        open_index(small_cards(), cache)
    rebuilt = ensure_index(small_cards(), cache, lambda _: None)
    assert rebuilt.find_passages("nan", 1)[0].passage.card_id == "loss_nan"
    rebuilt.close()
    assert list(cache.iterdir()) == [folder]


def test_a_killed_build_leaves_nothing_in_the_place_of_an_index(cache: Path) -> None:
    def stop(line: str) -> None:
        if line.startswith("embedding"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_index(small_cards(), cache, stop)
    assert list(cache.iterdir()) == []


def test_two_processes_that_build_at_once_both_get_a_working_index(reference: Reference, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(run_script, QUICK_SCRIPT, reference.folder, tmp_path) for _ in range(2)]
    assert [(run.result().stdout, run.result().stderr) for run in runs] == [("loss_nan\n", "")] * 2
    assert [path.name for path in tmp_path.iterdir()] == [reference.folder.name]


def test_the_loser_of_two_builds_discards_its_own(built: CardIndex, cache: Path, folder: Path) -> None:
    of_the_winner = (folder / "manifest.json").read_bytes()
    assert build_index(small_cards(), cache, lambda _: None) == folder
    assert (folder / "manifest.json").read_bytes() == of_the_winner
    assert list(cache.iterdir()) == [folder]
    assert built.find_passages("nan", 1)


def test_a_cache_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    occupied = tmp_path / "cache"
    occupied.write_text("a file")
    with pytest.raises(NotAvailable) as raised:
        ensure_index(small_cards(), occupied, lambda _: None)
    assert (
        str(raised.value)
        == f"{occupied}: the card index cannot be kept there (File exists); choose another cache folder"
    )


def test_settings_of_other_chroma_programs_are_ignored(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("CHROMA_OTEL_GRANULARITY=all\nANONYMIZED_TELEMETRY=true\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CHROMA_API_IMPL", "chromadb.api.fastapi.FastAPI")
    monkeypatch.setenv("CHROMA_OTEL_GRANULARITY", "all")
    opened = ensure_index(small_cards(), cache, lambda _: None)
    assert opened.find_passages("nan", 1)[0].passage.card_id == "loss_nan"
    opened.close()
