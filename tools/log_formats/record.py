"""What a log format is, and what its reader hands over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tools.run import Line

Kind = Literal["train", "eval", "summary"]


@dataclass(frozen=True, slots=True)
class Record:
    """One group of metrics that a trainer printed together.

    Attributes:
        kind: a training row, an evaluation row, or the summary at the end of the run.
        values: metric -> value, non-finite ones included; "step" and "epoch" are coordinates, not metrics.
        line: where the record stands; lines: where single metrics stand, if they have lines of their own.
    """

    kind: Kind
    values: Mapping[str, float]
    line: Line
    lines: Mapping[str, Line] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LogFormat:
    """One way in which trainers print metrics.

    Attributes:
        name: identifier, as ``ftchat check --json`` gives it.
        title: what it is, for a person.
        source: the file whose code prints it.
        samples: lines as they are printed, each with the values that must be read from it.
        marker: bytes of which a line must hold at least one; the reader is asked about no other line.
        read: the values of a line, or None where it is not of this format.
    """

    name: str
    title: str
    source: str
    samples: tuple[tuple[str, Mapping[str, float]], ...]
    markers: tuple[bytes, ...]
    read: Callable[[str], dict[str, float] | None]


def classify(values: Mapping[str, float]) -> Kind | None:
    """Tell what kind of row these metrics are, None where they are no row of a training run."""
    if "train_runtime" in values or ("train_loss" in values and "loss" not in values):
        return "summary"
    if any(name.startswith("eval_") for name in values):
        return "eval"
    if "loss" in values:
        return "train"
    return None
