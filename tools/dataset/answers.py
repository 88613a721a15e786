"""Answers as a whole set: where they break off, which are far too short, which side of a pair is longer."""

from collections import Counter
from collections.abc import Iterator

from tools.dataset.hits import Hit, make_defect
from tools.dataset.kinds import KINDS
from tools.dataset.report import MAX_PLACES, Defect, Lengths, Place, quote

EXACT_BELOW = 1000
MIN_CUT_LETTERS = 80
MIN_SAME_LETTERS = 200
MIN_SAME_ROWS = 10
MIN_SAME_SHARE = 0.02
MIN_UNFINISHED = 0.8
MIN_CUT_ROWS = 3
CUT_WORDS = frozenset(
    (
        "the",
        "an",
        "and",
        "or",
        "of",
        "because",
        "but",
        "which",
        "your",
        "their",
        "its",
        "is",
        "are",
        "were",
        "by",
        "from",
        "with",
        "into",
        "between",
        "such",
        "than",
    )
)
"""Words that no English sentence ends with; an answer that does was cut."""
FINAL = frozenset(".!?\"')]}>`*:;…。！？”’»|")
SHORT_LETTERS = 4
LONG_TYPICAL = 50
MAX_SHORT_SHARE = 0.05
MIN_PAIRS = 50
MAX_LONGER_SHARE = 0.8


class LengthCounts:
    """Lengths in a bounded histogram: exact below 1,000, three digits above."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._longest = 0

    def add(self, length: int) -> None:
        """Count one length."""
        self._longest = max(self._longest, length)
        if length >= EXACT_BELOW:
            step = 10 ** (len(str(length)) - 3)
            length = length // step * step
        self._counts[length] += 1

    def quantile(self, share: float) -> int:
        """The length that this share of rows does not exceed."""
        wanted, seen = share * self._counts.total(), 0
        for length in sorted(self._counts):
            seen += self._counts[length]
            if seen >= wanted:
                return length
        return 0

    def lengths(self) -> Lengths | None:
        """Median, tail and maximum; None where nothing was counted."""
        if not self._longest:
            return None
        return Lengths(self.quantile(0.5), self.quantile(0.9), self.quantile(0.99), self._longest)


class Endings:
    """Answers that end in the middle: by their last word, by an open code block, by one common length."""

    def __init__(self) -> None:
        self._cut = Hit()
        self._same = Hit()
        self._same_length = MIN_SAME_LETTERS - 1
        self._same_texts: set[int] = set()
        self._num_unfinished = 0

    def see(self, answer: str, place: Place) -> None:
        """Look at the end of an answer."""
        if len(answer) < MIN_CUT_LETTERS:
            return
        end = answer[-24:].rstrip()
        is_final = end[-1:] in FINAL
        last_word = end.rsplit(None, 1)[-1] if end else ""
        if (not is_final and last_word in CUT_WORDS) or (answer.count("```") % 2):
            _add(self._cut, place, answer[-60:])
        if len(answer) > self._same_length:
            self._same, self._same_length, self._num_unfinished = Hit(), len(answer), 0
            self._same_texts = set()
        if len(answer) == self._same_length:
            _add(self._same, place, answer[-60:])
            self._num_unfinished += not is_final
            if len(self._same_texts) < MIN_SAME_ROWS:
                self._same_texts.add(hash(answer))

    def defects(self, num_rows: int) -> Iterator[Defect]:
        """Answers that break off, where enough rows show it."""
        same = self._same
        is_same = len(self._same_texts) >= MIN_SAME_ROWS and same.num_rows >= MIN_SAME_SHARE * num_rows
        if is_same and self._num_unfinished >= MIN_UNFINISHED * same.num_rows:
            told = f"all have exactly {self._same_length:,} characters, none has more, and most end unfinished"
            yield make_defect("truncated_answer", same, num_rows, told)
        elif self._cut.num_rows >= MIN_CUT_ROWS:
            yield make_defect(
                "truncated_answer",
                self._cut,
                num_rows,
                "it ends in a word that ends no sentence, or in an open code block",
            )


class ShortAnswers:
    """Answers of a few letters in a set whose answers are long."""

    def __init__(self) -> None:
        self._short = Hit()

    def see(self, answer: str, place: Place) -> None:
        """Look at an answer that is not empty."""
        if len(answer) <= SHORT_LETTERS * 4 and 0 < sum(map(str.isalnum, answer)) <= SHORT_LETTERS:
            _add(self._short, place, answer)

    def defects(self, lengths: LengthCounts, num_rows: int) -> Iterator[Defect]:
        """Such answers, where they are rare and nearly all others are long."""
        is_rare = 0 < self._short.num_rows <= MAX_SHORT_SHARE * num_rows
        if is_rare and lengths.quantile(2 * MAX_SHORT_SHARE) >= LONG_TYPICAL:
            told = f"the others have {lengths.quantile(0.5):,} characters in the middle"
            yield make_defect("very_short_answer", self._short, num_rows, told)


class Pairs:
    """Preference pairs: how often the preferred answer is the longer one."""

    def __init__(self) -> None:
        self._num_pairs = 0
        self._num_longer = 0

    def see(self, chosen: str, rejected: str) -> bool:
        """Count a pair; gives whether both sides are the same."""
        if chosen.strip() == rejected.strip():
            return bool(chosen.strip())
        self._num_pairs += 1
        self._num_longer += len(chosen) > len(rejected)
        return False

    def defects(self) -> Iterator[Defect]:
        """The bias towards longer answers, where it is plain."""
        share = self._num_longer / self._num_pairs if self._num_pairs else 0.0
        if self._num_pairs >= MIN_PAIRS and share > MAX_LONGER_SHARE:
            kind = KINDS["length_bias"]
            summary = (
                f"The chosen answer is the longer one in {self._num_longer:,} of {self._num_pairs:,} pairs "
                f"({share:.0%}), so length alone tells which is preferred."
            )
            yield Defect("length_bias", (), self._num_longer, share, kind.severity, summary, kind.pitfall)


def _add(hit: Hit, place: Place, sample: str) -> None:
    hit.num_rows += 1
    if len(hit.places) < MAX_PLACES:
        hit.places.append(place)
    hit.sample = hit.sample or quote(sample)
