"""Follow-ups, questions back, and what is said where a log does not show what the question claims."""

import pytest
from run_factory import add_evals, add_noise, descend, make_rows, parse, render

from assistant.compose import Draft, ask_for, closing_sections, log_denies, opening_sections
from assistant.conversation import Conversation, Exchange, Scene, remember
from assistant.draft import Section
from assistant.follow_ups import compose_follow_up
from assistant.moves import plan_moves
from assistant.planner import Given, plan, read_question
from assistant.questions_back import ATTACH_LOG, MAX_QUESTIONS
from knowledge.card import card_by_id, load_knobs
from tools.diagnosis import diagnose
from tools.run import Run

OVERFITTING = card_by_id("overfitting")


def overfit() -> Run:
    losses = add_noise([3.0 * 0.97**index + 0.1 for index in range(100)], 0.01, seed=2)
    return parse(render(add_evals(make_rows(losses), [1.6, 1.3, 1.5, 1.8, 2.1])))


def healthy() -> Run:
    return parse(render(add_evals(make_rows(add_noise(descend(100), 0.02, seed=1)), [1.6, 1.4, 1.3, 1.2, 1.15])))


def follow(question: str, run: Run) -> Draft:
    """The draft of a follow-up in a conversation about a log."""
    found = diagnose(run)
    cards = {finding.id: card_by_id(finding.id) for finding in found.findings}
    before = remember(Conversation(), Scene(), [(run, found)], tuple(cards), Exchange("what is wrong?", "..."))
    asked = read_question(question)
    moves = plan_moves(found.findings, (), cards, load_knobs(), [run])
    return Draft(before.judged, moves, (), cards, plan=plan(Given(), asked, before, before.judged), words=asked)


def first(question: str, run: Run | None = None, card: str = "overfitting") -> Draft:
    """The draft of a first question whose words name a card."""
    judged = [(run, diagnose(run))] if run else []
    cards = {one.id: card_by_id(one.id) for _, found in judged for one in found.findings}
    asked = read_question(question)
    planned = plan(Given(has_logs=run is not None), asked, Conversation(), judged)
    moves = plan_moves([], [card], {card: card_by_id(card)}, load_knobs(), [run] if run else [])
    return Draft(judged, moves, [card_by_id(card)], {**cards, card: card_by_id(card)}, plan=planned, words=asked)


def text(sections: list[Section]) -> str:
    return "\n".join(
        line
        for one in sections
        for line in (one.heading, *(part for head, under in one.entries for part in (head, *under)))
    )


def test_why_gives_the_mechanism_and_the_suspects_in_order() -> None:
    told = text(compose_follow_up(follow("why is that?", overfit())))
    places = [told.index(suspect.check) for suspect in OVERFITTING.suspects]
    assert places == sorted(places)
    assert "memorises" in told


def test_how_gives_every_move_with_its_cost() -> None:
    draft = follow("how do I fix it?", overfit())
    told = text(compose_follow_up(draft))
    assert draft.moves
    assert all(move.text in told and move.cost in told for move in draft.moves)


def test_sure_tells_confidence_lines_and_what_was_not_checked() -> None:
    draft = follow("are you sure?", overfit())
    told = text(compose_follow_up(draft))
    worst = draft.faults[0]
    assert worst.confidence in told
    assert all(f"L{line.number}  " in told for line in worst.evidence)
    assert "NOT CHECKED" in told
    assert "lora_misconfiguration" in told


def test_lines_are_quoted_as_they_stand() -> None:
    draft = follow("show me the lines", overfit())
    told = text(compose_follow_up(draft))
    assert all(line.text.strip() in told for line in draft.faults[0].evidence)


def test_the_checkpoint_is_that_of_the_lowest_validation_loss() -> None:
    assert "step 400, where the validation loss was lowest: 1.3" in text(
        compose_follow_up(follow("which checkpoint should I keep?", overfit()))
    )


def test_without_a_validation_loss_no_checkpoint_is_named() -> None:
    told = text(compose_follow_up(follow("which checkpoint should I keep?", parse(render(make_rows(descend(100)))))))
    assert "does not tell which checkpoint is best" in told


@pytest.mark.parametrize(
    ("question", "verdict"),
    [("what if I train 20 epochs?", "wrong way"), ("and with 2 epochs?", "the way to go"), ("and seed=3?", "")],
)
def test_a_change_is_held_against_the_moves(question: str, verdict: str) -> None:
    told = text(compose_follow_up(follow(question, overfit())))
    assert verdict in told
    assert verdict or ("wrong way" not in told and "way to go" not in told)


@pytest.mark.parametrize("question", ["why?", "how do I fix it?", "are you sure?", "show me the lines"])
def test_a_healthy_log_gets_no_culprit(question: str) -> None:
    draft = follow(question, healthy())
    assert not draft.faults
    assert "No fault was found" in text(compose_follow_up(draft))


def test_a_log_that_denies_the_question_says_so_with_its_numbers_and_no_moves() -> None:
    draft = first("why is my model overfitting?", healthy())
    told = text([*opening_sections(draft), *closing_sections(draft)])
    assert log_denies("overfitting", draft.judged)
    assert "does not show it" in told
    assert "validation loss 1.15 at its lowest" in told
    assert "WHAT TO DO" not in told
    assert ask_for(draft) == ()


def test_a_log_that_cannot_tell_says_why() -> None:
    draft = first("why is my model overfitting?", parse(render(make_rows(descend(100)))))
    assert not log_denies("overfitting", draft.judged)
    assert "This log cannot tell whether it is so" in text(closing_sections(draft))


def test_a_fault_is_never_denied() -> None:
    run = overfit()
    assert not log_denies("overfitting", [(run, diagnose(run))])


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("will it fit?", ("Name the model and the GPU, as in 'llama 3.1 8b on a 4090'.",)),
        ("does llama 2 fit on a 4090?", ("Which model is 'llama 2'? Give its hub id, or name and size",)),
        ("does gpt2 with batch 1 and 512 context fit?", ("Name the GPU or its memory",)),
        ("does gpt2 with batch 1 and 512 context fit on a T4?", ()),
        ("how many parameters does gpt2 have?", ()),
    ],
)
def test_a_question_of_memory_asks_for_what_it_lacks(question: str, asked: tuple[str, ...]) -> None:
    got = ask_for(first(question, card="out_of_memory_gpu"))
    assert len(got) == len(asked)
    assert all(one.startswith(start) for one, start in zip(got, asked, strict=True))


def test_without_a_log_it_and_the_first_moves_settings_are_asked_for() -> None:
    assert ask_for(first("my output is garbage", card="gibberish_output")) == (
        ATTACH_LOG,
        "Attach the config, or tell me the learning rate and alpha.",
    )


def test_what_was_given_is_not_asked_for() -> None:
    asked = " ".join(ask_for(first("my output is garbage with lr 2e-4 and alpha 16", card="gibberish_output")))
    assert "learning rate" not in asked
    assert "alpha" not in asked


@pytest.mark.parametrize("question", ["why?", "and with rank 64?", "are you sure?"])
def test_a_follow_up_asks_nothing_back(question: str) -> None:
    assert ask_for(follow(question, overfit())) == ()


def test_out_of_scope_asks_nothing() -> None:
    draft = first("how do I cook rice?")
    assert ask_for(Draft((), (), (), {}, is_covered=False, plan=draft.plan, words=draft.words)) == ()


@pytest.mark.parametrize("run", [overfit(), healthy(), parse(b"hello\n"), parse(render(make_rows(descend(5))))])
def test_never_more_than_two_questions(run: Run) -> None:
    for card in ("overfitting", "loss_not_decreasing", "out_of_memory_gpu"):
        assert len(ask_for(first("will my model fit?", run, card))) <= MAX_QUESTIONS
