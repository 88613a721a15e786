"""Every kind of defect: where it leads, how grave it is, and what its summary says."""

from dataclasses import dataclass

from tools.dataset.report import Severity


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of defect that rows can show.

    Attributes:
        pitfall: id of the card it leads to.
        severity: how grave it is where it concerns ``common`` of the rows or more; a note below that.
        words: what it is, as the summary goes on after "In 3 of 200 rows".
        common: share from which its severity counts in full.
        fewest, least_share: rows and share below which it is left untold, since single rows do it with reason.
    """

    pitfall: str
    severity: Severity
    words: str
    common: float = 0.0
    fewest: int = 1
    least_share: float = 0.0


MINOR_SHARE = 0.01
"""Below one row in a hundred a fault that does not break training is worth a look, not an alarm."""

KINDS = {
    "unreadable_row": Kind("dataset_format", "error", "nothing can be read"),
    "missing_column": Kind("dataset_format", "error", "a column or key is missing"),
    "wrong_type": Kind("dataset_format", "error", "a value has the wrong type"),
    "mixed_format": Kind("dataset_format", "error", "the format is another than in the rest"),
    "empty_answer": Kind("data_quality", "error", "the answer, label or text is empty"),
    "empty_prompt": Kind("data_quality", "error", "the prompt is empty"),
    "wrong_role_order": Kind("chat_template", "error", "the turns stand in an order that chat templates refuse"),
    "unknown_role": Kind("chat_template", "error", "a role is used that chat templates do not know"),
    "template_tokens_in_text": Kind("chat_template", "warning", "a chat template's markers stand in the text"),
    "missing_end_token": Kind("never_stops", "warning", "a marker opens the last turn and none closes it"),
    "all_labels_masked": Kind("label_masking", "error", "every label is -100, so nothing is learnt"),
    "masked_end_token": Kind("never_stops", "warning", "the last token is masked, so the end is not learnt"),
    "token_out_of_range": Kind("device_side_assert", "error", "a token id lies outside the vocabulary"),
    "exact_duplicate": Kind("duplicate_data", "warning", "an earlier row is repeated exactly", MINOR_SHARE),
    "near_duplicate": Kind("duplicate_data", "warning", "an earlier row is nearly repeated", 2 * MINOR_SHARE),
    "contradiction": Kind("data_quality", "warning", "the prompt stands in another row with another answer"),
    "identical_answer": Kind("duplicate_data", "warning", "different prompts get one and the same answer"),
    "train_validation_overlap": Kind("data_leakage", "error", "the content stands in the training split too"),
    "encoding_damage": Kind("data_quality", "warning", "a wrong encoding has damaged characters"),
    "markup_remains": Kind("data_quality", "warning", "remains of HTML stand in the prose", fewest=3),
    "boilerplate_refusal": Kind(
        "data_quality", "warning", "the answer is a language model's stock refusal", fewest=2, least_share=0.005
    ),
    "prompt_in_answer": Kind("data_quality", "warning", "the answer begins by repeating the whole prompt", fewest=2),
    "very_short_answer": Kind("data_quality", "warning", "the answer has a few letters where others are long"),
    "truncated_answer": Kind("truncated_sequences", "warning", "the answer breaks off"),
    "too_long": Kind("truncated_sequences", "warning", "the length is over the limit", MINOR_SHARE),
    "personal_data": Kind(
        "data_quality", "note", "an e-mail address stands in the text", fewest=3, least_share=MINOR_SHARE
    ),
    "secret": Kind("data_quality", "warning", "something that looks like a secret key stands in the text"),
    "class_imbalance": Kind("class_imbalance", "warning", ""),
    "inconsistent_labels": Kind("data_quality", "warning", "the label is spelt differently from most rows with it"),
    "constant_column": Kind("data_quality", "warning", ""),
    "insufficient_data": Kind("insufficient_data", "warning", ""),
    "chosen_equals_rejected": Kind("data_quality", "error", "the chosen and the rejected answer are the same"),
    "length_bias": Kind("preference_reward_hacking", "warning", ""),
}

GRAVITY = {"error": 0, "warning": 1, "note": 2}
