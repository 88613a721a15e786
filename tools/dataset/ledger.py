"""Fingerprints of every row, a few bytes each, and what their repetition tells."""

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.dataset.example import Example, to_text
from tools.dataset.report import Place

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Hashes = npt.NDArray[np.uint64]
    Rows = npt.NDArray[np.intp]

ROLES = ("", "train", "validation", "test")
MAX_COMPARED = 8_000_000
"""Rows whose fingerprints are kept: 29 bytes each and 25 more while they are compared, below half a gigabyte."""
CHUNK_ROWS = 1 << 20
MIN_PROMPT = 12
"""Letters below which two prompts are alike by chance, as greetings are."""
MIN_LINE = 40
LONG_ANSWER = 40
IGNORED = b" \t\r\n\x0b\x0c.,;:!?'\"`"
"""What a loose comparison leaves out, besides the case of ASCII letters."""

_MASK64, _MASK32 = (1 << 64) - 1, (1 << 32) - 1
_MIX = 0x9E3779B97F4A7C15


class Ledger:
    """The fingerprints of rows in the order of reading; zero stands for a part that is too short to compare."""

    def __init__(self) -> None:
        self.loose = array("Q")
        self.exact = array("I")
        self.prompts = array("Q")
        self.answers = array("I")
        self.roles = array("B")
        self._numbers = array("I")
        self._files: list[str] = []
        self._starts: list[int] = []
        self.is_full = False

    def start_file(self, name: str) -> None:
        """Say that the rows to come are those of another file."""
        self._files.append(name)
        self._starts.append(len(self.loose))

    def add(self, example: Example, raw: bytes, number: int, role: str) -> None:
        """Keep the fingerprints of a row.

        Args:
            raw: all of its text, the parts set apart.
        """
        if len(self.loose) >= MAX_COMPARED:
            self.is_full = True
            return
        is_line = example.format in ("text", "unknown")
        text = raw.strip()
        is_compared = len(text) >= MIN_LINE if is_line else len(text.strip(b"\x1f")) > 0
        self.loose.append(_hash(_loosen(raw)) if is_compared else 0)
        self.exact.append(hash(raw) & _MASK32)
        self.prompts.append(_hash_prompt(example))
        self.answers.append(_hash_answer(example))
        self.roles.append(ROLES.index(role))
        self._numbers.append(min(number, _MASK32))

    def place(self, index: int) -> Place:
        """Where a row stands."""
        return Place(self._files[bisect_right(self._starts, index) - 1], self._numbers[index])


def _loosen(raw: bytes) -> bytes:
    return raw.lower().translate(None, IGNORED)


def _hash(raw: bytes) -> int:
    return hash(raw) & _MASK64 or 1


def _hash_prompt(example: Example) -> int:
    if example.format in ("preference", "kto", "text", "unknown", "tokenised"):
        return 0
    prompt = example.prompt.strip()
    if not prompt or (len(prompt) < MIN_PROMPT and example.format != "classification"):
        return 0
    return _hash(_loosen(f"{example.system}\x1f{prompt}".encode("utf-8", "surrogatepass")))


def _hash_answer(example: Example) -> int:
    """A fingerprint whose lowest bit tells whether the answer is long; zero where there is none."""
    answer = to_text(example.label) if example.format == "classification" else example.answer.strip()
    if not answer:
        return 0
    found = hash(_loosen(answer.encode("utf-8", "surrogatepass"))) & (_MASK32 - 1) or 2
    return found | (len(answer) >= LONG_ANSWER)


@dataclass(frozen=True, slots=True)
class Repeats:
    """Indices of rows that repeat others within their split.

    Attributes:
        exact: later copies that are equal; loose: later copies that differ in case, space or punctuation only.
        num_distinct: rows that are neither.
    """

    exact: "Rows"
    loose: "Rows"
    num_distinct: int


def find_repeats(ledger: Ledger) -> Repeats:
    """Find the rows that repeat an earlier row of their split."""
    loose, exact, roles = _view(ledger.loose), _view(ledger.exact), _view(ledger.roles)
    rows, _ = _find_shared(loose)
    is_copy = _later_copies(exact[rows], loose[rows], roles[rows])
    firsts = rows[~is_copy]
    is_loose = _later_copies(loose[firsts], roles[firsts])
    num_distinct = len(loose) - int(is_copy.sum()) - int(is_loose.sum())
    return Repeats(rows[is_copy], firsts[is_loose], num_distinct)


def _find_shared(values: "npt.NDArray[np.uint64]") -> tuple["Rows", int]:
    """The rows whose value another row has too, and how many different values there are; zeros do not count."""
    import numpy as np

    order = np.argsort(values)
    ordered = values[order]
    is_same = ordered[1:] == ordered[:-1]
    is_shared = np.zeros(len(ordered), dtype=np.bool_)
    is_shared[1:] |= is_same
    is_shared[:-1] |= is_same
    is_shared &= ordered != 0
    num_values = len(ordered) - int(is_same.sum()) - int(len(ordered) > 0 and ordered[0] == 0)
    return np.sort(order[is_shared]), num_values


def _view(values: "array[int]") -> "npt.NDArray[np.uint64]":
    import numpy as np

    return np.frombuffer(values, dtype=f"u{values.itemsize}") if len(values) else np.empty(0, dtype=np.uint64)


def _later_copies(*keys: "npt.NDArray[np.uint64]") -> "npt.NDArray[np.bool_]":
    """Which rows have an earlier row with the same keys."""
    import numpy as np

    order = np.lexsort(keys)
    copies = np.zeros(len(order), dtype=np.bool_)
    if len(order) > 1:
        same = np.ones(len(order) - 1, dtype=np.bool_)
        for key in keys:
            ordered = key[order]
            same &= ordered[1:] == ordered[:-1]
        copies[order[1:]] = same
    return copies


@dataclass(frozen=True, slots=True)
class Contradictions:
    """Rows whose prompt stands in several rows with different answers.

    Attributes:
        rows: their indices; num_prompts: prompts that are answered differently; num_distinct: all prompts.
    """

    rows: "Rows"
    num_prompts: int
    num_distinct: int


def find_contradictions(ledger: Ledger) -> Contradictions:
    """Find prompts that are answered in more than one way."""
    import numpy as np

    prompts, answers = _view(ledger.prompts), _view(ledger.answers)
    rows, num_distinct = _find_shared(prompts)
    rows = rows[answers[rows] != 0]
    if not len(rows):
        return Contradictions(rows, 0, num_distinct)
    order = rows[np.argsort(prompts[rows], kind="stable")]
    ordered, replies = prompts[order], answers[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    is_split = np.minimum.reduceat(replies, starts) != np.maximum.reduceat(replies, starts)
    sizes = np.diff(np.append(starts, len(ordered)))
    return Contradictions(np.sort(order[np.repeat(is_split, sizes)]), int(is_split.sum()), num_distinct)


def find_common_answer(ledger: Ledger) -> tuple["Rows", int]:
    """The rows of the long answer that most different prompts share, and how many different answers there are."""
    import numpy as np

    prompts, answers = _view(ledger.prompts), _view(ledger.answers)
    is_long = (answers & 1 == 1) & (prompts != 0)
    rows, num_answers = _find_shared(np.where(is_long, answers, 0))
    if not len(rows):
        return rows, num_answers
    pairs = rows[~_later_copies(prompts[rows], answers[rows])]
    values, counts = np.unique(answers[pairs], return_counts=True)
    return pairs[answers[pairs] == values[counts.argmax()]], num_answers


@dataclass(frozen=True, slots=True)
class Overlap:
    """Held-out rows that stand in the training split: equal, loosely equal, or with the same prompt only."""

    exact: "Rows"
    loose: "Rows"
    prompts: "Rows"
    num_held_out: int


def find_overlap(held_out: Ledger, training: Sequence[Ledger]) -> Overlap:
    """Find the held-out rows of a ledger that occur among the training rows of others, or of itself."""
    import numpy as np

    rows = np.flatnonzero(_view(held_out.roles) >= ROLES.index("validation"))
    trained = [(ledger, np.flatnonzero(_view(ledger.roles) <= ROLES.index("train"))) for ledger in training]
    exact, loose, prompts = (
        _is_among(column(held_out)[rows], [column(ledger)[chosen] for ledger, chosen in trained])
        for column in (_mix, lambda ledger: _view(ledger.loose), lambda ledger: _view(ledger.prompts))
    )
    return Overlap(rows[exact], rows[loose & ~exact], rows[prompts & ~loose & ~exact], len(rows))


def _mix(ledger: Ledger) -> "Hashes":
    """Fingerprints of equality: the exact ones and the loose in one number."""
    import numpy as np

    loose: Hashes = _view(ledger.loose)
    mixed = loose ^ (_view(ledger.exact).astype(np.uint64) * np.uint64(_MIX))
    return np.where(loose == 0, loose, mixed)


def _is_among(values: "Hashes", others: "Sequence[Hashes]") -> "npt.NDArray[np.bool_]":
    """Which values, but for zeros, occur among others; those are looked up a chunk at a time."""
    import numpy as np

    wanted = np.unique(values[values != 0])
    if not len(wanted):
        return np.zeros(len(values), dtype=np.bool_)
    is_met = np.zeros(len(wanted), dtype=np.bool_)
    for other in others:
        for start in range(0, len(other), CHUNK_ROWS):
            chunk = other[start : start + CHUNK_ROWS]
            at = np.minimum(np.searchsorted(wanted, chunk), len(wanted) - 1)
            is_met[at[wanted[at] == chunk]] = True
    at = np.minimum(np.searchsorted(wanted, values), len(wanted) - 1)
    found: npt.NDArray[np.bool_] = (values != 0) & (wanted[at] == values) & is_met[at]
    return found


def places(ledger: Ledger, rows: "Rows", limit: int) -> Iterator[Place]:
    """Where the first of some rows stand, in order."""
    import numpy as np

    for index in np.sort(rows)[:limit]:
        yield ledger.place(int(index))
