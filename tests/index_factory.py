"""An index of three small cards, built for real once in a session, and the ways to run code beside it."""

import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from knowledge import index as index_module
from knowledge.card import Card, Move, Suspect
from knowledge.encoder import CHECK_TEXTS

TEXTS = (*CHECK_TEXTS, "Is a rank of 8 enough?", "loss 2.31 -> 0.02 in one epoch", "eval/loss: nan")

# Everything that needs torch, once in a session and in a process of its own.
REFERENCE_SCRIPT = """
import sys
from pathlib import Path
import numpy
from knowledge.encoder import ENCODER_WEIGHTS, _load_reference, _quiet
from knowledge.index import build_index
from index_factory import TEXTS, small_cards
from tools.package_files import find_package_file
folder = Path(sys.argv[1])
build_index(small_cards(), folder / "cache", print)
with _quiet():
    vectors = _load_reference(find_package_file(ENCODER_WEIGHTS).parent).encode(list(TEXTS), show_progress_bar=False)
numpy.save(folder / "vectors.npy", vectors)
"""

# Builds an index with the encoder that was exported already, and without waiting for torch.
QUICK_SCRIPT = """
import sys
from pathlib import Path
import pytest
from knowledge.index import ensure_index
from index_factory import quicken_builds, small_cards
with pytest.MonkeyPatch.context() as patch:
    quicken_builds(patch, Path(sys.argv[1]))
    built = ensure_index(small_cards(), Path(sys.argv[2]), lambda line: None)
print(built.measure("the loss is not a number").near[0].passage.card_id)
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
    (folder,) = list_folders(root / "cache")
    return Reference(root / "cache", folder, (root / "printed.txt").read_text(), np.load(root / "vectors.npy"))


def list_folders(cache: Path) -> list[Path]:
    """What stands in a cache beside the lock."""
    return [path for path in sorted(cache.iterdir()) if path.is_dir()]


def run_script(script: str, *arguments: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", script, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=240, env=environment)


def quicken_builds(patch: pytest.MonkeyPatch, exported: Path) -> None:
    """Let builds take an exported encoder."""

    def copy_encoder(folder: Path) -> None:
        for name in ("encoder.onnx", "tokenizer.json"):
            shutil.copyfile(exported / name, folder / name)

    patch.setattr(index_module, "export_encoder", copy_encoder)


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
        origin="team",
    )


def find_file(folder: Path, pattern: str) -> Path:
    (path,) = folder.rglob(pattern)
    return path
