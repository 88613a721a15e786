from dataclasses import replace
from pathlib import Path

import pytest
from card_factory import write_team_card

from knowledge.card import CARDS_FOLDER, card_by_id, load_card, load_cards, load_knobs, read_card
from knowledge.card_file import SECTIONS, CardError
from tools.diagnosis import RULES

GOOD = (CARDS_FOLDER / "overfitting.md").read_text(encoding="utf-8")
OPPOSITE = {"raise": "lower", "lower": "raise", "enable": "disable", "disable": "enable", "add": "remove"}


def write_card(folder: Path, text: str, name: str = "overfitting") -> Path:
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_card_keeps_its_rules() -> None:
    cards = load_cards()
    assert len(cards) == 61
    assert all(tuple(card.sections) == SECTIONS for card in cards.values())


def test_every_rule_has_a_card() -> None:
    assert {rule.id for rule in RULES} <= set(load_cards())


def test_no_phrase_stands_on_two_cards() -> None:
    owners: dict[str, str] = {}
    twice = []
    for card in load_cards().values():
        for phrase in card.phrases:
            if phrase.lower() in owners:
                twice.append((phrase, owners[phrase.lower()], card.id))
            owners[phrase.lower()] = card.id
    assert twice == []


def test_no_card_turns_a_knob_both_ways() -> None:
    both = [
        (card.id, move.knob)
        for card in load_cards().values()
        for move in card.moves
        for other in card.moves
        if other.knob == move.knob and other.direction == OPPOSITE.get(move.direction)
    ]
    assert both == []


@pytest.mark.parametrize(
    ("card", "knob", "direction"),
    [
        ("overfitting", "epochs", "lower"),
        ("overfitting", "dropout", "raise"),
        ("overfitting", "lora_rank", "lower"),
        ("overfitting", "early_stopping", "add"),
        ("overfitting", "weight_decay", "add"),
        ("loss_not_decreasing", "learning_rate", "raise"),
        ("loss_not_decreasing", "lora_alpha", "raise"),
        ("learning_rate_too_low", "learning_rate", "raise"),
        ("learning_rate_too_high", "learning_rate", "lower"),
        ("loss_divergence", "learning_rate", "lower"),
        ("gibberish_output", "learning_rate", "lower"),
        ("gibberish_output", "lora_alpha", "lower"),
        ("gibberish_output", "epochs", "lower"),
        ("underfitting", "epochs", "raise"),
        ("underfitting", "dropout", "lower"),
        ("out_of_memory_gpu", "gradient_checkpointing", "enable"),
        ("out_of_memory_gpu", "sequence_length", "lower"),
        ("out_of_memory_gpu", "quantization", "enable"),
        ("slow_training", "attention_kernel", "enable"),
        ("slow_training", "micro_batch", "raise"),
        ("class_imbalance", "metric", "set"),
        ("catastrophic_forgetting", "learning_rate", "lower"),
    ],
)
def test_moves_turn_the_way_the_field_agrees_on(card: str, knob: str, direction: str) -> None:
    moves = {move.knob: move.direction for move in card_by_id(card).moves}
    assert moves.get(knob) == direction


def test_the_memory_ladder_is_in_its_order() -> None:
    first = [move.knob for move in card_by_id("out_of_memory_gpu").moves[:4]]
    assert first == ["gradient_checkpointing", "micro_batch", "quantization", "sequence_length"]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("family: generalisation", "family: magic", "'family'"),
        ("direction: lower", "direction: sideways", "direction must be one of"),
        ("knob: epochs", "knob: wishes", "'wishes'"),
        ("## Then do this", "## Whatever", "sections"),
        ("id: overfitting", "id: something", "'id'"),
        ("versions: any", "", "lacks 'versions'"),
        ("    direction: lower\n", "", "'moves' entry 1 lacks 'direction'"),
        ("    cost: regular evaluation and one kept checkpoint", "    cost: ''", "'cost' must be text"),
        ("knob: early_stopping", "knob: epochs", "turns 'epochs' 2 times"),
        ("knob: epochs", "knob: epoch", "which has epochs"),
        ("related: [missing_regularization,", "related: [overfitting,", "names the card itself"),
        ("  - how do I stop my LoRA from overfitting?\n", "  - ''\n", "'phrases' must be a list"),
        ("  - cause: too many epochs\n    check:", "  - check:", "'suspects' entry 1 lacks 'cause'"),
        ("versions: any", "versions: any\nmood: good", "unknown 'mood'"),
        ("versions: any", "versions: [1, 2", "not valid YAML"),
        ("  - generalisation gap\n", "  - overfitting\n", "same phrase twice"),
    ],
)
def test_a_broken_card_names_file_and_field(tmp_path: Path, old: str, new: str, named: str) -> None:
    assert old in GOOD
    path = write_card(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(CardError) as caught:
        load_card(path, load_knobs())
    assert str(path) in str(caught.value)
    assert named in str(caught.value)


@pytest.mark.parametrize("field", ["sources", "phrases", "signs", "related"])
def test_a_list_that_is_empty_names_file_and_field(tmp_path: Path, field: str) -> None:
    path = write_team_card(tmp_path, **{field: "[]"})
    with pytest.raises(CardError, match=f"queue_full.md: '{field}' must be a list of at least one text"):
        load_card(path, load_knobs())


def test_fourteen_phrases_are_too_few(tmp_path: Path) -> None:
    phrases = "[" + ", ".join(f"phrase {number}" for number in range(14)) + "]"
    path = write_team_card(tmp_path, phrases=phrases)
    with pytest.raises(CardError, match="'phrases' must hold at least 15, got 14"):
        load_card(path, load_knobs())


def test_every_fault_of_a_card_is_found_in_one_reading(tmp_path: Path) -> None:
    path = write_team_card(tmp_path, title="[1]", signs="[]", sources="")
    _, faults = read_card(path, load_knobs())
    assert [fault.split("'")[1] for fault in faults] == ["sources", "title", "signs"]


def test_a_related_card_that_does_not_exist_is_named(tmp_path: Path) -> None:
    write_card(tmp_path, GOOD)
    with pytest.raises(CardError, match="no such card"):
        load_cards(tmp_path)


def test_a_card_is_a_value() -> None:
    card = card_by_id("overfitting")
    assert replace(card) == card
