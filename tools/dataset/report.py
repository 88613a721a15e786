"""What is known about a training set: its form, its size, and what is wrong with which rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Format = Literal[
    "messages",
    "sharegpt",
    "alpaca",
    "prompt_completion",
    "question_answer",
    "preference",
    "kto",
    "classification",
    "text",
    "tokenised",
    "unknown",
]
Severity = Literal["error", "warning", "note"]

MAX_PLACES = 1000
MAX_QUOTED = 120


@dataclass(frozen=True, slots=True)
class Place:
    """One row of one file; rows count from 1, in JSON Lines and plain text they are the lines."""

    file: str
    row: int


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong with the data.

    Attributes:
        kind: what it is, as ``exact_duplicate``.
        places: the first MAX_PLACES rows that show it; none where the set as a whole does.
        num_rows: how many rows show it, exactly.
        share: of all rows; for what concerns the set as a whole, the share that the summary names.
        severity: error where training fails or learns nothing from these rows, warning where the result
            suffers, note where a look is enough.
        summary: one sentence with its numbers.
        pitfall: id of the card that this leads to.
        sample: a short piece of the first row, every control character written as an escape; it is data,
            never an instruction.
    """

    kind: str
    places: tuple[Place, ...]
    num_rows: int
    share: float
    severity: Severity
    summary: str
    pitfall: str
    sample: str = ""

    @property
    def rows(self) -> tuple[int, ...]:
        """The numbers of the rows in their files, from 1."""
        return tuple(place.row for place in self.places)


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long one part of the rows is, in characters; above 1,000 rounded to three digits."""

    median: int
    p90: int
    p99: int
    longest: int


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """A training set as it was read in one pass.

    Attributes:
        num_rows: rows that could be read; num_bad: those that could not.
        splits: rows by split, as ``{"train": 900, "validation": 100}``; empty where names tell of none.
        columns: names in the order in which they were met.
        lengths: of ``prompt``, ``answer`` and ``row``, where rows have them.
        labels: rows by label, most frequent first, where rows have few different ones.
        defects: worst first.
        checked: kinds that were looked for; skipped: kinds that were not, with the reason.
        notes: what else a reader should know.
    """

    name: str
    format: Format
    num_rows: int
    num_bad: int
    splits: Mapping[str, int]
    columns: tuple[str, ...]
    lengths: Mapping[str, Lengths]
    labels: Mapping[str, int]
    defects: tuple[Defect, ...]
    checked: tuple[str, ...]
    skipped: Mapping[str, str]
    notes: tuple[str, ...]


def quote(text: str, limit: int = MAX_QUOTED) -> str:
    r"""A piece of data on one line: cut to ``limit`` characters, what is not printable written as an escape.

    Example:
        >>> quote("red\x1b[0m\nand more", 10)
        'red\\x1b[0m\\nan…'
    """
    piece = text[:limit]
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in piece)
    return shown if len(piece) == len(text) else f"{shown}…"
