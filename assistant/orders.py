"""Whether one quantity is said to lie above or below another as their last values show it."""

from collections.abc import Iterable, Mapping

from assistant.bindings import Binding
from assistant.quantities import LOSSES
from assistant.tokens import Reading
from assistant.word_sets import word_set

_TOLD_APART = frozenset({"train_loss", "eval_loss"})
_ABOVE = word_set("above over higher larger greater exceeds exceed bigger")
_BELOW = word_set("below under lower smaller less")


def list_last_values(bound: Iterable[Binding]) -> dict[str, float]:
    """The last value of each loss that the facts name."""
    values: dict[str, float] = {}
    for one in bound:
        if len(one.names) == 1 and one.names[0] in LOSSES and "last" in one.roles and not one.number.unit:
            values.setdefault(one.names[0], one.number.value)
    return values


def find_order_fault(reading: Reading, last_values: Mapping[str, float]) -> str | None:
    """Tell which comparison of two losses their last values do not bear out."""
    for place, token in enumerate(reading.tokens):
        if token.text not in _ABOVE | _BELOW:
            continue
        ahead = place + 1 + (reading.word(place + 1) == "than")
        ahead += reading.word(ahead) in ("the", "its", "your")
        second = reading.tokens[ahead].names if ahead < len(reading.tokens) else ()
        first = next((other.names for other in reversed(reading.tokens[:place]) if other.names), ())
        if not (set(first) & LOSSES and set(second) & LOSSES):
            continue
        one, other = last_values.get(first[0]), last_values.get(second[0])
        if one is None or other is None or one == other or (one > other) != (token.text in _ABOVE):
            return f"puts {first[0]} {token.text} {second[0]}, and the last values do not"
    return None


def find_exchanged_loss(reading: Reading, held: frozenset[str]) -> str | None:
    """Tell where a sentence speaks of the one loss and all that it cites of the other."""
    said = {name for token in reading.tokens for name in token.names} & _TOLD_APART
    known = held & _TOLD_APART
    if len(said) == 1 and len(known) == 1 and said != known:
        return f"speaks of {min(said)}, and what it cites of {min(known)}"
    return None
