import pytest

from assistant.evidence import Evidence
from assistant.moves import PlannedMove
from assistant.verifier import find_fault, split_sentences
from knowledge.card import load_knobs

EVIDENCE = (
    Evidence(
        "E1",
        "The validation loss has its minimum, 2.113, at step 30 (epoch 3) and climbs to 2.594 at step 80 (epoch 8) "
        "(+23%), while the training loss goes from 1.61 to 0.412.",
        2.113,
        "overfitting",
    ),
    Evidence(
        "E2", "Advice: lower the number of epochs from 8 to 3, where the validation loss was lowest.", None, "card"
    ),
    Evidence("E3", "Advice: raise dropout to 0.05-0.1.", None, "card"),
    Evidence(
        "E4", "The peak is 1e-07, a factor of 100 below the usual range, and the loss does not move.", 1e-7, "rate"
    ),
    Evidence("E5", "Advice: raise the learning rate from 1e-07 to 1e-4.", None, "card"),
)


def move(knob: str, direction: str) -> PlannedMove:
    return PlannedMove("card", knob, direction, "", "", "")


MOVES = (
    move("epochs", "lower"),
    move("dropout", "raise"),
    move("learning_rate", "raise"),
    move("early_stopping", "add"),
)


@pytest.mark.parametrize(
    "sentence",
    [
        "The validation loss has its minimum at epoch 3 [E1].",
        "The validation loss climbs to 2.594 at step 80 [E1].",
        "The validation loss climbs, while the training loss goes from 1.61 to 0.412 [E1].",
        "Your validation loss has its minimum, 2.113, at step 30 [E1].",
        "Lower the number of epochs from 8 to 3 [E2].",
        "Please lower the epochs to 3 [E2].",
        "Raise dropout to 0.05-0.1 [E3].",
        "The loss does not move [E4].",
        "Raise the learning rate from 1e-07 to 1e-4 [E5].",
        "Raise the learning rate to 0.0001 [E5].",
        "The validation loss was lowest at epoch 3 [E1][E2].",
    ],
)
def test_a_sentence_that_the_evidence_holds_passes(sentence: str) -> None:
    fault = find_fault(sentence, EVIDENCE, MOVES, load_knobs())
    if sentence.endswith("[E1][E2]."):
        assert fault is None or "follow" in fault
    else:
        assert fault is None


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("The validation loss climbs.", "cites nothing"),
        ("The validation loss climbs [E9].", "does not exist"),
        ("The validation loss climbs to 2.7 [E1].", "number 2.7"),
        ("The validation loss climbs to 2.594% [E1].", "number 2.594%"),
        ("The training loss climbs to 2.594 [E1].", "follow"),
        ("Raise the number of epochs from 3 to 8 [E2].", "raise"),
        ("Increase the number of epochs [E2].", "increase"),
        ("Train for more epochs [E2].", "more"),
        ("Lower dropout to 0.05-0.1 [E3].", "lower"),
        ("Reduce dropout [E3].", "reduce"),
        ("Do not lower the number of epochs [E2].", "negates"),
        ("Avoid early stopping [E2].", "negates"),
        ("The loss does move [E4].", "leaves out a negation"),
        ("Lower the learning rate from 1e-07 to 1e-4 [E5].", "lower"),
        ("Remove early stopping [E2].", "remove"),
        ("The GPU ran out of memory [E1].", "follow"),
        ("The model is healthy [E1].", "follow"),
        ("Instead of fewer epochs, raise dropout to 0.05-0.1 [E3].", "negates"),
        ("[E1].", "says nothing"),
    ],
)
def test_a_sentence_that_the_evidence_does_not_hold_is_struck(sentence: str, reason: str) -> None:
    fault = find_fault(sentence, EVIDENCE, MOVES, load_knobs())
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
    fault = find_fault(f"{sentence} [E1].", held, (move(knob, direction),), load_knobs())
    if goes_up == (direction == "raise"):
        assert fault is None
    else:
        assert fault is not None


def test_sentences_are_split_after_citations_and_not_inside_numbers() -> None:
    assert split_sentences("It is 2.5 at step 3 [E1]. Lower it to 1e-4 [E2].") == [
        "It is 2.5 at step 3 [E1].",
        "Lower it to 1e-4 [E2].",
    ]
