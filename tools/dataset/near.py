"""Rows that nearly repeat an earlier one: most runs of three words are the same, in the prompt and in the answer."""

from array import array
from collections import Counter
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Runs = npt.NDArray[np.uint32]
    Row = tuple[Runs, Runs]

MAX_ROWS = 20_000
MAX_LETTERS = 16_000_000
MIN_SHARED = 0.8
"""Share of common runs from which rows count as near copies, the usual threshold of MinHash pipelines."""
MIN_PART = 0.5
"""Share for prompt and answer by themselves: one changed word in eleven spoils three runs of nine."""
MIN_RUNS = 8
RUN_WORDS = 3
MAX_TEMPLATE_ROWS = 5
TEMPLATE_SHARE = 50
"""Runs in more than one row of fifty, and in more than five, belong to a template and tell no row from another."""
NUM_SMALLEST = 6
MIN_SAME_SMALLEST = 2
"""Of six smallest hashes, rows that share four runs of five share four or five, and hardly ever fewer than two."""
MAX_TRIED = 8


class NearCopies:
    """Keeps the hashed runs of three words of the first rows, and compares rows that share the smallest of them."""

    def __init__(self) -> None:
        self._indices: list[int] = []
        self._runs = array("I")
        self._ends = array("Q", [0])
        self._num_letters = 0
        self.is_full = False

    def add(self, index: int, prompt: str, answer: str) -> None:
        """Keep a row, as long as the bounds allow it."""
        if len(self._indices) >= MAX_ROWS or self._num_letters > MAX_LETTERS:
            self.is_full = True
            return
        self._num_letters += len(prompt) + len(answer)
        self._indices.append(index)
        for part in (prompt, answer):
            self._runs.frombytes(_hash_runs(part).tobytes())
            self._ends.append(len(self._runs))

    @property
    def num_compared(self) -> int:
        """How many rows are compared."""
        return len(self._indices)

    def find(self, known: set[int]) -> list[tuple[int, int]]:
        """The indices of rows that nearly repeat an earlier one, each with that one's.

        Args:
            known: indices that are left out since they are copies anyway.
        """
        import numpy as np

        whole, kept = self._split()
        by_run: dict[int, list[int]] = {}
        found = []
        for place, index in enumerate(self._indices):
            if index in known or kept[place][0].size + kept[place][1].size < MIN_RUNS:
                continue
            smallest = np.partition(np.concatenate(kept[place]), NUM_SMALLEST)[:NUM_SMALLEST].tolist()
            met = Counter(other for run in smallest for other in by_run.get(run, ()))
            tried = [other for other, num_same in met.most_common(MAX_TRIED) if num_same >= MIN_SAME_SMALLEST]
            near = (one for one in tried if _is_near((whole[one], whole[place]), (kept[one], kept[place])))
            original = next(near, None)
            if original is not None:
                found.append((index, self._indices[original]))
                continue
            for run in smallest:
                by_run.setdefault(run, []).append(place)
        return found

    def _split(self) -> "tuple[list[Row], list[Row]]":
        """The runs of each row's prompt and answer, and the same without those of templates."""
        import numpy as np

        runs = np.frombuffer(self._runs, dtype=np.uint32) if len(self._runs) else np.empty(0, dtype=np.uint32)
        _, places, counts = np.unique(runs, return_inverse=True, return_counts=True)
        is_rare = counts[places] <= max(MAX_TEMPLATE_ROWS, len(self._indices) // TEMPLATE_SHARE)
        whole, kept = [], []
        for place in range(0, len(self._ends) - 1, 2):
            start, middle, end = self._ends[place : place + 3]
            prompt, answer = runs[start:middle], runs[middle:end]
            whole.append((prompt, answer))
            kept.append((prompt[is_rare[start:middle]], answer[is_rare[middle:end]]))
        return whole, kept


def _hash_runs(text: str) -> "Runs":
    """The hashed runs of three words of a text, sorted, each once; of a shorter text, all its words as one."""
    import numpy as np

    words = text.lower().encode("utf-8", "surrogatepass").split()
    if len(words) < RUN_WORDS:
        return np.array([crc32(b" ".join(words))] if words else [], dtype=np.uint32)
    hashed = np.fromiter(map(crc32, words), dtype=np.uint32, count=len(words))
    first, second, third = (np.uint32(odd) for odd in (2654435761, 2246822519, 3266489917))
    return np.unique(hashed[:-2] * first + hashed[1:-1] * second + hashed[2:] * third)


def _is_near(whole: "tuple[Row, Row]", kept: "tuple[Row, Row]") -> bool:
    """Whether two rows share enough runs, in all and in each part; a part of few words must be equal."""
    import numpy as np

    num_same, num_all = 0, 0
    for part in (0, 1):
        one, other = whole[0][part], whole[1][part]
        if min(one.size, other.size) < RUN_WORDS and one.tolist() != other.tolist():
            return False
        one, other = kept[0][part], kept[1][part]
        same: int = np.intersect1d(one, other, assume_unique=True).size
        union = one.size + other.size - same
        if same < MIN_PART * union:
            return False
        num_same, num_all = num_same + same, num_all + union
    return num_all > 0 and num_same >= MIN_SHARED * num_all
