"""Labels, or answers that are labels: how often each occurs, and how it is spelt."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tools.dataset.example import to_text
from tools.dataset.hits import Hit, make_defect
from tools.dataset.kinds import KINDS
from tools.dataset.report import Defect, Place, quote

MAX_LABELS = 300
MAX_LETTERS = 40
MAX_IMPLIED = 20
"""Different answers up to which answers count as labels, where each occurs ten times on average."""
ROWS_PER_IMPLIED = 10
MIN_ROWS = 50
LARGEST_TO_MEAN = 5
"""Largest class against the mean of the others: at 5 to 1 always guessing it is right five times in six."""
LARGEST_TO_SMALLEST = 20
MIN_ONE_CLASS = 20
KEPT_PLACES = 200


@dataclass(slots=True)
class _Spelling:
    num_rows: int = 0
    places: list[Place] = field(default_factory=list)


class Labels:
    """Counts labels as they are spelt; gives up where there are too many different ones."""

    def __init__(self) -> None:
        self._spellings: dict[str, _Spelling] = {}
        self._is_open = False
        self._is_declared = False

    def see(self, label: Any, answer: str, is_declared: bool, place: Place) -> None:
        """Count a row.

        Args:
            label: of a row that has a column for it.
            answer: what stands in for a label elsewhere.
            is_declared: the format says that there is a label.
        """
        if self._is_open:
            return
        self._is_declared |= is_declared
        text = to_text(label) if is_declared else answer
        if isinstance(label, list | dict) or (isinstance(label, float) and not label.is_integer()):
            self._give_up()
            return
        if not text.strip():
            return
        if len(text) > MAX_LETTERS and not is_declared:
            self._give_up()
            return
        spelling = self._spellings.setdefault(text, _Spelling())
        spelling.num_rows += 1
        if len(spelling.places) < KEPT_PLACES:
            spelling.places.append(place)
        if len(self._spellings) > MAX_LABELS:
            self._give_up()

    def _give_up(self) -> None:
        self._is_open = True
        self._spellings.clear()

    def counts(self) -> dict[str, int]:
        """Rows by label, most frequent first; empty where rows have no labels."""
        num_rows = sum(spelling.num_rows for spelling in self._spellings.values())
        is_implied = len(self._spellings) <= MAX_IMPLIED and num_rows >= ROWS_PER_IMPLIED * len(self._spellings)
        if self._is_open or not (self._is_declared or (is_implied and num_rows >= MIN_ROWS)):
            return {}
        ordered = sorted(self._spellings.items(), key=lambda item: (-item[1].num_rows, item[0]))
        return {quote(text, MAX_LETTERS): spelling.num_rows for text, spelling in ordered}

    def defects(self) -> Iterator[Defect]:
        """What is wrong with the labels."""
        if not self.counts():
            return
        classes: dict[str, list[str]] = {}
        for text in self._spellings:
            classes.setdefault(text.strip().rstrip(".").casefold(), []).append(text)
        yield from self._find_inconsistent(classes)
        sizes = {name: sum(self._spellings[text].num_rows for text in texts) for name, texts in classes.items()}
        yield from _find_imbalance(sizes)

    def _find_inconsistent(self, classes: dict[str, list[str]]) -> Iterator[Defect]:
        hit, told = Hit(), []
        for texts in classes.values():
            usual, *others = sorted(texts, key=lambda text: (-self._spellings[text].num_rows, text))
            for text in others:
                hit.num_rows += self._spellings[text].num_rows
                hit.places += self._spellings[text].places
                told.append(f"'{quote(text, MAX_LETTERS)}' beside '{quote(usual, MAX_LETTERS)}'")
        if hit.num_rows:
            hit.places.sort(key=lambda place: (place.file, place.row))
            num_all = sum(spelling.num_rows for spelling in self._spellings.values())
            yield make_defect("inconsistent_labels", hit, num_all, ", ".join(told[:3]))


def _find_imbalance(sizes: dict[str, int]) -> Iterator[Defect]:
    num_rows, largest = sum(sizes.values()), max(sizes.values())
    name = quote(max(sizes, key=lambda key: sizes[key]), MAX_LETTERS)
    if len(sizes) == 1:
        if num_rows >= MIN_ONE_CLASS:
            yield _imbalance(1.0, f"All {num_rows:,} rows have the label '{name}', so there is nothing to tell apart.")
        return
    smallest, mean = min(sizes.values()), (num_rows - largest) / (len(sizes) - 1)
    is_skewed = largest >= LARGEST_TO_MEAN * mean or (largest >= MIN_ROWS and largest >= LARGEST_TO_SMALLEST * smallest)
    if num_rows >= MIN_ROWS and is_skewed:
        share = largest / num_rows
        summary = (
            f"The label '{name}' stands in {largest:,} of {num_rows:,} rows ({share:.0%}), "
            f"the rarest of {len(sizes)} labels in {smallest:,}: {largest / smallest:.1f} to 1."
        )
        yield _imbalance(share, summary)


def _imbalance(share: float, summary: str) -> Defect:
    kind = KINDS["class_imbalance"]
    return Defect("class_imbalance", (), 0, share, kind.severity, summary, kind.pitfall)
