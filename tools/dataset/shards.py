"""Which files make up a training set, and which split each of them is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.errors import BadInput

MAX_FILES = 10_000
PACKINGS = (".gz", ".zst", ".xz", ".bz2")
ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow", ".txt")
NO_DATA = re.compile(
    r"dataset_infos?|dataset_dict|state|config|readme|licen[cs]e|metadata|requirements|trainer_state|package"
    r"|(?:tokenizer|generation|special|adapter|added|vocab|model)[\w.-]*"
)
SPLITS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "eval": "validation",
    "evaluation": "validation",
    "test": "test",
    "testing": "test",
    "heldout": "test",
    "holdout": "test",
}


@dataclass(frozen=True, slots=True)
class Shard:
    """One file of a training set.

    Attributes:
        name: what to call it; inside a folder the path from there.
        role: ``train``, ``validation`` or ``test`` where its name tells, otherwise empty.
    """

    path: Path
    name: str
    role: str


def find_shards(paths: Sequence[Path]) -> list[Shard]:
    """The files of a set, those of the training split first.

    Raises:
        BadInput: a path is not there, or a folder holds no file of data.
    """
    shards = [shard for path in paths for shard in _expand(path)]
    return sorted(shards, key=lambda shard: shard.role not in ("train", ""))


def _expand(path: Path) -> list[Shard]:
    try:
        if not path.is_dir():
            if not path.exists():
                raise BadInput(f"{path}: no such file; pass a file of rows or a folder of them")
            return [Shard(path, str(path), read_role(path.name))]
        found = sorted(item for item in path.rglob("*") if _is_data(item.relative_to(path)) and item.is_file())
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from None
    if not found:
        raise BadInput(f"{path}: holds no file of rows; looked for {', '.join(ENDINGS)}, also packed")
    if len(found) > MAX_FILES:
        raise BadInput(f"{path}: holds {len(found):,} files of rows, at most {MAX_FILES:,} are read; pass some of them")
    return [Shard(item, str(item), _role_inside(item.relative_to(path))) for item in found]


def _is_data(path: Path) -> bool:
    name = path.name.lower()
    for packing in PACKINGS:
        name = name.removesuffix(packing)
    stem, dot, ending = name.rpartition(".")
    is_hidden = any(part.startswith(".") for part in path.parts)
    return f"{dot}{ending}" in ENDINGS and not is_hidden and not NO_DATA.fullmatch(stem)


def _role_inside(path: Path) -> str:
    return next((role for part in reversed(path.parts) if (role := read_role(part))), "")


def read_role(name: str) -> str:
    """The split that a name tells, empty where it tells none or two.

    Example:
        >>> read_role("train-00000-of-00004.parquet"), read_role("dev.jsonl"), read_role("latest.jsonl")
        ('train', 'validation', '')
    """
    roles = {SPLITS[word] for word in re.split(r"[^a-z]+", name.lower()) if word in SPLITS}
    return roles.pop() if len(roles) == 1 else ""
