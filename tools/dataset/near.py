"""Rows that nearly repeat an earlier one: most runs of three words are the same, in the prompt and in the answer."""

from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Shingles = npt.NDArray[np.uint32]

MAX_ROWS = 20_000
MAX_LETTERS = 16_000_000
MIN_SHARED = 0.8
"""Share of common runs from which rows count as near copies, the usual threshold of MinHash pipelines."""
MIN_PART = 0.5
"""Share for prompt and answer by themselves: one changed word in eleven spoils three runs of nine."""
MIN_SHINGLES = 8
MIN_COMPARED = 3
MAX_TEMPLATE_ROWS = 5
TEMPLATE_SHARE = 50
NUM_SMALLEST = 4
MAX_TRIED = 8


class NearCopies:
    """Keeps the runs of three words of the first rows, and compares those that share a rare one."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, Shingles, Shingles]] = []
        self._num_letters = 0
        self.is_full = False

    def add(self, index: int, prompt: str, answer: str) -> None:
        """Keep a row, as long as the bounds allow it."""
        if len(self._rows) >= MAX_ROWS or self._num_letters > MAX_LETTERS:
            self.is_full = True
            return
        self._num_letters += len(prompt) + len(answer)
        self._rows.append((index, _shingle(prompt), _shingle(answer)))

    @property
    def num_compared(self) -> int:
        """How many rows are compared."""
        return len(self._rows)

    def find(self, known: set[int]) -> list[int]:
        """The indices of rows that nearly repeat an earlier one.

        Args:
            known: indices that are left out since they are copies anyway.
        """
        import numpy as np

        rows = [row for row in self._rows if row[0] not in known]
        if not rows:
            return []
        common = self._find_template(rows)
        by_shingle: dict[int, list[int]] = {}
        found = []
        for place, (index, prompt, answer) in enumerate(rows):
            kept = np.setdiff1d(np.union1d(prompt, answer), common, assume_unique=True)
            if len(kept) < MIN_SHINGLES:
                continue
            smallest = np.partition(kept, NUM_SMALLEST)[:NUM_SMALLEST].tolist()
            tried = dict.fromkeys(other for shingle in smallest for other in by_shingle.get(shingle, ()))
            if any(_is_near(rows[other], (index, prompt, answer), common) for other in list(tried)[:MAX_TRIED]):
                found.append(index)
                continue
            for shingle in smallest:
                by_shingle.setdefault(shingle, []).append(place)
        return found

    def _find_template(self, rows: "list[tuple[int, Shingles, Shingles]]") -> "Shingles":
        """Runs that so many rows share that they belong to a template, not to a row."""
        import numpy as np

        each = [np.union1d(prompt, answer) for _, prompt, answer in rows]
        values, counts = np.unique(np.concatenate(each), return_counts=True)
        common: Shingles = values[counts > max(MAX_TEMPLATE_ROWS, len(rows) // TEMPLATE_SHARE)]
        return common


def _shingle(text: str) -> "Shingles":
    """The hashed runs of three words of a text, sorted, each once; of a shorter text, all its words."""
    import numpy as np

    words = text.lower().encode("utf-8", "surrogatepass").split()
    if len(words) < MIN_COMPARED:
        return np.array([crc32(b" ".join(words))] if words else [], dtype=np.uint32)
    hashed = np.fromiter(map(crc32, words), dtype=np.uint32, count=len(words))
    mixed = (
        hashed[:-2] * np.uint32(2654435761) + hashed[1:-1] * np.uint32(2246822519) + hashed[2:] * np.uint32(3266489917)
    )
    return np.unique(mixed)


def _is_near(
    first: "tuple[int, Shingles, Shingles]", second: "tuple[int, Shingles, Shingles]", common: "Shingles"
) -> bool:
    num_same, num_all = 0, 0
    for one, other in zip(first[1:], second[1:], strict=True):
        same, every = _compare(one, other, common)
        if min(len(one), len(other)) < MIN_COMPARED:
            if one.tolist() != other.tolist():
                return False
        elif every and same < MIN_PART * every:
            return False
        num_same, num_all = num_same + same, num_all + every
    return bool(num_all > 0 and num_same >= MIN_SHARED * num_all)


def _compare(one: "Shingles", other: "Shingles", common: "Shingles") -> tuple[int, int]:
    """How many runs both have, and how many there are, those of the template left out."""
    import numpy as np

    one = np.setdiff1d(one, common, assume_unique=True)
    other = np.setdiff1d(other, common, assume_unique=True)
    num_same: int = np.intersect1d(one, other, assume_unique=True).size
    return num_same, one.size + other.size - num_same
