"""Each defect, planted into a clean set, is found with exactly its rows; a clean set shows none."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from dataset_factory import CLEAN, chat, find_defect, inspect_rows, make_clean

Rows = list[Any]
Plant = Callable[[Rows], object]
NUM_ROWS = 200


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("make", CLEAN)
def test_a_clean_set_shows_no_defect(tmp_path: Path, make: str, seed: int) -> None:
    report = inspect_rows(tmp_path, make_clean(make, NUM_ROWS, seed), max_length=4096, vocab_size=32_000)
    assert [(defect.kind, defect.summary) for defect in report.defects] == []
    assert report.num_rows == NUM_ROWS


FORMATS = {
    "messages": "messages",
    "sharegpt": "sharegpt",
    "alpaca": "alpaca",
    "code": "prompt_completion",
    "maths": "question_answer",
    "preference": "preference",
    "preference as chats": "preference",
    "kto": "kto",
    "documents": "text",
    "reviews": "classification",
    "entailment": "classification",
    "translations": "prompt_completion",
    "tokenised": "tokenised",
}


@pytest.mark.parametrize(("make", "expected"), FORMATS.items())
def test_the_format_is_told_by_columns_and_values(tmp_path: Path, make: str, expected: str) -> None:
    assert inspect_rows(tmp_path, make_clean(make, 60)).format == expected


def put(*keys: Any, value: Any, at: Sequence[int] = (7, 50, 123)) -> Plant:
    """Set one value in some rows."""

    def plant(rows: Rows) -> None:
        for place in at:
            target = rows[place - 1]
            for key in keys[:-1]:
                target = target[key]
            target[keys[-1]] = value(target[keys[-1]]) if callable(value) else value

    return plant


def drop(*keys: Any, at: Sequence[int] = (7, 50, 123)) -> Plant:
    """Take one key or element out of some rows."""

    def plant(rows: Rows) -> None:
        for place in at:
            target = rows[place - 1]
            for key in keys[:-1]:
                target = target[key]
            del target[keys[-1]]

    return plant


def become(*values: Any, at: Sequence[int] = (7, 50, 123)) -> Plant:
    """Replace some rows."""

    def plant(rows: Rows) -> None:
        for place, value in zip(at, values * len(at), strict=False):
            rows[place - 1] = value

    return plant


def copy(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Plant:
    """Let three rows repeat the first three, changed."""

    def plant(rows: Rows) -> None:
        for source, place in enumerate((7, 50, 123)):
            rows[place - 1] = change(rows[source])

    return plant


def add(text: str) -> Callable[[str], str]:
    return lambda before: f"{before} {text}"


def cut(text: str) -> str:
    words = " ".join([text] * 4).split()
    return " ".join(words[:30]) + " because the"


def change_word(row: dict[str, Any], column: str) -> dict[str, Any]:
    words = row[column].split()
    return {**row, column: " ".join([*words[:5], "another", *words[6:]])}


PLANTS: list[tuple[str, str, Plant]] = [
    ("empty_answer", "messages", put("messages", 1, "content", value="")),
    ("empty_answer", "long chats with a system text", put("messages", 2, "content", value=" \n")),
    ("empty_answer", "sharegpt", put("conversations", 3, "value", value="")),
    ("empty_answer", "alpaca", put("output", value="")),
    ("empty_answer", "code", put("completion", value=None)),
    ("empty_answer", "maths", put("answer", value="  ")),
    ("empty_answer", "preference", put("rejected", value="")),
    ("empty_answer", "kto", put("completion", value="")),
    ("empty_answer", "reviews", put("label", value="")),
    ("empty_answer", "documents", put("text", value="")),
    ("empty_answer", "tokenised", put("input_ids", value=[])),
    ("empty_prompt", "messages", put("messages", 0, "content", value="")),
    ("empty_prompt", "sharegpt", put("conversations", 0, "value", value="\t")),
    ("empty_prompt", "code", put("prompt", value="")),
    ("empty_prompt", "reviews", put("text", value="")),
    ("empty_prompt", "preference", put("prompt", value="")),
    ("missing_column", "alpaca", drop("output")),
    ("missing_column", "code", drop("prompt")),
    ("missing_column", "preference", drop("rejected")),
    ("missing_column", "reviews", drop("label")),
    ("missing_column", "messages", drop("messages", 1, "content")),
    ("missing_column", "sharegpt", drop("conversations", 0, "from")),
    ("wrong_type", "messages", put("messages", value="user: hello")),
    ("wrong_type", "messages", put("messages", 1, "content", value=12)),
    ("wrong_type", "alpaca", put("output", value={"text": "nested"})),
    ("wrong_type", "maths", put("answer", value=42)),
    ("wrong_type", "code", put("completion", value=["one", "two"])),
    ("wrong_type", "code", put("prompt", value=[{"role": "user", "content": "What is a quay?"}])),
    ("wrong_type", "kto", put("label", value="perhaps")),
    ("wrong_type", "tokenised", put("input_ids", value=["a", "b"])),
    ("wrong_type", "tokenised", put("labels", value=[1, 2, 3])),
    ("mixed_format", "messages", become({"prompt": "What is a quay?", "completion": "A place where ships lie."})),
    ("mixed_format", "alpaca", become(chat("What is a quay?", "A place where ships lie."))),
    ("mixed_format", "sharegpt", become(chat("What is a quay?", "A place where ships lie."))),
    ("unreadable_row", "messages", become('{"messages": [', "not JSON", "[1, 2]")),
    ("wrong_role_order", "messages", drop("messages", 1)),
    ("wrong_role_order", "messages", put("messages", value=lambda turns: [turns[0], *turns])),
    ("wrong_role_order", "messages", put("messages", value=lambda turns: [*turns, turns[0]])),
    (
        "wrong_role_order",
        "messages",
        put("messages", value=lambda turns: [turns[0], {"role": "system", "content": "Be kind."}, turns[1]]),
    ),
    ("wrong_role_order", "sharegpt", drop("conversations", 3)),
    ("unknown_role", "messages", put("messages", 0, "role", value="human")),
    ("unknown_role", "messages", put("messages", 1, "role", value="Assistant")),
    ("unknown_role", "sharegpt", put("conversations", 1, "from", value="narrator")),
    ("template_tokens_in_text", "messages", put("messages", 1, "content", value=add("<|im_end|>"))),
    ("template_tokens_in_text", "alpaca", put("instruction", value=lambda text: f"### Instruction:\n{text}")),
    ("template_tokens_in_text", "kto", put("prompt", value=lambda text: f"[INST] {text} [/INST]")),
    ("template_tokens_in_text", "preference", put("chosen", value=add("</s>"))),
    ("exact_duplicate", "messages", copy(lambda row: row)),
    ("exact_duplicate", "sharegpt", copy(lambda row: {**row, "id": "another"})),
    ("exact_duplicate", "documents", copy(lambda row: row)),
    ("exact_duplicate", "tokenised", copy(lambda row: row)),
    ("near_duplicate", "code", copy(lambda row: {**row, "prompt": row["prompt"].upper()})),
    ("near_duplicate", "documents", copy(lambda row: change_word(row, "text"))),
    ("near_duplicate", "alpaca", copy(lambda row: {**row, "output": f"  {row['output'].replace('.', ' !')}"})),
    ("encoding_damage", "messages", put("messages", 1, "content", value=add("Itâ€™s here."))),
    ("encoding_damage", "reviews", put("text", value=add("caf\ufffd"))),
    ("encoding_damage", "documents", put("text", value=add("null\x00byte"))),
    ("markup_remains", "alpaca", put("output", value=add("<br /><br />And so on &amp; on."))),
    ("boilerplate_refusal", "messages", put("messages", 1, "content", value="As an AI language model, I cannot say.")),
    ("prompt_in_answer", "alpaca", lambda rows: [row.update(output=f"{row['instruction']} Yes.") for row in rows[3:9]]),
    ("personal_data", "messages", put("messages", 1, "content", value=add("Write to jo.doe@harbour-office.org."))),
    ("secret", "code", put("completion", value=add("token = 'hf_" + "aB3" * 12 + "'"))),
    ("very_short_answer", "messages", put("messages", 1, "content", value="ok.")),
    ("truncated_answer", "messages", put("messages", 1, "content", value=cut)),
    ("truncated_answer", "code", put("completion", value=lambda text: text.replace("\n```", ""))),
    ("chosen_equals_rejected", "preference", lambda rows: [row.update(chosen=row["rejected"]) for row in rows[3:6]]),
    ("all_labels_masked", "tokenised", put("labels", value=lambda labels: [-100] * len(labels))),
    ("masked_end_token", "tokenised", put("labels", value=lambda labels: [*labels[:-1], -100])),
    ("token_out_of_range", "tokenised", put("input_ids", 3, value=32_000)),
    ("inconsistent_labels", "reviews", put("label", value="Positive ")),
    ("inconsistent_labels", "yes or no", put("completion", value="yes")),
]


def _changed(before: Rows, after: Rows) -> tuple[int, ...]:
    return tuple(number for number, pair in enumerate(zip(before, after, strict=True), start=1) if pair[0] != pair[1])


@pytest.mark.parametrize(("kind", "make", "plant"), PLANTS, ids=[f"{kind}-{make}" for kind, make, _ in PLANTS])
def test_a_planted_defect_is_found_with_exactly_its_rows(tmp_path: Path, kind: str, make: str, plant: Plant) -> None:
    rows = make_clean(make, NUM_ROWS)
    plant(rows)
    report = inspect_rows(tmp_path, rows, max_length=4096, vocab_size=32_000)
    defect = find_defect(report, kind)
    assert defect.rows == _changed(make_clean(make, NUM_ROWS), rows)
    assert defect.num_rows == len(defect.rows)
    num_all = report.num_rows + report.num_bad if kind == "unreadable_row" else report.num_rows
    assert defect.share == pytest.approx(defect.num_rows / num_all)
    assert f"In {defect.num_rows} of {num_all} rows" in defect.summary
