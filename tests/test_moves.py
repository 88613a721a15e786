import pytest

from assistant.moves import plan_moves
from knowledge.card import card_by_id, load_cards, load_knobs
from tools.diagnosis.finding import Finding, Settled, Severity
from tools.run import Line, Run, Setting


def finding(name: str, severity: Severity = "error", settles: dict[str, Settled] | None = None) -> Finding:
    return Finding(name, severity, "certain", "summary", {}, (Line(1, "line"),), settles or {})


def run_with(**settings: float | str | bool) -> Run:
    read = {name: Setting(name, value, Line(1, name)) for name, value in settings.items()}
    return Run("log", "hf_console", {}, {}, read, (), (), 1, 1, 1, ())


def plan(findings: list[Finding], *, asked: tuple[str, ...] = (), run: Run | None = None) -> list[tuple[str, str, str]]:
    cards = {name: card_by_id(name) for name in [*(one.id for one in findings), *asked]}
    moves = plan_moves(findings, asked, cards, load_knobs(), [run] if run else [])
    return [(move.card, move.knob, move.direction) for move in moves]


def test_moves_keep_the_order_of_the_card() -> None:
    planned = plan([finding("out_of_memory_gpu")])
    assert [knob for _, knob, _ in planned[:4]] == [
        "gradient_checkpointing",
        "micro_batch",
        "quantization",
        "sequence_length",
    ]


def test_what_the_run_measured_comes_first_with_its_own_amount() -> None:
    settles = {"learning_rate": Settled("raise", "from 1e-08 to 1e-4")}
    found = [finding("loss_not_decreasing"), finding("learning_rate_too_low", settles=settles)]
    cards = {one.id: card_by_id(one.id) for one in found}
    first = plan_moves(found, [], cards, load_knobs(), [])[0]
    assert (first.knob, first.direction) == ("learning_rate", "raise")
    assert first.text == "raise the learning rate from 1e-08 to 1e-4"


def test_a_measured_direction_overrules_a_card_that_says_otherwise() -> None:
    settles = {"learning_rate": Settled("lower", "from 0.1 to 1e-4")}
    planned = plan([finding("loss_not_decreasing"), finding("learning_rate_too_high", settles=settles)])
    assert {direction for _, knob, direction in planned if knob == "learning_rate"} == {"lower"}


def test_a_knob_is_named_once() -> None:
    planned = plan([finding("loss_divergence"), finding("learning_rate_too_high")])
    knobs = [knob for _, knob, _ in planned]
    assert len(knobs) == len(set(knobs))


@pytest.mark.parametrize(
    ("settings", "card", "gone"),
    [
        ({"gradient_checkpointing": True}, "out_of_memory_gpu", "gradient_checkpointing"),
        ({"per_device_train_batch_size": 1.0}, "out_of_memory_gpu", "micro_batch"),
        ({"load_in_4bit": True}, "out_of_memory_gpu", "quantization"),
        ({"bf16": True}, "loss_nan", "precision"),
        ({"max_grad_norm": 1.0}, "loss_divergence", "max_grad_norm"),
    ],
)
def test_what_is_so_already_is_not_advised(settings: dict[str, float | bool], card: str, gone: str) -> None:
    assert gone in [knob for _, knob, _ in plan([finding(card)])]
    assert gone not in [knob for _, knob, _ in plan([finding(card)], run=run_with(**settings))]


def test_a_note_gives_one_move_only() -> None:
    assert len(plan([finding("no_evaluation", "note")])) == 1


def test_a_question_brings_the_moves_of_its_card() -> None:
    assert plan([], asked=("gibberish_output",))[0] == ("gibberish_output", "learning_rate", "lower")


def test_every_move_of_every_card_reads_as_one_line() -> None:
    for card in load_cards().values():
        for move in plan_moves([], [card.id], {card.id: card}, load_knobs(), []):
            assert "\n" not in move.text
            assert move.text.split()[0] == move.direction
