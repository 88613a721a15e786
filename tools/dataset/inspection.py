"""One pass over a training set, and the report of what was seen."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.dataset.answers import Endings, LengthCounts, Pairs, ShortAnswers
from tools.dataset.content import check_content
from tools.dataset.example import Example, read_example
from tools.dataset.hits import Hits
from tools.dataset.labels import Labels
from tools.dataset.ledger import Ledger
from tools.dataset.near import NearCopies
from tools.dataset.report import DatasetReport, Place
from tools.dataset.rows import Row, read_rows
from tools.dataset.schemas import Schemas, as_object
from tools.dataset.shards import Shard, find_shards
from tools.dataset.turns import name_type
from tools.errors import BadInput

BYTES_PER_TOKEN = 4
"""Bytes of UTF-8 in one token, about: right for English, a little low for code, near for other scripts."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the rows are held against, where known.

    Attributes:
        max_length: tokens that the trainer keeps of a row.
        vocab_size: rows of the model's token embedding.
    """

    max_length: int | None = None
    vocab_size: int | None = None


class Inspection:
    """What has been seen of one set so far."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name = name
        self.limits = limits
        self.num_rows = 0
        self.splits: Counter[str] = Counter()
        self.notes: list[str] = []
        self.hits = Hits()
        self.schemas = Schemas()
        self.ledger = Ledger()
        self.near = NearCopies()
        self.labels = Labels()
        self.endings = Endings()
        self.short = ShortAnswers()
        self.pairs = Pairs()
        self.lengths = {part: LengthCounts() for part in ("prompt", "answer", "row", "tokens")}
        self.first_prompt: str | None = None
        self.has_one_prompt = True

    def read(self, shard: Shard) -> None:
        """Read one file to its end.

        Raises:
            BadInput: it cannot be read, or holds no row.
        """
        self.ledger.start_file(shard.name)
        num_before = self.num_rows + self.hits.count("unreadable_row")
        for row in read_rows(shard.path, shard.name, self.notes):
            self._see(row, Place(shard.name, row.number), row.split or shard.role)
        if self.num_rows + self.hits.count("unreadable_row") == num_before:
            raise BadInput(f"{shard.name}: holds no row; pass JSON Lines, JSON, CSV, Parquet or text")

    def _see(self, row: Row, place: Place, role: str) -> None:
        value = as_object(row.value)
        if row.fault or value is None:
            self.hits.add("unreadable_row", place, detail=row.fault or f"{name_type(row.value)}, not an object")
            return
        columns = tuple(value)
        layout = self.schemas.layout(columns)
        example = read_example(value, layout, self.limits.vocab_size)
        self.schemas.see(columns, layout, example.format, place)
        self.num_rows += 1
        if role:
            self.splits[role] += 1
        if row.is_damaged:
            self.hits.add("encoding_damage", place, detail="bytes that are not UTF-8")
        self._check(example, place, role)

    def _check(self, example: Example, place: Place, role: str) -> None:
        parts = (example.system, example.prompt, example.answer, example.rejected)
        whole = "\x1f".join(parts) if example.label is None else "\x1f".join((*parts, str(example.label)))
        raw = whole.encode("utf-8", "surrogatepass")
        for fault in example.faults:
            self.hits.add(fault.kind, place, sample=example.prompt or example.answer, detail=fault.detail)
        if example.format != "tokenised":
            for fault in check_content(example, whole):
                self.hits.add(fault.kind, place, _sample(fault.kind, fault.detail, whole), fault.detail)
        self._measure(example, len(raw), place)
        index = len(self.ledger.loose)
        self.ledger.add(example, raw, place.row, role)
        if example.format not in ("tokenised", "unknown"):
            answer = str(example.label) if example.format == "classification" else example.answer
            self.near.add(index, example.prompt, answer + example.rejected)

    def _measure(self, example: Example, num_bytes: int, place: Place) -> None:
        answer = example.answer
        if example.format == "tokenised":
            self.lengths["tokens"].add(example.size)
        else:
            self.lengths["row"].add(len(example.system) + len(example.prompt) + len(answer) + len(example.rejected))
        num_tokens = example.size or num_bytes // BYTES_PER_TOKEN
        if self.limits.max_length is not None and num_tokens > self.limits.max_length:
            self.hits.add("too_long", place)
        if example.prompt:
            self.lengths["prompt"].add(len(example.prompt))
        self._compare_prompt(example)
        if example.rejected and self.pairs.see(answer, example.rejected):
            self.hits.add("chosen_equals_rejected", place, answer)
        is_declared = example.format in ("classification", "kto")
        if example.format not in ("tokenised", "text", "unknown", "preference"):
            self.labels.see(example.label, answer, is_declared, place)
        if answer and example.format not in ("tokenised", "text", "unknown"):
            self.lengths["answer"].add(len(answer))
            self.endings.see(answer, place)
            self.short.see(answer, place)

    def _compare_prompt(self, example: Example) -> None:
        if self.has_one_prompt:
            if self.first_prompt is None:
                self.first_prompt = example.prompt
            self.has_one_prompt = bool(example.prompt) and example.prompt == self.first_prompt


def _sample(kind: str, detail: str, whole: str) -> str:
    """The text around what was met; nothing of what is private."""
    if kind in ("personal_data", "secret"):
        return ""
    start = max(0, whole.lower().find(detail.lower()) - 30) if detail else 0
    return whole[start : start + 120].replace("\x1f", " ").strip()


def inspect_dataset(
    paths: Sequence[Path], *, max_length: int | None = None, vocab_size: int | None = None
) -> DatasetReport:
    """Tell what form a training set has and what is wrong with which of its rows.

    Args:
        paths: files, or folders of them, that make up one set; names tell which split each is.
        max_length: tokens that the trainer keeps of a row, where known; lengths are then checked.
        vocab_size: rows of the model's token embedding, where known; ids of tokenised rows are then checked.

    Raises:
        BadInput: a file is not there, cannot be read or holds no row.
    """
    from tools.dataset.judging import judge

    shards = find_shards(paths)
    inspection = Inspection(_name(paths), Limits(max_length, vocab_size))
    for shard in shards:
        inspection.read(shard)
    return judge(inspection, [inspection.ledger])


def inspect_datasets(
    paths: Sequence[Path], *, max_length: int | None = None, vocab_size: int | None = None
) -> list[DatasetReport | BadInput]:
    """Tell of each of several files or folders what form it has and what is wrong with it.

    Held-out files, as their names tell, are compared with the training files among them.

    Args:
        paths: each a set of its own.
        max_length, vocab_size: as for ``inspect_dataset``.

    Returns:
        A report for each path in their order, or what was wrong with the path.
    """
    from tools.dataset.judging import judge

    seen = [_inspect(path, Limits(max_length, vocab_size)) for path in paths]
    ledgers = [item.ledger for item in seen if isinstance(item, Inspection)]
    return [judge(item, ledgers) if isinstance(item, Inspection) else item for item in seen]


def _inspect(path: Path, limits: Limits) -> Inspection | BadInput:
    inspection = Inspection(str(path), limits)
    try:
        for shard in find_shards([path]):
            inspection.read(shard)
    except BadInput as error:
        return error
    return inspection


def _name(paths: Sequence[Path]) -> str:
    return ", ".join(map(str, paths[:3])) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
