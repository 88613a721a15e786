"""A case: one input, what is wrong with it, and what may be said beside that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.run import Run

NO_FAULT = "healthy"
OUTSIDE = "other"
"""The label of a fault that has no id: nothing is expected, and nothing is a false alarm."""

Reader = Callable[[], Run]


@dataclass(frozen=True, slots=True)
class Case:
    """One input with its answer.

    Attributes:
        name: what to call it in tables and misses.
        read: reads it; raises BadInput where the library refuses it.
        labels: ids of which each is seen in it; empty for a run that is fine.
        either: ids that say the same as the first label; one of them will do in its place.
        fair: further ids that may be found in it at any severity, since they are true as well.
        facts: numbers that hold of it, by the library's name; sizes in bytes.
        steps: the true step of every training loss, empty where they are not graded.
        tells_steps: the format tells them; where it does not, a step that is said to be unknown is right as well.
        is_outside: something is wrong with it that has no id.
        may_be_refused: saying why it cannot be read is as good as reading it.
    """

    name: str
    read: Reader
    labels: tuple[str, ...] = ()
    either: frozenset[str] = frozenset()
    fair: frozenset[str] = frozenset()
    facts: Mapping[str, float] = field(default_factory=dict)
    steps: Sequence[int] = ()
    tells_steps: bool = True
    is_outside: bool = False
    may_be_refused: bool = False

    @property
    def is_fine(self) -> bool:
        """Whether nothing is wrong with the run."""
        return not self.labels and not self.is_outside
