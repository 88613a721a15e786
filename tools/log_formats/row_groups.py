"""Rows of a table by the metrics they hold: read together, and handed over in the order of the table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import methodcaller


def _pick_nothing(_cells: list[bytes]) -> tuple[bytes, ...]:
    raise IndexError


@dataclass(eq=False, slots=True)
class Group:
    """The rows of a block that hold the same metrics, and their places in it."""

    names: tuple[str, ...] = ()
    rows: list[tuple[float, ...]] = field(default_factory=list)
    places: list[int] = field(default_factory=list)

    def without(self, name: str) -> "Group":
        """The same rows, one of their values left out."""
        kept = [index for index, other in enumerate(self.names) if other != name]
        rows = [tuple(row[index] for index in kept) for row in self.rows]
        return Group(tuple(self.names[index] for index in kept), rows, self.places)

    def split_last(self) -> "tuple[Group, Group]":
        """All rows but the last, and the last."""
        return (
            Group(self.names, self.rows[:-1], self.places[:-1]),
            Group(self.names, self.rows[-1:], self.places[-1:]),
        )


@dataclass(eq=False, slots=True)
class Plan:
    """How to read the rows in which the same cells are filled, and the group that they belong to.

    Attributes:
        pick: takes from the cells of a row those that are read.
        num_cells, num_empty: of a row.
        filled: places of the cells that are read; empty: of those that would be read if they were filled.
    """

    group: Group = field(default_factory=Group)
    pick: Callable[[list[bytes]], tuple[bytes, ...]] = _pick_nothing
    num_cells: int = 0
    num_empty: int = 0
    filled: Sequence[int] = ()
    empty: Sequence[int] = ()

    def read_alike(self, lines: Sequence[bytes], first: int, delimiter: bytes, is_quoted: bool) -> bool:
        """Read lines column by column; gives False, and reads nothing, where one of them is not of this plan."""
        if set(map(methodcaller("count", delimiter), lines)) != {self.num_cells - 1}:
            return False
        text = delimiter.join(lines)
        cells = (text.replace(b'"', b"") if is_quoted else text).split(delimiter)
        if any(any(cells[place :: self.num_cells]) for place in self.empty):
            return False
        try:
            rows = list(zip(*[map(float, cells[place :: self.num_cells]) for place in self.filled], strict=True))
        except ValueError:
            return False
        self.group.rows += rows
        self.group.places += range(first, first + len(rows))
        return True


NO_PLAN = Plan()


def order_groups(groups: Sequence[Group]) -> Sequence[Group]:
    """Groups in such an order that the first and the last value of every metric are those of the block."""
    if len(groups) < 2:
        return groups
    parts = [part for group in groups for part in group.split_last() if part.rows]
    return sorted(parts, key=lambda part: part.places[0])
