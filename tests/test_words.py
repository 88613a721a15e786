from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from grounds_factory import make_grounds
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from assistant.prompts import Mode
from assistant.sentence_stream import take_sentences
from assistant.words import Writer


@dataclass(frozen=True, slots=True)
class Asked:
    question: str
    answer: str


def write(said: str, mode: Mode, history: Sequence[Asked] = ()) -> list[tuple[str, str | None]]:
    writer = Writer(GenericFakeChatModel(messages=iter([AIMessage(said)])), "scripted", mode)
    return list(writer.write("why?", make_grounds("overfit"), history))


def test_narrated_sentences_are_judged_one_by_one() -> None:
    said = "The validation loss climbs to 2.648 [E2]. Train for more epochs [E7]. Lower the epochs to 7 [E7]."
    faults = [fault for _, fault in write(said, "narrate")]
    assert faults[0] is None
    assert faults[1] is not None
    assert faults[2] is None


def test_composed_sentences_must_repeat_whole_clauses() -> None:
    said = "The validation loss has its minimum, 1.109, at step 40 [E1]. The validation loss hit bottom at 1.109 [E1]."
    assert [fault is None for _, fault in write(said, "compose")] == [True, False]


def test_a_sentence_that_breaks_off_is_struck() -> None:
    assert write("The validation loss climbs to 2.648 [E2]. Lower the", "narrate")[-1][1] == "was not finished"


def test_a_sentence_is_said_once() -> None:
    said = "Lower the epochs to 7 [E7]. Lower the epochs to 7 [E7]."
    assert write(said, "narrate")[1][1] == "repeats itself"


@pytest.mark.parametrize("mode", ["compose", "narrate"])
def test_the_mark_stays_through_a_conversation_and_differs_between_two(mode: Mode) -> None:
    writer = Writer(GenericFakeChatModel(messages=iter([])), "scripted", mode)
    grounds = make_grounds("overfit")
    first = writer.messages("why?", grounds)
    second = writer.messages("and now?", grounds, [Asked("why?", "Too many epochs.")])
    other = writer.messages("what is wrong?", grounds)
    assert second[: len(first)] == first
    assert first[-1][1].split("\n")[0] != other[-1][1].split("\n")[0]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It peaks at 1e-4. Lower it. ", ["It peaks at 1e-4.", "Lower it."]),
        ("Lower it, e.g. to 3. Then stop.", ["Lower it, e.g. to 3.", "Then stop."]),
        ("It climbs. [E2] So stop [E7].", ["It climbs. [E2]", "So stop [E7]."]),
        ("1. Lower it [E1].\n2. Raise it [E2].", ["Lower it [E1].", "Raise it [E2]."]),
        ("- **One** thing\n- two `a. B` things", ["One thing", "two `a. B` things"]),
        ("", []),
    ],
)
def test_prose_is_cut_into_sentences(text: str, sentences: list[str]) -> None:
    assert take_sentences(text, is_over=True)[0] == sentences


def test_the_pieces_in_which_prose_arrives_do_not_matter() -> None:
    text = "It peaks at 1e-4 [E1]. See e.g. step 3. [E2]\n\n- Lower it [E3].\n- Stop."
    pending, found = "", list[str]()
    for letter in text:
        sentences, pending = take_sentences(pending + letter)
        found += sentences
    assert found + take_sentences(pending, is_over=True)[0] == take_sentences(text, is_over=True)[0]


def test_prose_without_an_end_does_not_pile_up() -> None:
    assert len(take_sentences("word " * 2000)[1]) < 2000
