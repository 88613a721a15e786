"""Rows that have been tokenised already: what is wrong with their ids and labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from tools.dataset.turns import Fault, name_type

MASKED = -100


def read_tokens(value: Mapping[str, Any], vocab_size: int | None) -> tuple[str, int, list[Fault]]:
    """Read a tokenised row.

    Args:
        vocab_size: rows of the token embedding, where known.

    Returns:
        (its ids as text, to be compared; number of ids; faults).
    """
    ids = _read_ids(value.get("input_ids"))
    if ids is None:
        return (
            "",
            0,
            [Fault("wrong_type", f"input_ids is {name_type(value.get('input_ids'))}, not a list of whole numbers")],
        )
    if not ids:
        return "", 0, [Fault("empty_answer", "no token")]
    faults = _check_range(ids, vocab_size)
    if value.get("labels") is not None:
        faults += _check_labels(ids, value["labels"], value.get("attention_mask"), vocab_size)
    return " ".join(map(str, ids)), len(ids), faults


def _read_ids(value: Any) -> list[int] | None:
    """Ids as a list; a batch of one row is that row."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        value = value[0]
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        return None
    return value


def _check_range(ids: Sequence[int], vocab_size: int | None) -> list[Fault]:
    lowest, highest = min(ids), max(ids)
    if lowest < 0:
        return [Fault("token_out_of_range", f"id {lowest}")]
    if vocab_size is not None and highest >= vocab_size:
        return [Fault("token_out_of_range", f"id {highest} with a vocabulary of {vocab_size:,}")]
    return []


def _check_labels(ids: Sequence[int], raw: Any, mask: Any, vocab_size: int | None) -> list[Fault]:
    labels = _read_ids(raw)
    if labels is None:
        return (
            []
            if isinstance(raw, int)
            else [Fault("wrong_type", f"labels is {name_type(raw)}, not a list of whole numbers")]
        )
    if len(labels) != len(ids):
        return [Fault("wrong_type", "labels and input_ids differ in length")]
    num_masked = labels.count(MASKED)
    if num_masked == len(labels):
        return [Fault("all_labels_masked", "")]
    lowest = min((label for label in labels if label != MASKED), default=0)
    if lowest < 0 or (vocab_size is not None and max(labels) >= vocab_size):
        return [Fault("token_out_of_range", f"label {lowest if lowest < 0 else max(labels)}")]
    return [Fault("masked_end_token", "")] if _is_end_masked(labels, mask) else []


def _is_end_masked(labels: Sequence[int], mask: Any) -> bool:
    """Whether exactly the last token that is attended to has no label although the one before it has."""
    if not isinstance(mask, list) or len(mask) != len(labels) or 1 not in mask:
        return False
    last = len(mask) - 1 - mask[::-1].index(1)
    return last > 0 and labels[last] == MASKED and labels[last - 1] != MASKED
