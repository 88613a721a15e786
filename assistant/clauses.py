"""Facts as clauses: where a sentence may be cut without changing what it says."""

import re

CONDITIONS = frozenset(
    ("if", "when", "where", "unless", "only", "except", "until", "while", "provided", "after", "before", "as", "with")
)
MIN_WORDS = 3

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_BREAK = re.compile(r"(?:[,;:]\s+|\s+(?=\())")


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences, not inside numbers or names.

    Example:
        >>> split_sentences("The loss is 2.5 at step 3. Lower it.")
        ['The loss is 2.5 at step 3.', 'Lower it.']
    """
    return [part.strip() for part in _SENTENCE_END.split(text.strip()) if part.strip()]


def split_clauses(sentence: str) -> list[str]:
    """Split a sentence at commas, colons, semicolons and brackets; a condition stays with what it limits.

    Example:
        >>> split_clauses("Disable it: if memory allows, and look at step 3 (epoch 1).")
        ['Disable it: if memory allows', 'and look at step 3', '(epoch 1)']
    """
    clauses: list[str] = []
    for part in _BREAK.split(sentence.rstrip(". ")):
        start = sentence.find(part, sum(map(len, clauses)))
        first = part.lower().split(" ")[0] if part else ""
        if clauses and first in CONDITIONS:
            clauses[-1] = sentence[sentence.find(clauses[-1]) : start + len(part)]
        elif part:
            clauses.append(part)
    return clauses


def list_openings(sentence: str) -> list[str]:
    """The sentence up to each of its clause ends, the shortest first, the whole last.

    Example:
        >>> list_openings("The loss is nan from step 12 on: 30 of 150 values.")
        ['The loss is nan from step 12 on', 'The loss is nan from step 12 on: 30 of 150 values']
    """
    whole = sentence.rstrip(". ")
    openings, end = [], 0
    for clause in split_clauses(sentence):
        end = whole.index(clause, end) + len(clause)
        if len(whole[:end].split()) >= MIN_WORDS:
            openings.append(whole[:end])
    return openings or [whole]
