import pytest

from assistant.evidence import ADVICE, Evidence
from assistant.moves import PlannedMove
from assistant.verifier import Grounds, find_fault
from knowledge.card import load_knobs

FACTS = (
    "The validation loss has its minimum, 2.113, at step 30 (epoch 3).",
    "The validation loss climbs to 2.594 at step 80 (epoch 8) (+23%).",
    "The training loss goes from 1.61 to 0.412 meanwhile.",
    "Advice: lower the number of epochs from 8 to 3, where the validation loss was lowest.",
    "Advice: raise dropout to 0.05-0.1.",
    "The peak is 1e-07, a factor of 100 below the usual range, and the loss does not move.",
    "Advice: raise the learning rate from 1e-07 to 1e-4.",
    "Advice: disable gradient checkpointing: if peak memory stays under the card.",
)
EVIDENCE = tuple(
    Evidence(f"E{number}", text, None, "made up", kind="move" if text.startswith(ADVICE) else "finding")
    for number, text in enumerate(FACTS, start=1)
)


def move(knob: str, direction: str) -> PlannedMove:
    return PlannedMove("card", knob, direction, "", "", "")


MOVES = (
    move("epochs", "lower"),
    move("dropout", "raise"),
    move("learning_rate", "raise"),
    move("early_stopping", "add"),
)


def find_strict_fault(
    sentence: str, evidence: tuple[Evidence, ...] = EVIDENCE, moves: tuple[PlannedMove, ...] = MOVES
) -> str | None:
    return find_fault(sentence, Grounds(evidence, moves, load_knobs(), {}, {}, (), ""), is_strict=True)


@pytest.mark.parametrize(
    "sentence",
    [
        "The validation loss has its minimum [E1].",
        "The validation loss has its minimum, 2.113, at step 30 [E1].",
        "Your validation loss has its minimum, 2.113, at step 30 (epoch 3) [E1].",
        "The validation loss climbs to 2.594 at step 80 [E2].",
        "The training loss goes from 1.61 to 0.412 meanwhile [E3].",
        "Lower the number of epochs from 8 to 3, where the validation loss was lowest [E4].",
        "Please raise dropout to 0.05-0.1 [E5].",
        "The loss does not move [E6].",
        "The peak is 1e-07 [E6].",
        "The peak is 0.0000001, and the loss does not move [E6].",
        "Raise the learning rate from 1e-07 to 1e-4 [E7].",
        "Raise the learning rate from 1e-07 to 0.0001 [E7].",
        "Disable gradient checkpointing if peak memory stays under the card [E8].",
        "The validation loss climbs to 2.594 at step 80, the training loss goes from 1.61 to 0.412 meanwhile [E2][E3].",
    ],
)
def test_a_sentence_that_the_evidence_holds_passes(sentence: str) -> None:
    assert find_strict_fault(sentence) is None


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("The validation loss climbs to 2.594 at step 80.", "cites nothing"),
        ("The validation loss climbs to 2.594 at step 80 [E9].", "does not exist"),
        ("The validation loss climbs to 2.594 at step 80 [E1].", "number 2.594"),
        ("The validation loss climbs to 2.7 at step 80 [E2].", "number 2.7"),
        ("The validation loss climbs to 2.594% at step 80 [E2].", "number 2.594%"),
        ("The validation loss climbs to 80 at step 2.594 [E2].", "follow"),
        ("The training loss climbs to 2.594 at step 80 [E2].", "follow"),
        ("The training loss climbs to 2.594 at step 80 [E2][E3].", "follow"),
        ("The validation loss goes from 1.61 to 0.412 [E2][E3].", "follow"),
        ("The training loss goes from 0.412 to 1.61 meanwhile [E3].", "follow"),
        ("Raise the number of epochs from 3 to 8 [E4].", "raise"),
        ("Increase the number of epochs [E4].", "increase"),
        ("Train for more epochs [E4].", "more"),
        ("Lower dropout to 0.05-0.1 [E5].", "lower"),
        ("Reduce dropout [E5].", "reduce"),
        ("Do not lower the number of epochs [E4].", "negates"),
        ("Avoid early stopping [E4].", "negates"),
        ("The loss does move [E6].", "follow"),
        ("Lower the learning rate from 1e-07 to 1e-4 [E7].", "lower"),
        ("Remove early stopping [E4].", "remove"),
        ("Disable gradient checkpointing [E8].", "follow"),
        ("The GPU ran out of memory [E1].", "follow"),
        ("The model is healthy [E1].", "follow"),
        ("Instead of fewer epochs, raise dropout to 0.05-0.1 [E5].", "negates"),
        ("[E1].", "says nothing"),
    ],
)
def test_a_sentence_that_the_evidence_does_not_hold_is_struck(sentence: str, reason: str) -> None:
    fault = find_strict_fault(sentence)
    assert fault is not None
    assert reason in fault


@pytest.mark.parametrize(("knob", "direction"), [("epochs", "lower"), ("dropout", "raise"), ("learning_rate", "raise")])
@pytest.mark.parametrize(
    "verb", ["raise", "increase", "lower", "reduce", "decrease", "use a higher", "use fewer", "try more"]
)
def test_advice_against_the_planned_direction_never_passes(knob: str, direction: str, verb: str) -> None:
    """Even where the evidence itself holds the words: the direction is checked on its own."""
    sentence = f"{verb.capitalize()} {load_knobs()[knob].aliases[0]}"
    held = (Evidence("E1", sentence, None, "made up"),)
    goes_up = verb in ("raise", "increase", "use a higher", "try more")
    fault = find_strict_fault(f"{sentence} [E1].", held, (move(knob, direction),))
    if goes_up == (direction == "raise"):
        assert fault is None
    else:
        assert fault is not None
