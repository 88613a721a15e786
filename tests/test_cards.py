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


def test_our_own_cards_have_phrases_enough_to_be_found_by() -> None:
    """The rule for everybody is 15; ours train the retrieval, which needs more."""
    assert [card.id for card in load_cards().values() if len(card.phrases) < 45] == []


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


# What the field agrees on, in its order: the first moves of each card, before those that only some cases need.
FIRST_MOVES = """
loss_not_decreasing: set lora_targets, raise lora_alpha, raise learning_rate
learning_rate_too_low: raise learning_rate, set lr_schedule
learning_rate_too_high: lower learning_rate, add warmup, set max_grad_norm
loss_divergence: lower learning_rate, set max_grad_norm, set precision, inspect training_data
loss_nan: set precision, lower learning_rate, remove empty_samples, set max_grad_norm
loss_zero: set precision, set adapter_precision, set label_mask
loss_spikes: set max_grad_norm, lower learning_rate, inspect training_data, set data_order
exploding_gradients: set max_grad_norm, lower learning_rate, add warmup
vanishing_gradients: inspect trainable_parameters, raise learning_rate, set label_mask
lora_misconfiguration: set lora_targets, set lora_alpha, set lora_rank
underfitting: raise epochs, raise lora_rank, raise model_size, lower dropout, lower weight_decay
batch_size: raise gradient_accumulation, lower micro_batch, set learning_rate
lr_schedule: set warmup, set lr_schedule
grad_accumulation_scaling: raise package_versions, set loss_normalisation
untuned_hyperparameters: add hyperparameter_search
overfitting: lower epochs, add early_stopping, raise dropout, lower lora_rank, add weight_decay, raise data_amount
missing_regularization: enable early_stopping, raise dropout, add weight_decay
gibberish_output: lower learning_rate, lower lora_alpha, lower epochs, inspect training_data, set chat_template
repetition_output: add eos_token, lower epochs, set decoding
never_stops: set pad_token, add eos_token
catastrophic_forgetting: set training_method, add replay_data, lower learning_rate, add distillation, add weight_anchor
knowledge_injection: add retrieval, add continued_pretraining, set training_method
class_imbalance: set class_balance, add class_weights, set metric
export_conversion: set merge_precision, set export_files, inspect checkpoint
adapter_not_applied: set adapter_loading
base_model_mismatch: set base_model
preference_reward_hacking: raise preference_beta, lower learning_rate, enable length_normalisation
rl_collapse: set reward_function, raise sampling_temperature, raise group_size, lower learning_rate
out_of_memory_gpu: enable gradient_checkpointing, set micro_batch, enable quantization, lower sequence_length
out_of_memory_eval: set eval_batch, set eval_accumulation, set eval_outputs
out_of_memory_cpu: set weight_loading, lower dataloader_workers, enable data_streaming
memory_fragmentation: set allocator, enable length_grouping
slow_training: enable attention_kernel, set precision, raise micro_batch, enable packing, disable gradient_checkpointing
dataloader_bottleneck: enable pretokenization, raise dataloader_workers, enable pin_memory
hardware_limits: lower model_size, enable quantization, enable sharding, set hardware
data_quality: inspect training_data, add data_cleaning, enable deduplication, set dataset_columns, lower data_amount
insufficient_data: raise data_amount, add augmentation, lower epochs, lower lora_rank
data_leakage: set data_split, enable deduplication
duplicate_data: enable deduplication
dataset_format: set dataset_columns, inspect training_data
chat_template: set chat_template
label_masking: set label_mask, set response_marker
truncated_sequences: raise sequence_length, set training_data, enable packing
packing_contamination: enable attention_kernel, disable packing
tokenizer_vocab_mismatch: set embeddings, add modules_to_save
no_evaluation: add validation_set, add test_set, add base_comparison
wrong_metric: set metric, set generation_metric, add human_evaluation
unmonitored_training: set logging_interval, add curves, add alerts
nondeterminism: set seed, set metric
method_choice: set training_method, enable quantization, enable full_fine_tuning
no_experiment_tracking: add experiment_tracker, add version_control
dtype_precision: set adapter_precision, set precision
no_grad_path: enable input_grads, disable reentrant_checkpointing
device_side_assert: set vocabulary
distributed_hang: inspect failing_rank, raise collective_timeout, enable nccl_logging
checkpoint_resume: set checkpoint, set effective_batch
dependency_version: set package_versions
quantization_setup: set library_build, set quantizer
gated_access: set licence, add access_token, set job_token
disk_full: lower checkpoint_limit, set cache_folder
interrupted: set checkpoint, lower checkpoint_interval
"""
TABLE = [line.split(": ") for line in FIRST_MOVES.strip().splitlines()]


def test_every_card_has_its_first_moves_stated() -> None:
    assert {card for card, _ in TABLE} == set(load_cards())


@pytest.mark.parametrize(("card", "first"), TABLE, ids=[card for card, _ in TABLE])
def test_first_moves_keep_their_order_and_direction(card: str, first: str) -> None:
    wanted = first.split(", ")
    assert [f"{move.direction} {move.knob}" for move in card_by_id(card).moves][: len(wanted)] == wanted


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
