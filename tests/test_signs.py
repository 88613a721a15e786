"""Telling messages: when they are a fault of the run, when only worth knowing, and when nothing at all."""

import pytest
from run_factory import descend, find, found_ids, judge, make_rows, render, serious_ids

ROWS = render(make_rows(descend(40))).decode()
DEAD = render(make_rows([2.0] * 20, grad_norm=0.0)).decode()
CHECKPOINTING = (
    "/lib/checkpoint.py:61: UserWarning: None of the inputs have requires_grad=True. Gradients will be None\n"
)
OVERFLOW = (
    "[2025-01-01 00:00:00,000] [INFO] [loss_scaler.py:190:update_scale] [deepspeed] OVERFLOW! Rank 0 Skipping step. "
    "Attempted loss scale: {}, reducing to {}\n"
)
NOTES = {
    "truncated_sequences": "Token indices sequence length is longer than the specified maximum sequence length for "
    "this model (4595 > 2048). Running this sequence through the model will result in indexing errors",
    "packing_contamination": "[WARNING] `sample_packing` without an attention backend does not keep samples apart",
    "chat_template": "No chat template is defined for this tokenizer - using a default chat template",
    "never_stops": "The attention mask is not set and cannot be inferred because pad token is same as eos token.",
    "label_masking": "UserWarning: Could not find response key `### Answer:` in the following instance: a b c",
}


@pytest.mark.parametrize(("rule", "line"), NOTES.items(), ids=NOTES.keys())
def test_a_warning_that_healthy_runs_print_is_a_note(rule: str, line: str) -> None:
    diagnosis = judge(f"{line}\n{ROWS}")
    assert find(diagnosis, rule).severity == "note"
    assert serious_ids(diagnosis) == []


def test_a_text_that_is_too_long_is_told_with_its_numbers() -> None:
    finding = find(judge(f"{NOTES['truncated_sequences']}\n{ROWS}"), "truncated_sequences")
    assert (finding.values["length"], finding.values["limit"]) == (4595, 2048)


def test_a_marker_that_is_missing_a_hundred_times_is_a_fault() -> None:
    lines = "".join(f"{NOTES['label_masking']} {index}\n" for index in range(120))
    finding = find(judge(lines + ROWS), "label_masking")
    assert (finding.severity, finding.values["num_messages"]) == ("warning", 120)


def test_labels_that_are_all_masked_are_a_fault() -> None:
    assert serious_ids(judge(f"All labels in your dataset are -100, losses will be 0\n{ROWS}")) == ["label_masking"]


def test_the_warning_of_checkpointing_counts_only_beside_gradients_of_zero() -> None:
    assert "no_grad_path" not in found_ids(judge(CHECKPOINTING + ROWS))
    assert find(judge(CHECKPOINTING + DEAD), "no_grad_path").severity == "warning"


@pytest.mark.parametrize(("lowest", "is_fault"), [(13, False), (4, False), (0, True)])
def test_overflow_is_a_fault_only_where_the_scale_came_down_to_nothing(lowest: int, is_fault: bool) -> None:
    powers = range(16, lowest, -1)
    lines = "".join(OVERFLOW.format(2**power, 2 ** (power - 1)) for power in powers)
    diagnosis = judge(lines + ROWS)
    assert ("dtype_precision" in serious_ids(diagnosis)) is is_fault
    if is_fault:
        assert find(diagnosis, "dtype_precision").values["num_overflows"] == len(powers)


@pytest.mark.parametrize(
    "line",
    [
        "Some weights of LlamaForSequenceClassification were not initialized from the model checkpoint and are newly",
        "UserWarning: this function is deprecated",
        "WARNING: the packing plant is closed",
        "Setting `pad_token_id` to `eos_token_id`:2 for open-end generation.",
        "masked language modelling: 15 % of the tokens are masked",
    ],
)
def test_other_words_are_nothing(line: str) -> None:
    assert found_ids(judge(f"{line}\n{ROWS}")) == found_ids(judge(ROWS))
