"""Whether values in words (bf16, cosine, AdamW) are those of the moves and of the settings."""

from collections.abc import Mapping, Sequence

from assistant.direction_words import VALUE_WORDS
from assistant.directions import Turn
from assistant.move_rules import Rule
from assistant.tokens import Reading


def find_value_fault(reading: Reading, turns: Sequence[Turn], rules: Mapping[str, Sequence[Rule]]) -> str | None:
    """ "Use fp16" where the card says bf16: a named value must be the move's, and one that is denied must not be."""
    if not any(turn.manner != "inspect" for turn in turns):
        return None
    for place, token in enumerate(reading.tokens):
        knob = VALUE_WORDS.get(token.text)
        relevant = [rule for rule in rules.get(knob, ()) if rule.direction in ("set", "enable")] if knob else []
        relevant = [rule for rule in relevant if rule.is_planned] or relevant
        if not relevant or _is_named_only(reading, place):
            continue
        is_wanted = any(token.text in rule.target for rule in relevant)
        if _is_denied(reading, place) == is_wanted:
            return f"says {token.text}, and the card says: {relevant[0].amount[:60]}"
    return None


def _is_named_only(reading: Reading, place: int) -> bool:
    """Whether a value stands in a condition or a statement: "if plain SGD is used", "the scheduler is cosine"."""
    back = {reading.word(other) for other in range(max(place - 4, 0), place)}
    return bool(back & {"if", "where", "is", "was", "when"})


def _is_denied(reading: Reading, place: int) -> bool:
    for back in range(place - 1, max(place - 4, -1), -1):
        text = reading.word(back)
        if text == "to":
            return False
        if text in ("instead", "rather", "not", "no", "without", "avoid", "from", "never", "than", "place"):
            return True
    return False


def find_misplaced_value(reading: Reading, values: Mapping[str, frozenset[str]]) -> str | None:
    """Tell where a setting's value is said of another setting."""
    last: tuple[str, ...] = ()
    for place, token in enumerate(reading.tokens):
        is_said = reading.word(place - 1) in ("is", "to", "be", "as", "=", "was")
        if is_said and token.text in values and last and not values[token.text] & {*last, *token.names}:
            return f"says {token.text} of {last[0]}"
        last = token.names or last
    return None
