"""The columns of a table of metrics: which one is the step, and under which names the rules know the others."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tools.lazy_pattern import lazy_pattern
from tools.log_formats.record import TRAIN_METRICS, canonical_name
from tools.units import parse_number

MAX_COLUMNS = 2000
MAX_NAME_LENGTH = 200
COORDINATES = frozenset({"step", "epoch"})
MEAN_LOSS = "train_loss"
TELLING = COORDINATES | {"loss", "eval_loss"}
MISSING = frozenset({"", "none", "null", "na", "n/a", "<na>", "-", "--", "no log", "#na#"})

_OWN_NAMES = {
    "train/global_step": "step",
    "trainer/global_step": "step",
    "train/epoch": "epoch",
    "trainer/epoch": "epoch",
    "epoch_loss": "loss",
    "train_mean_reward": "reward",
    "valid_mean_reward": "eval_reward",
}
_OWN_NAMES |= dict.fromkeys(["it", "n_iter", "update", "updates", "num_updates", "optimizer_step", "step_num"], "step")
# Of several columns with one meaning the first of these is read; the others keep the trainer's own name.
_PREFERRED = {
    "step": "train/global_step trainer/global_step global_step step current_steps iteration",
    "epoch": "epoch train/epoch trainer/epoch",
    "loss": "loss train_loss_step train/loss_step train/loss training_loss train_loss",
    "eval_loss": "eval_loss eval/loss val_loss val/loss valid_loss validation_loss full_valid_loss test_loss",
}
_MEANS = frozenset({"train_loss", "train/train_loss"})
"""Beside the duration of the run this is its mean loss, and no value of the curve."""
_RANKS = {name: rank for names in _PREFERRED.values() for rank, name in enumerate(names.split())}
_WITHIN_EPOCH = frozenset({"step", "batch", "iter", "iters", "iteration", "batch_idx"})
_EVALUATED = lazy_pattern(r"(?:^|[^a-z])(?:eval|evaluation|val|valid|validation|dev|test)(?:[^a-z]|$)")
_LOSS = lazy_pattern(r"loss(?![_ ]?(?:scale|weight|coef))")
_SPREAD = ("__min", "__max")
_INDEX = lazy_pattern(r"(?:unnamed: \d{1,6}|index|#)?")
_NAME = lazy_pattern(r"[\w#%$][\w \-./:%()\[\]@+#&*=|,$]*")
_THOUSANDS = lazy_pattern(r"[+-]?[1-9]\d{0,2}(?:,\d{3}){1,6}(?:\.\d{0,30})?")


@dataclass(frozen=True, slots=True)
class Columns:
    """A header that was understood.

    Attributes:
        header: the cells as they stand; names: what is read from each column, "" where nothing is.
        is_dump: the first column is an unnamed index, as pandas writes it, so that NaN means a cell without value.
        other_runs: runs of which the same table holds columns, and which are not read.
    """

    header: tuple[str, ...]
    names: tuple[str, ...]
    is_dump: bool = False
    other_runs: tuple[str, ...] = ()

    def read_row(self, cells: Sequence[str]) -> dict[str, float] | None:
        """Read a row under this header.

        Returns:
            The values of cells that hold a number; None where the row does not fit the header.

        Example:
            >>> name_columns(["Step", "Training Loss"]).read_row(["1,000", "No log"])
            {'step': 1000.0}
        """
        cells = cells if len(cells) <= len(self.names) else _drop_empty_end(cells, len(self.names))
        if len(cells) != len(self.names):
            return None
        values = {}
        for name, cell in zip(self.names, cells, strict=True):
            value = read_cell(cell) if name else None
            if value is not None and not (self.is_dump and math.isnan(value)):
                values[name] = value
            elif name in TELLING and not (self.is_dump or cell.strip().lower() in MISSING):
                return None
        return values

    def without_words(self, cells: Sequence[str]) -> "Columns":
        """The same columns, those not read that hold words or times in this row."""
        columns = self
        for name, cell in zip(self.names, cells, strict=True):
            is_word = name and cell.strip().lower() not in MISSING and read_cell(cell) is None
            if is_word and name not in TELLING:
                columns = columns.without(name)
        return columns

    def without(self, name: str) -> "Columns":
        """The same columns, one of them not read."""
        names = tuple("" if other == name else other for other in self.names)
        return Columns(self.header, names, self.is_dump, self.other_runs)


def read_cell(cell: str) -> float | None:
    """Read the number in a cell, None where it holds none.

    Example:
        >>> [read_cell(cell) for cell in (" 1.5", "12,345", "NaN", "1,5", "", "tensor(2., device='cuda:0')")]
        [1.5, 12345.0, nan, None, None, 2.0]
    """
    cell = cell.strip().strip("'\"`* ")
    if len(cell) > MAX_NAME_LENGTH:
        return None
    if _THOUSANDS.fullmatch(cell):
        cell = cell.replace(",", "")
    return parse_number(cell)


def name_columns(header: Sequence[str], needs_place: bool = True) -> Columns | None:
    """Tell what the columns of a table are.

    Args:
        header: the cells of the header.
        needs_place: whether only a table with a step or an epoch is one.

    Returns:
        None where this is no header of a table of a training run.

    Example:
        >>> name_columns(["epoch", "train_loss_step", "val_loss"]).names
        ('epoch', 'loss', 'eval_loss')
        >>> name_columns(["name", "price"]) is None
        True
    """
    if not 2 <= len(header) <= MAX_COLUMNS:
        return None
    cells = tuple(cell.strip().strip("'\"*` \ufeff") for cell in header)
    is_dump = _INDEX.fullmatch(cells[0].lower()) is not None
    if not all(_is_name(cell) for cell in cells[is_dump:]):
        return None
    plain, other_runs = _take_first_run(cells)
    names = name_all(plain)
    found = set(names)
    if not (found & TRAIN_METRICS or any(name.startswith("eval_") for name in found)):
        return None
    if needs_place and not found & COORDINATES:
        return None
    return Columns(tuple(header), names, is_dump, other_runs)


def name_all(names: Sequence[str]) -> tuple[str, ...]:
    """Name metrics that belong to one run, each name given once.

    Example:
        >>> name_all(["train/loss", "train/train_loss", "loss_metrics/global_max_loss"])
        ('loss', 'train_loss', 'loss_metrics/global_max_loss')
    """
    return tuple(_resolve(_settle(names), names))


def name_metric(name: str) -> str:
    """The name under which the rules look for a metric; trackers put "train/" in front of all of a trainer's.

    Example:
        >>> [name_metric(name) for name in ("train/reward", "eval/loss", "train/global_step", "rewards / format")]
        ['reward', 'eval_loss', 'step', 'rewards/format']
    """
    name = name.strip().replace(" / ", "/")
    lower = name.lower()
    if lower in _OWN_NAMES:
        return _OWN_NAMES[lower]
    canonical = canonical_name(name)
    if lower.startswith("train/") and canonical.lower() == lower.replace(" ", "_"):
        return canonical_name(name[len("train/") :])
    if lower.endswith("losses"):
        return canonical_name(name[: -len("es")])
    return canonical


def find_within_epoch(columns: Columns, rows: Iterable[tuple[Sequence[str], Sequence[float]]]) -> bool:
    """Tell whether the "step" starts again in every epoch, as a batch number does, and so is no step."""
    if "step" not in columns.names:
        return False
    if columns.header[columns.names.index("step")].strip().lower() not in _WITHIN_EPOCH:
        return False
    last_step, last_epoch, num_back = -math.inf, -math.inf, 0
    for names, values in rows:
        if "step" in names and "epoch" in names:
            step, epoch = values[names.index("step")], values[names.index("epoch")]
            if epoch < last_epoch:
                return False
            num_back += step < last_step and epoch > last_epoch
            last_step, last_epoch = step, epoch
    return num_back > 0


def _is_name(cell: str) -> bool:
    return not cell or (len(cell) <= MAX_NAME_LENGTH and read_cell(cell) is None and _NAME.fullmatch(cell) is not None)


def _take_first_run(cells: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """Take the names of runs off, which W&B puts in front of every metric; of several runs the first is read."""
    prefixes = [cell.rpartition(" - ")[0] for cell in cells]
    runs = list(dict.fromkeys(prefix for prefix in prefixes if prefix))
    plain = []
    for cell, prefix in zip(cells, prefixes, strict=True):
        is_read = not cell.lower().endswith(_SPREAD) and prefix in ("", *runs[:1])
        plain.append(cell[len(prefix) + 3 if prefix else 0 :] if is_read else "")
    return plain, tuple(runs[1:])


def _settle(plain: Sequence[str]) -> list[str]:
    """Name every column by itself, with a second look where no column is called a loss outright."""
    names = [name_metric(cell) if not _INDEX.fullmatch(cell.lower()) else "" for cell in plain]
    lower = [cell.lower().replace(" ", "_") for cell in plain]
    if any(cell.endswith("train_runtime") for cell in lower):
        names = [MEAN_LOSS if cell in _MEANS else name for name, cell in zip(names, lower, strict=True)]
    if {"train_loss", "valid_loss", "time"} <= set(lower):
        names = [_as_evaluated(name, cell, "time") for name, cell in zip(names, plain, strict=True)]
    if "validation_loss" in lower:
        names = [_as_evaluated(name, cell) for name, cell in zip(names, plain, strict=True)]
    for wanted, is_evaluated in (("loss", False), ("eval_loss", True)):
        if wanted not in names:
            candidates = [
                index
                for index, cell in enumerate(lower)
                if _LOSS.search(cell)
                and names[index] not in {*TELLING, MEAN_LOSS}
                and bool(_EVALUATED.search(cell)) == is_evaluated
            ]
            if candidates:
                names[candidates[0]] = wanted
    return names


def _as_evaluated(name: str, cell: str, *left: str) -> str:
    """Of a table of evaluations every metric is one of evaluation; the notebook bar writes those with a capital."""
    is_capital = cell[:1].isupper() or bool(left)
    if not is_capital or not name or name in TELLING or name in left or name.startswith("eval_"):
        return name
    return "eval_" + name.lower()


def _resolve(names: Sequence[str], plain: Sequence[str]) -> list[str]:
    """Give every name once: to the preferred column, while the others keep what the trainer calls them."""
    lower = [cell.lower().replace(" ", "_") for cell in plain]
    best: dict[str, int] = {}
    for index, name in enumerate(names):
        rank = _RANKS.get(lower[index], len(_RANKS))
        if name and (name not in best or rank < _RANKS.get(lower[best[name]], len(_RANKS))):
            best[name] = index
    taken = Counter(best)
    found = []
    for index, name in enumerate(names):
        own = name
        if name and best[name] != index:
            own = plain[index].strip().replace(" ", "_").removeprefix("train/")
            own = own if own not in taken else ""
            taken[own] += 1
        found.append(own)
    return found


def _drop_empty_end(cells: Sequence[str], length: int) -> Sequence[str]:
    return cells[:length] if not any(cell.strip() for cell in cells[length:]) else cells
