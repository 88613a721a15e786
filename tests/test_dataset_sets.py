"""Defects of a set as a whole, and what is told of them."""

from pathlib import Path
from random import Random

import pytest
from dataset_factory import Words, find_defect, inspect_rows, make_clean

NUM_ROWS = 200
LONG = "What was asked here was answered before, and it stands in the minutes of the meeting."


def test_a_prompt_with_another_answer_contradicts_in_both_rows(tmp_path: Path) -> None:
    rows = make_clean("maths", NUM_ROWS)
    rows[10] = {**rows[99], "answer": "12 apples"}
    assert find_defect(inspect_rows(tmp_path, rows), "contradiction").rows == (11, 100)


def test_several_answers_to_most_prompts_are_how_the_set_was_made(tmp_path: Path) -> None:
    rows = make_clean("code", 100)
    again = [{**row, "completion": other["completion"]} for row, other in zip(rows, rows[1:] + rows[:1], strict=True)]
    report = inspect_rows(tmp_path, rows + again)
    assert not report.defects
    assert any("several answers" in note for note in report.notes)


def test_one_answer_for_many_prompts_is_found(tmp_path: Path) -> None:
    rows = make_clean("messages", NUM_ROWS)
    for row in rows[20:40]:
        row["messages"][1]["content"] = LONG
    assert find_defect(inspect_rows(tmp_path, rows), "identical_answer").rows == tuple(range(21, 41))


@pytest.mark.parametrize("make", ["reviews", "yes or no"])
def test_a_skewed_set_of_labels_is_found_with_its_counts(tmp_path: Path, make: str) -> None:
    rows, column = make_clean(make, NUM_ROWS), "label" if make == "reviews" else "completion"
    for place, row in enumerate(rows):
        row[column] = "rare" if place % 10 == 0 else "usual"
    report = inspect_rows(tmp_path, rows)
    assert find_defect(report, "class_imbalance").share == pytest.approx(0.9)
    assert report.labels == {"usual": 180, "rare": 20}


def test_a_longer_chosen_answer_in_most_pairs_is_found(tmp_path: Path) -> None:
    rows = make_clean("preference", NUM_ROWS)
    for row in rows[:170]:
        row["chosen"] = f"{row['rejected']} {row['chosen']}"
    defect = find_defect(inspect_rows(tmp_path, rows), "length_bias")
    assert (defect.pitfall, defect.rows) == ("preference_reward_hacking", ())
    assert defect.share > 0.85


def test_answers_cut_at_one_length_are_found(tmp_path: Path) -> None:
    rows = make_clean("messages", NUM_ROWS)
    words = Words(3)
    cut_rows = range(0, NUM_ROWS, 4)
    for place in cut_rows:
        rows[place]["messages"][1]["content"] = f"{words.paragraph(20, 20)[:990].strip('. ')} goes on an"[:1000].ljust(
            1000, "x"
        )
    defect = find_defect(inspect_rows(tmp_path, rows), "truncated_answer")
    assert defect.rows == tuple(place + 1 for place in cut_rows)
    assert "exactly 1,000 characters" in defect.summary


def test_rows_over_the_limit_are_counted_and_the_estimate_is_named(tmp_path: Path) -> None:
    rows = make_clean("messages", NUM_ROWS)
    rows[4]["messages"][1]["content"] *= 40
    defect = find_defect(inspect_rows(tmp_path, rows, max_length=1024), "too_long")
    assert defect.rows == (5,)
    assert "4 bytes a token" in defect.summary


def test_too_few_different_rows_are_told(tmp_path: Path) -> None:
    rows = make_clean("alpaca", 20)
    assert "20 rows differ" in find_defect(inspect_rows(tmp_path, rows), "insufficient_data").summary
    assert "20 of 60 rows differ" in find_defect(inspect_rows(tmp_path, rows * 3), "insufficient_data").summary


def test_one_prompt_for_all_rows_is_told(tmp_path: Path) -> None:
    rows = [{**row, "prompt": "Write something."} for row in make_clean("code", 60)]
    assert find_defect(inspect_rows(tmp_path, rows), "constant_column").share == 1.0


def test_text_that_is_rendered_on_purpose_is_a_note_and_its_open_turns_are_not(tmp_path: Path) -> None:
    words = Words(5)
    opened = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>"
    rendered = [{"text": opened.format(words.question(), words.paragraph())} for _ in range(NUM_ROWS)]
    report = inspect_rows(tmp_path, rendered)
    assert not report.defects
    assert any("rendered with a template" in note for note in report.notes)
    rendered[8]["text"] = rendered[8]["text"].removesuffix("<|im_end|>")
    assert find_defect(inspect_rows(tmp_path, rendered), "missing_end_token").rows == (9,)


def test_single_rows_that_do_it_with_reason_are_left_untold(tmp_path: Path) -> None:
    rows = make_clean("messages", 1000)
    rows[0]["messages"][1]["content"] = "As an AI language model, I cannot say."
    rows[1]["messages"][1]["content"] += " Write to jo.doe@harbour-office.org."
    rows[2]["messages"][1]["content"] += " a<br>b"
    assert not inspect_rows(tmp_path, rows).defects


@pytest.mark.parametrize("make", ["messages", "alpaca", "reviews", "preference"])
def test_the_order_of_rows_changes_no_count(tmp_path: Path, make: str) -> None:
    rows = make_clean(make, NUM_ROWS)
    rows += rows[:9]
    shuffled = Random(1).sample(rows, len(rows))  # noqa: S311  an order for a test
    counts = [
        {defect.kind: defect.num_rows for defect in inspect_rows(tmp_path, some).defects} for some in (rows, shuffled)
    ]
    assert counts[0] == counts[1] == {"exact_duplicate": 9}


def test_a_secret_is_not_quoted(tmp_path: Path) -> None:
    rows = make_clean("messages", NUM_ROWS)
    rows[3]["messages"][1]["content"] += " hf_" + "aB3" * 12
    report = inspect_rows(tmp_path, rows)
    assert find_defect(report, "secret").rows == (4,)
    assert "aB3" not in repr(report)
