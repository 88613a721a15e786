"""Replies of many phrasings, and how the probe's rules grade them."""

import pytest

from assistant.probe_case import Case
from assistant.probe_directions import read_directions
from assistant.probe_grades import Reply, grade


def case(group: str, **rest: object) -> Case:
    return Case(f"{group}-00", group, ("The fact.",), "The question?", rest)


@pytest.mark.parametrize(
    "reply",
    [
        "Lower the learning rate.",
        "Reduce the learning rate from 0.001 to 0.0002.",
        "Use a smaller learning rate.",
        "The learning rate should be lowered.",
        "learning rate: lower, by a fifth",
        "Decrease it to a tenth, because a higher learning rate makes the loss jump.",
        "Lower it.",
        "Lower",
        "Instead of raising the learning rate, lower it.",
        "Do not raise the learning rate.",
        "Set the learning rate to 1e-4.",
        "Try 0.0001 as the learning rate.",
        "Reduce the learning rate to get more out of the data.",
        "You should lower the learning rate since more would only raise the loss.",
        "The answer is no. Lower the learning rate.",
        "The learning rate is too high; it should be significantly reduced.",
        "Use a lower one: lower the learning rate and raise the warm-up for the learning rate to settle.",
        "Go lower.",
        "You should go lower.",
        "Make it smaller.",
        "Reduce the learning rate by a factor of 5, to keep the loss from going up.",
    ],
)
def test_advice_downward_is_read_as_such(reply: str) -> None:
    assert read_directions(reply, ["learning rate", "lr"], 0.001) == {"down"}


@pytest.mark.parametrize(
    "reply",
    [
        "Raise the learning rate.",
        "Increase the lr tenfold or more, to reduce the number of steps.",
        "The learning rate needs to be higher.",
        "A larger learning rate is needed.",
        "Set the learning rate to 0.01.",
        "Rather than lowering the learning rate, raise it.",
        "The learning rate should go up.",
    ],
)
def test_advice_upward_is_read_as_such(reply: str) -> None:
    assert read_directions(reply, ["learning rate", "lr"], 0.001) == {"up"}


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "The loss is higher now.",
        "Change the learning rate.",
        "The learning rate is 0.001.",
        "More data would help.",
    ],
)
def test_what_moves_no_knob_has_no_direction(reply: str) -> None:
    assert read_directions(reply, ["learning rate", "lr"], 0.001) == set()


def test_the_move_of_another_knob_is_not_this_knobs() -> None:
    reply = "Lower the micro-batch to 4 and raise gradient accumulation to keep the effective batch."
    assert read_directions(reply, ["micro-batch", "batch"], 16) == {"down"}


def test_the_word_warm_up_is_no_direction() -> None:
    assert read_directions("Lower the warm-up.", ["warm-up"]) == {"down"}


def test_both_directions_are_a_contradiction() -> None:
    both = "Lower the rank. Then raise the rank."
    assert read_directions(both, ["rank"]) == {"up", "down"}
    assert grade(case("direction", knob=["rank"], direction="down", current=8), Reply(both)) == "inverted"


@pytest.mark.parametrize(
    ("reply", "expected"), [("Lower the rank.", "right"), ("Raise the rank.", "inverted"), ("Look at it.", "wrong")]
)
def test_advice_is_right_inverted_or_missing(reply: str, expected: str) -> None:
    assert grade(case("direction", knob=["rank"], direction="down", current=None), Reply(reply)) == expected


@pytest.mark.parametrize(
    ("reply", "is_right"),
    [
        ("The peak was 21.4 GiB.", True),
        ("21.4GiB [E2]", True),
        ("<think>24 or 21.4?</think>The peak was 21.4 GiB.", True),
        ("<think>It is 21.4 GiB", False),
        ("The peak was 21.4 GB.", False),
        ("The peak was 21.4.", False),
        ("The peak was 21.4 GiB of 24 GiB.", False),
        ("The peak was about 21 GiB.", False),
        ("", False),
    ],
)
def test_a_number_is_right_with_its_unit_and_alone(reply: str, is_right: bool) -> None:
    graded = grade(case("numbers", number="21.4", unit="GiB"), Reply(reply))
    assert graded == ("right" if is_right else "wrong")


@pytest.mark.parametrize(
    ("number", "unit", "reply"),
    [
        ("0.0003", "", "The learning rate is 3e-4."),
        ("41943040", "", "41,943,040 parameters are trained."),
        ("4", "%", "4 percent of the rows."),
        ("-0.31", "", "The margin is -0.31."),
        ("430", "tokens/s", "It is 430 tokens per second."),
        ("3.7", "s", "A step takes 3.7 seconds."),
    ],
)
def test_a_number_may_be_spelled_in_another_way(number: str, unit: str, reply: str) -> None:
    assert grade(case("numbers", number=number, unit=unit), Reply(reply)) == "right"


@pytest.mark.parametrize(
    ("reply", "is_right"),
    [
        ("B", True),
        ("B. A large micro-batch", True),
        ("**B**", True),
        ("The answer is B.", True),
        ("(B) since nothing else fits", True),
        ("A", False),
        ("A or B", False),
        ("Both", False),
        ("", False),
    ],
)
def test_a_choice_is_one_letter(reply: str, is_right: bool) -> None:
    assert (grade(case("choice", letter="B", options=["w", "x", "y", "z"]), Reply(reply)) == "right") == is_right


@pytest.mark.parametrize(
    ("calls", "is_right"),
    [
        ([("count", {"model": "Qwen-7B", "rank": 16})], True),
        ([("count", {"model": "Qwen-7B", "rank": 8})], False),
        ([("count", {"model": "Llama", "rank": 16})], False),
        ([("count", {"rank": 16})], False),
        ([("search", {"model": "Qwen-7B", "rank": 16})], False),
        ([("count", {"model": "Qwen-7B", "rank": 16})] * 2, False),
        ([], False),
    ],
)
def test_a_call_needs_its_tool_and_its_arguments(calls: list[tuple[str, dict[str, object]]], is_right: bool) -> None:
    wanted = case("tools", call={"name": "count", "arguments": {"model": ["qwen"], "rank": [16]}})
    assert (grade(wanted, Reply("", calls)) == "right") == is_right


@pytest.mark.parametrize(
    ("answer", "reply", "is_right"),
    [
        (None, "The facts do not say.", True),
        (None, "That is not stated.", True),
        (None, "I cannot tell from these facts.", True),
        (None, "Out of scope.", True),
        (None, "It uses 3 GPUs.", False),
        (None, "", False),
        (["adamw"], "It is AdamW.", True),
        (["adamw"], "The facts do not say.", False),
        (["adamw"], "It is AdamW, but the facts do not say so.", False),
        (["adamw"], "It is SGD.", False),
    ],
)
def test_abstaining_is_right_where_nothing_is_told(answer: list[str] | None, reply: str, is_right: bool) -> None:
    assert (grade(case("abstaining", answer=answer), Reply(reply)) == "right") == is_right
