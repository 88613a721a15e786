"""Whether a sentence turns its knobs the way that the planned moves and the cards' moves do."""

import re
from collections.abc import Mapping, Sequence

from assistant.bindings import BE, Binding
from assistant.direction_words import ADVISING, BAD_ENDS, CONDITION_WORDS
from assistant.directions import Turn
from assistant.move_rules import Rule
from assistant.quantities import MEASURED
from assistant.tokens import Reading
from assistant.value_check import find_value_fault
from assistant.word_sets import word_set

_UP_MOVES, _DOWN_MOVES = ("raise", "add", "enable"), ("lower", "remove", "disable")
_CHOICES = ("use", "using", "keep", "take", "pick", "choose", "load", "restor")
_BEFORE_TARGET = word_set("a an one the its about between somewhere at least most around roughly just only what where")
_ENOUGH = word_set("enough plenty suffice suffices sufficient")
_NEGATED_ORDER = re.compile(
    r"^(?:please )?(?:do not|don't|never|avoid|no need to|stop \w{1,20}ing|refrain from)\b|[,;:] (?:do not|don't) "
)
_GOOD_ENDS = word_set("help helps helped needed worth necessary useful required cure fix remedy solution solves")
_CHANGES = word_set(
    "rises rose falls fell drops dropped climbs climbed peaks peaked grows increases increased "
    "decreases decreased decays decayed warms"
)
_MODALS = word_set("should must need needs ought to be been has could can would may might")


def find_advice_fault(
    reading: Reading, turns: Sequence[Turn], bound: Sequence[Binding], rules: Mapping[str, Sequence[Rule]], facts: str
) -> str | None:
    """Tell which turn no move bears out; one that only repeats a fact needs none."""
    has_condition = any(token.text in CONDITION_WORDS for token in reading.tokens)
    for turn in turns:
        if not turn.knobs or is_description(reading, turn) or _repeats_fact(reading, turn, facts):
            continue
        if fault := _judge_turn(reading, turn, bound, rules, has_condition=has_condition):
            return fault
    if _NEGATED_ORDER.search(" ".join(token.text for token in reading.tokens)) and not any(
        turn.is_negated and turn.knobs for turn in turns
    ):
        return "says not to do what no card warns of"
    return find_value_fault(reading, turns, rules) or _find_standing_fault(reading, turns, rules)


def is_description(reading: Reading, turn: Turn) -> bool:
    """Whether a measured knob moves by itself: "the learning rate rises to 2e-4"."""
    if "learning_rate" not in turn.knobs or turn.target < 0 or turn.target > turn.place:
        return False
    between = {reading.word(place) for place in range(turn.target + 1, turn.place)}
    return reading.word(turn.place) in _CHANGES and not between & _MODALS


def _repeats_fact(reading: Reading, turn: Turn, facts: str) -> bool:
    """Whether a comparison or a choice stands so in the facts: "the schedule is shorter than the run"."""
    if turn.is_negated:
        return False
    if turn.word in ("no", "without"):
        return f"{turn.word} {reading.word(turn.target)}" in facts
    if turn.word.startswith("too "):
        return turn.target < turn.place and f" {turn.word.removeprefix('too ')} " in facts
    is_choice = (
        reading.word(turn.place).startswith(_CHOICES)
        and turn.knobs[0] == "checkpoint"
        and "checkpoint to keep" in facts
    )
    is_statement = turn.manner == "compared" and turn.target >= 0
    is_statement &= any(reading.word(turn.place - back) in BE for back in (1, 2, 3, 4))
    return is_choice or (is_statement and is_compared_so(reading, turn.place, turn.word, facts))


def is_compared_so(reading: Reading, place: int, word: str, facts: str) -> bool:
    """Whether the facts compare the same way; "smaller than" may stand for "below"."""
    classes = [words for words in _COMPARED if word in words and reading.word(place + 1) == "than"]
    return any(f" {one} " in facts for one in [word, *(other for words in classes for other in words)])


_COMPARED = (
    ("below", "under", "smaller", "lower", "less"),
    ("above", "over", "larger", "higher", "greater", "bigger", "times that,"),
)


def _quotes_move(reading: Reading, turn: Turn, rules: Mapping[str, Sequence[Rule]]) -> bool:
    """Whether a move's own text says it in passing: "disk space, by deleting old checkpoints"."""
    if turn.is_negated or turn.target < 0 or len(turn.word) < 4:
        return False
    named = reading.word(turn.target).removesuffix("s").split(" ")[-1]
    said = re.compile(rf"\b{re.escape(turn.word[:5])}\w{{0,8}}\s(?:\w{{1,12}}\s){{0,3}}{re.escape(named)}")
    turns_own = any(knob in rules for knob in turn.knobs)
    return any(
        said.search(rule.amount if turns_own else f"{rule.amount}; {rule.text}")
        for listed in rules.values()
        for rule in listed
        if rule.is_planned
    )


def _judge_turn(
    reading: Reading,
    turn: Turn,
    bound: Sequence[Binding],
    rules: Mapping[str, Sequence[Rule]],
    *,
    has_condition: bool,
) -> str | None:
    relevant = [rule for knob in turn.knobs for rule in rules.get(knob, ())]
    if turn.manner == "inspect":
        return f"says not to {turn.word}" if turn.is_negated and relevant else None
    if _quotes_move(reading, turn, rules):
        return None
    if (wrong := _read_target_word(reading, turn)) and not any(wrong[:5] in rule.amount for rule in relevant):
        return f"sets {turn.knobs[0]} to '{wrong}', which no move does"
    if not relevant:
        weak_words = turn.manner == "weak" and (not _is_imperative(reading, turn) or _goes_on(reading, turn, rules))
        return None if weak_words else f"no card gives advice on {turn.knobs[0]}"
    planned = [rule for rule in relevant if rule.is_planned] or relevant
    agreeing = [rule for rule in planned if _agrees(turn, rule, bound)]
    if not agreeing or (len(turn.knobs) == 1 and len(agreeing) < len(planned)):
        rule = next(one for one in planned if one not in agreeing)
        return f"says '{turn.word}' of {rule.knob}, and the card says {rule.direction}"
    if all(rule.needs_condition for rule in agreeing) and not has_condition and not turn.is_negated:
        return f"leaves out the condition under which the card says {agreeing[0].direction} {agreeing[0].knob}"
    return None


def _read_target_word(reading: Reading, turn: Turn) -> str:
    """The word that a knob is to be set to: "cosine" of "set the learning rate to cosine", "" for a number."""
    is_data = "data_amount" in turn.knobs
    if is_data or turn.target < 0 or reading.word(turn.target + 1) != "to" or turn.is_negated:
        return ""
    for place in range(turn.target + 2, len(reading.tokens)):
        if place in reading.numbers or reading.tokens[place].kind == "mark":
            return ""
        if reading.word(place) not in _BEFORE_TARGET:
            return reading.word(place)
    return ""


def _goes_on(reading: Reading, turn: Turn, rules: Mapping[str, Sequence[Rule]]) -> bool:
    """ "Load the base model in 4-bit": the verb's other object is the knob."""
    following = reading.tokens[max(turn.target, turn.place) + 1 :]
    is_carrier = reading.word(turn.place).startswith(("load", "keep", "start", "mak", "tak", "giv", "let"))
    return is_carrier and not turn.is_negated and any(name in rules for token in following for name in token.names)


def _is_imperative(reading: Reading, turn: Turn) -> bool:
    before = reading.word(turn.place - 1)
    return before in ("", "to", ",", "and", "please", "then", "or", ":", ";", "not", "rather", "instead") or any(
        token.text in ADVISING for token in reading.tokens
    )


def _agrees(turn: Turn, rule: Rule, bound: Sequence[Binding]) -> bool:
    if turn.manner == "weak":
        if rule.direction in ("disable", "remove"):
            return turn.is_negated
        return not turn.is_negated or (rule.direction == "lower" and turn.sign == 0)
    if rule.direction in _UP_MOVES:
        return turn.sign > 0
    if rule.direction in _DOWN_MOVES:
        return turn.sign < 0 and (turn.manner != "switch" or rule.direction != "lower" or turn.is_negated)
    if rule.direction == "inspect":
        return turn.word in rule.amount and not turn.is_negated
    return _agrees_with_set(turn, rule, bound)


def _agrees_with_set(turn: Turn, rule: Rule, bound: Sequence[Binding]) -> bool:
    """A move that sets a knob has no way of its own, unless its target against the run's value gives one."""
    if turn.manner == "switch":
        return turn.sign > 0 and not turn.is_negated
    if f"by {turn.word[:6]}" in rule.amount:
        return not turn.is_negated
    if rule.amount.startswith("to 1,") or rule.amount.startswith("to 1 ") or rule.amount.startswith("to what fits"):
        return turn.sign < 0
    named = [one.number.value for one in bound if rule.knob in one.names and "from" not in one.roles]
    if rule.current is None or not named or turn.is_negated:
        return False
    return all((value > rule.current) - (value < rule.current) == turn.sign for value in named)


def find_targets(reading: Reading, turns: Sequence[Turn], bound: Sequence[Binding]) -> frozenset[int]:
    """Places of the numbers that a knob is to be set to: what only a move may give."""
    found: set[int] = set()
    for turn in turns:
        is_state = turn.word.startswith("too ") or is_description(reading, turn)
        if not turn.knobs or turn.manner == "inspect" or is_state:
            continue
        for one in bound:
            is_its_own = bool(set(one.names) & set(turn.knobs)) and one.number.unit not in ("step", "s")
            before = {reading.word(one.number.place - back) for back in (1, 2)}
            is_limit = turn.is_negated or before & {"above", "over", "below", "beyond", "than", "for"}
            if is_its_own and not is_limit and "from" not in one.roles and one.partner < 0:
                found.add(one.number.place)
    return frozenset(found)


def _find_standing_fault(reading: Reading, turns: Sequence[Turn], rules: Mapping[str, Sequence[Rule]]) -> str | None:
    """ "Gradient checkpointing is not needed": a knob that is judged without being turned."""
    turned = {turn.target for turn in turns}
    for place, token in enumerate(reading.tokens):
        if token.kind != "phrase" or place in turned or set(token.names) & set(MEASURED):
            continue
        verdict = _read_verdict(reading, place)
        relevant = [rule for name in token.names for rule in rules.get(name, ())]
        if not verdict:
            continue
        if not relevant:
            return f"no card gives advice on {token.names[0]}"
        wants_it = [rule.direction not in ("disable", "remove", "lower") for rule in relevant]
        if (verdict > 0) not in wants_it:
            return f"judges {token.names[0]} against the card, which says {relevant[0].direction}"
    return None


def _read_verdict(reading: Reading, place: int) -> int:
    """1 where what stands at a place is said to help, -1 where it is said to harm or to be idle, 0 otherwise."""
    bad = good = denied = 0
    for ahead in range(place + 1, min(place + 8, len(reading.tokens))):
        text = reading.word(ahead)
        if reading.tokens[ahead].kind != "word" and text not in ("'",):
            break
        if text in ("and", "but", "which", "because", "so", "while"):
            break
        bad += text in BAD_ENDS or text in _ENOUGH
        good += text in _GOOD_ENDS
        denied += text in ("not", "no", "never", "hardly", "cannot") or text.endswith("n't")
    if not bad and not good:
        return 0
    sign = -1 if bad else 1
    return -sign if denied % 2 else sign


def speaks_of_doing(reading: Reading, turns: Sequence[Turn]) -> bool:
    """Whether a sentence says what to do or what is usual, so that it may name the cards' amounts."""
    words = {token.text for token in reading.tokens}
    is_doing = reading.word(0).startswith(("dedup", "augment", "shuffl", "pretoken", "resize"))
    if words & ADVISING or words & {"usual", "usually", "typical", "typically", "often", "range", "so", "enough"}:
        return True
    if any(turn.knobs or _opens(reading, turn) for turn in turns) or (reading.tokens[0].kind == "phrase" and is_doing):
        return True
    return reading.word(1) not in BE and any(turn.place == 0 for turn in turns)


def _opens(reading: Reading, turn: Turn) -> bool:
    return reading.word(turn.place - 1) in ("", ",", "and", "then", ":", ";")
