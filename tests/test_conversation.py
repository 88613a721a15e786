"""A conversation survives as JSON, bounded, and whatever somebody else wrote never breaks the next one."""

import json
import math
from dataclasses import replace

import pytest
from run_factory import add_evals, descend, make_rows, parse, render

from assistant.conversation import (
    MAX_BYTES,
    UNREADABLE,
    Conversation,
    Exchange,
    Scene,
    conversation_from_json,
    conversation_to_json,
    remember,
    shrink,
)
from tools.diagnosis import diagnose
from tools.run import Line, Point, Series, Setting


def told(name: str, value: float | str | bool) -> Setting:
    return Setting(name, value, Line(0, f"{name} in words", "you"))


def talk(num_rows: int = 300) -> Conversation:
    run = parse(render(add_evals(make_rows(descend(num_rows)), [2.0, 1.5, 1.6])))
    settings = {one.name: one for one in (told("lora_r", 16.0), told("bf16", True), told("optim", "adamw"))}
    scene = Scene("gpt2", "T4", settings)
    return remember(Conversation(), scene, [(run, diagnose(run))], ("overfitting",), Exchange("why?", "because"))


def test_it_comes_back_as_it_was() -> None:
    before = shrink(talk(), 200)
    after = conversation_from_json(conversation_to_json(before))
    assert after == before
    assert type(after.settings["bf16"].value) is bool


def test_values_that_are_no_numbers_come_back() -> None:
    before = talk()
    (run, found) = before.judged[0]
    points = tuple(Point(value, 1, 1.0, Line(1, "x")) for value in (math.nan, math.inf, 2.0))
    odd = replace(run, series={"loss": Series("loss", points, 3)})
    after = conversation_from_json(conversation_to_json(replace(before, judged=((odd, found),))))
    values = [point.value for point in after.judged[0][0].points("loss")]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, 2.0]


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_extremes() -> None:
    run, found = talk().judged[0]
    points = tuple(Point(9.0 if index == 777 else 2.0, index, None, Line(index, "x")) for index in range(2000))
    long = replace(run, series={"loss": Series("loss", points, 2000)})
    thinned = shrink(replace(talk(), judged=((long, found),)), 200).judged[0][0].points("loss")
    assert len(thinned) <= 203
    assert {0, 777, 1999} <= {point.step for point in thinned}


def test_it_never_grows_beyond_its_bound() -> None:
    run, found = talk().judged[0]
    line = Line(1, "x" * 2000)
    points = tuple(Point(float(index), index, None, line) for index in range(2000))
    huge = replace(run, series={f"metric_{index}": Series("m", points, 2000) for index in range(60)})
    large = replace(talk(), judged=((huge, found),) * 9, exchanges=(Exchange("q" * 9000, "a" * 90000),) * 99)
    text = conversation_to_json(large)
    assert len(text.encode()) <= MAX_BYTES
    assert conversation_from_json(text).exchanges


def test_half_a_surrogate_pair_is_no_reason_to_lose_it() -> None:
    text = conversation_to_json(replace(talk(), exchanges=(Exchange("why \ud800?", "so"),)))
    assert conversation_from_json(text).exchanges[0].question == "why ??"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"version": 2}', '{"version": 1, "conversation": {"judged": [1]}}', "[" * 100_000, "\x00"],
)
def test_what_is_no_conversation_gives_an_empty_one_with_a_note(text: str) -> None:
    assert conversation_from_json(text) == Conversation(notes=(UNREADABLE,))


def test_that_of_another_version_is_not_guessed_at() -> None:
    kept = json.loads(conversation_to_json(talk()))
    assert conversation_from_json(json.dumps({**kept, "version": 99})).notes == (UNREADABLE,)


def test_a_turn_without_logs_or_cards_keeps_those_before() -> None:
    before = talk()
    after = remember(before, Scene("gpt2", "T4", before.settings), (), (), Exchange("more?", ""))
    assert (after.judged, after.cards, len(after.exchanges)) == (before.judged, before.cards, 2)
    assert after.earlier == ()


def test_what_was_before_a_change_is_kept_for_the_way_back() -> None:
    before = talk()
    after = remember(before, Scene("gpt2", "T4", {"lora_r": told("lora_r", 64.0)}), (), (), Exchange("rank 64?", ""))
    assert after.earlier[-1].settings["lora_r"].value == 16.0
