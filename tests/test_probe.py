"""The probe, by models that follow a script: what it must pass, and what it must not."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from probe_factory import Script, ScriptedModel, reply_perfectly

from assistant import probe
from assistant.probe import run_probe
from assistant.probe_case import CHANCE, GROUPS, LETTERS, Case, load_cases
from assistant.probe_grades import Reply
from assistant.probe_prompts import list_tools
from assistant.probe_score import NARRATE_BARS, TOOLS_BARS, ProbeScore

_SWAPS = {"Raise": "Lower", "Lower": "Raise"}


def measure(script: Script, **options: Any) -> ProbeScore:
    score, graded = run_probe(ScriptedModel(script=script, **options), "scripted", lambda *_: None)
    assert [each.case for each in graded] == list(load_cases())
    return score


def reply_with_the_first(case: Case) -> Reply:
    if case.group == "choice":
        return Reply("A")
    if case.group == "tools":
        return Reply("", [("estimate_vram", {"model": "m", "gpu": "g", "method": "full"})])
    if case.group == "direction":
        return Reply(f"Raise {case.rest['knob'][0]}.")
    return Reply(case.facts[0])


def invert(case: Case) -> Reply:
    reply = reply_perfectly(case)
    word, _, rest = reply.text.partition(" ")
    return Reply(f"{_SWAPS[word]} {rest}") if case.group == "direction" else reply


def test_a_perfect_model_may_do_everything() -> None:
    score = measure(reply_perfectly)
    assert all(tally.passed == tally.total for tally in score.groups.values())
    assert (score.num_inverted, score.may_narrate, score.may_call_tools) == (0, True, True)


def test_a_model_that_takes_the_first_is_at_chance_and_may_do_nothing() -> None:
    score = measure(reply_with_the_first)
    assert score.groups["choice"].share == CHANCE["choice"] == 0.25
    assert score.groups["direction"].share == CHANCE["direction"] == 0.5
    assert score.groups["tools"].passed == 0
    assert not score.may_narrate
    assert not score.may_call_tools


def test_a_model_that_inverts_advice_may_not_narrate() -> None:
    score = measure(invert)
    assert score.num_inverted == score.groups["direction"].total
    assert score.narrate_faults()[-1] == "inverted advice 26 times, none is allowed"
    assert not score.may_narrate
    assert score.may_call_tools


def test_one_inverted_piece_of_advice_is_too_many() -> None:
    (first, *_) = [case for case in load_cases() if case.group == "direction"]
    score = measure(lambda case: invert(case) if case == first else reply_perfectly(case))
    assert score.groups["direction"].share > NARRATE_BARS["direction"]
    assert score.narrate_faults() == ["inverted advice 1 times, none is allowed"]


@pytest.mark.parametrize("letter", LETTERS)
def test_no_place_is_the_right_one_more_often_than_another(letter: str) -> None:
    def choose(case: Case) -> Reply:
        return Reply(letter) if case.group == "choice" else reply_perfectly(case)

    score = measure(choose)
    assert score.groups["choice"].share == CHANCE["choice"]
    assert not score.may_narrate


@pytest.mark.parametrize(
    "text", ["The facts do not say.", "Out of scope.", "3 three memory faq adamw 16 grpo 60 token 500 bf16"]
)
def test_always_or_never_abstaining_is_at_chance(text: str) -> None:
    score = measure(lambda case: Reply(text) if case.group == "abstaining" else reply_perfectly(case))
    assert score.groups["abstaining"].share == CHANCE["abstaining"]
    assert not score.may_narrate


def test_a_model_that_names_every_number_has_none_right() -> None:
    score = measure(lambda case: Reply(" ".join(case.facts)) if case.group == "numbers" else reply_perfectly(case))
    assert score.groups["numbers"].passed == 0


@pytest.mark.parametrize("group", [*NARRATE_BARS, *TOOLS_BARS])
def test_silence_fails_each_group(group: str) -> None:
    score = measure(lambda case: Reply("") if case.group == group else reply_perfectly(case))
    assert score.groups[group].passed == 0
    assert score.may_narrate == (group == "tools")
    assert score.may_call_tools == (group != "tools")


def test_a_model_that_cannot_call_tools_may_not() -> None:
    score = measure(reply_perfectly, can_call=False)
    assert score.groups["tools"].passed == 0
    assert score.may_narrate
    assert not score.may_call_tools


def test_progress_goes_up_to_the_end() -> None:
    seen: list[tuple[float, str]] = []
    run_probe(ScriptedModel(script=reply_perfectly), "scripted", lambda share, text: seen.append((share, text)))
    assert [share for share, _ in seen] == sorted(share for share, _ in seen)
    assert list(dict.fromkeys(text for _, text in seen)) == [*GROUPS, "done"]
    assert seen[-1][0] == 1.0


def _answers(group: str) -> Iterator[Any]:
    key = {"choice": "letter", "direction": "direction", "abstaining": "answer"}[group]
    return (case.rest[key] for case in load_cases() if case.group == group)


def test_the_cases_are_balanced() -> None:
    assert Counter(_answers("choice")) == dict.fromkeys(LETTERS, 6)
    assert Counter(_answers("direction")) == {"up": 13, "down": 13}
    assert Counter(answer is None for answer in _answers("abstaining")) == {True: 10, False: 10}
    tools = Counter(case.rest["call"]["name"] for case in load_cases() if case.group == "tools")
    assert tools == {tool["function"]["name"]: 4 for tool in list_tools()}


def test_each_knob_goes_both_ways() -> None:
    ways: dict[str, set[str]] = {}
    for case in load_cases():
        if case.group == "direction":
            ways.setdefault(case.rest["knob"][0], set()).add(case.rest["direction"])
    assert set(map(frozenset, ways.values())) == {frozenset({"up", "down"})}


def test_the_cases_are_sound() -> None:
    cases = load_cases()
    assert len({case.id for case in cases}) == len(cases) >= 100
    assert Counter(case.group for case in cases).keys() == set(GROUPS)
    for case in cases:
        facts = " ".join(case.facts).replace(",", "")
        if case.group == "numbers":
            assert case.rest["number"] in facts
        if case.group == "choice":
            assert len(set(case.rest["options"])) == len(LETTERS)
        if case.group == "abstaining" and case.rest["answer"]:
            assert any(each in facts.lower() for each in case.rest["answer"])


def test_the_embedded_model_is_asked_under_a_grammar_and_with_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from assistant.llm import LlamaChat
    from assistant.models import find_model

    some = tuple(next(case for case in load_cases() if case.group == group) for group in GROUPS)
    monkeypatch.setattr(probe, "load_cases", lambda: some)
    model = LlamaChat(model_path=find_model(None, tmp_path).path)
    score, graded = run_probe(model, "embedded", lambda *_: None)
    assert {group: tally.total for group, tally in score.groups.items()} == dict.fromkeys(GROUPS, 1)
    assert graded[0].reply.text in LETTERS
    assert all(each.reply.text or each.reply.calls for each in graded)
    assert "\n\n" not in graded[2].reply.text


_PHRASES = {
    "up": (
        "Increase {0}.",
        "{0} should be raised from {1}.",
        "I recommend a higher value of {0}, which the card says.",
    ),
    "down": (
        "Reduce {0}.",
        "{0} should be lowered from {1}.",
        "I recommend a lower value of {0}, which the card says.",
    ),
}
_TAILS = (
    "",
    " The facts show why [E1].",
    " Otherwise the trouble gets bigger and takes longer, because it is set wrong.",
)


@pytest.mark.parametrize("tail", _TAILS)
@pytest.mark.parametrize("number", range(3))
def test_advice_in_other_words_is_right_for_every_knob(number: int, tail: str) -> None:
    def advise(case: Case) -> Reply:
        if case.group != "direction":
            return reply_perfectly(case)
        phrase = _PHRASES[case.rest["direction"]][number]
        return Reply(phrase.format(case.rest["knob"][0], case.rest["current"]).capitalize() + tail)

    score = measure(advise)
    assert score.num_inverted == 0
    assert score.may_narrate
