"""Rows that show a defect, counted exactly and remembered up to a bound."""

from collections import Counter
from dataclasses import dataclass, field

from tools.dataset.kinds import KINDS
from tools.dataset.report import MAX_PLACES, Defect, Place, quote

MAX_DETAILS = 50


@dataclass(slots=True)
class Hit:
    """The rows of one kind: how many, the first of them, a sample and what was met."""

    num_rows: int = 0
    places: list[Place] = field(default_factory=list)
    sample: str = ""
    details: Counter[str] = field(default_factory=Counter)


class Hits:
    """Collects rows by the kind of defect that they show; a row counts once for a kind."""

    def __init__(self) -> None:
        self.kinds: dict[str, Hit] = {}

    def add(self, kind: str, place: Place, sample: str = "", detail: str = "") -> None:
        """Count a row.

        Args:
            sample: text of the row that shows it; the first one is kept.
            detail: what exactly was met; the most frequent are told.
        """
        hit = self.kinds.setdefault(kind, Hit())
        if detail and (detail in hit.details or len(hit.details) < MAX_DETAILS):
            hit.details[detail] += 1
        if hit.places and hit.places[-1] == place:
            return
        hit.num_rows += 1
        if len(hit.places) < MAX_PLACES:
            hit.places.append(place)
        if not hit.sample and sample:
            hit.sample = quote(sample)

    def count(self, kind: str) -> int:
        """How many rows show a kind."""
        return self.kinds[kind].num_rows if kind in self.kinds else 0


def make_defect(kind: str, hit: Hit, num_all: int, more: str = "") -> Defect:
    """A defect from the rows that show it.

    Args:
        num_all: rows that the share refers to.
        more: what the summary adds.
    """
    known = KINDS[kind]
    share = hit.num_rows / num_all if num_all else 0.0
    told = more or _tell_details(hit)
    rows = "1 row" if num_all == 1 else f"{num_all:,} rows"
    return Defect(
        kind=kind,
        places=tuple(hit.places),
        num_rows=hit.num_rows,
        share=share,
        severity=known.severity if share >= known.common else "note",
        summary=f"In {hit.num_rows:,} of {rows} {known.words}{f': {told}' if told else ''}.",
        pitfall=known.pitfall,
        sample=hit.sample,
    )


def _tell_details(hit: Hit) -> str:
    return ", ".join(
        f"{quote(name, 60)} ({number:,})" if number > 1 else quote(name, 60)
        for name, number in hit.details.most_common(3)
    )
