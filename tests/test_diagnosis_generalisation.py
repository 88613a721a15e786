"""The validation loss against the training loss: overfitting, what only looks like it, and no evaluation at all."""

import pytest
from run_factory import (
    STYLES,
    Row,
    Style,
    add_evals,
    add_noise,
    descend,
    find,
    found_ids,
    judge,
    line_number,
    make_rows,
    render,
    render_state,
    serious_ids,
)

from tools.diagnosis.finding import Settled

every_style = pytest.mark.parametrize("style", STYLES)
CLEAR = [1.9, 1.5, 1.3, 1.2, 1.35, 1.5, 1.65, 1.8]


def overfitted(evals: list[float], seed: int = 1, train_end: float = 0.4, **metrics: list[float]) -> list[Row]:
    """A training loss that falls throughout, over eight epochs, with evaluations between."""
    losses = add_noise(descend(80, 2.4, train_end, 3.0), 0.02, seed)
    return add_evals(make_rows(losses, per_epoch=100), evals, **metrics)


def eval_line(data: bytes, index: int) -> int:
    return line_number(data, '"eval_loss":' if data.startswith(b"{") else "'eval_loss'", index + 1)


@every_style
@pytest.mark.parametrize("seed", range(3))
def test_a_validation_loss_that_climbs_while_the_training_loss_falls_is_overfitting(seed: int, style: Style) -> None:
    finding = find(judge(render(overfitted(CLEAR, seed), style)), "overfitting")
    assert (finding.severity, finding.confidence) == ("warning", "certain")


@every_style
def test_the_values_of_overfitting_tell_the_minimum_and_the_rise(style: Style) -> None:
    values = find(judge(render(overfitted(CLEAR), style)), "overfitting").values
    assert {name: value for name, value in values.items() if name != "rise_share"} == {
        "min_eval_loss": 1.2,
        "min_eval_step": 400,
        "min_eval_epoch": 4.0,
        "last_eval_loss": 1.8,
        "last_eval_epoch": 8.0,
    }
    assert values["rise_share"] == pytest.approx(0.375)  # the median of the last three, 1.65, over 1.2


@every_style
def test_the_evidence_of_overfitting_is_the_minimum_and_the_end_of_both_curves(style: Style) -> None:
    data = render(overfitted(CLEAR), style)
    key = '"loss":' if style == "state" else "'loss'"
    wanted = [line_number(data, key, 40), eval_line(data, 3), line_number(data, key, 80), eval_line(data, 7)]
    assert [line.number for line in find(judge(data), "overfitting").evidence] == wanted


def test_the_move_against_overfitting_is_to_stop_at_the_minimum() -> None:
    finding = find(judge(render(overfitted(CLEAR))), "overfitting")
    assert finding.settles == {"epochs": Settled("lower", "from 8 to 4, where the validation loss was lowest")}


def test_overfitting_is_told_with_where_it_turned_and_how_far_it_went() -> None:
    summary = find(judge(render(overfitted(CLEAR))), "overfitting").summary
    for part in ("1.2", "step 400 (epoch 4)", "1.8", "step 800 (epoch 8)", "+50%", "training loss"):
        assert part in summary


def test_three_evaluations_are_enough_where_the_rise_is_large() -> None:
    assert find(judge(render(overfitted([1.2, 1.1, 1.6]))), "overfitting").severity == "warning"


@pytest.mark.parametrize("num_evals", range(3, 13))
@pytest.mark.parametrize("sharpness", [1, 2])
def test_a_clear_turn_is_overfitting_however_many_evaluations_show_it(num_evals: int, sharpness: int) -> None:
    """A V and a parabola, both lowest at two fifths of the run and over 35 % higher at its end."""
    places = [index / (num_evals - 1) for index in range(num_evals)]
    evals = [1.3 + 0.8 * (abs(place - 0.4) / 0.6) ** sharpness for place in places]
    assert "overfitting" in serious_ids(judge(render(overfitted(evals, train_end=0.8))))


@every_style
@pytest.mark.parametrize(
    "evals", [[1.9, 1.5, 1.3, 1.2, 1.21, 1.22, 1.224], [1.2, 1.22, 1.224], [1.0, 1.02, 1.01, 1.02]]
)
def test_a_rise_of_two_percent_is_no_overfitting(evals: list[float], style: Style) -> None:
    assert serious_ids(judge(render(overfitted(evals), style))) == []


@every_style
@pytest.mark.parametrize("evals", [[1.9, 1.5, 1.3, 1.2], [1.9, 1.5, 1.8, 1.2], [2.0, 1.9, 1.85]])
def test_a_minimum_at_the_last_evaluation_is_no_overfitting(evals: list[float], style: Style) -> None:
    assert serious_ids(judge(render(overfitted(evals), style))) == []


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("num_evals", [10, 20, 40])
def test_an_evaluation_that_moves_within_its_noise_is_no_overfitting(num_evals: int, seed: int) -> None:
    evals = add_noise(descend(num_evals, 1.6, 1.3, 6.0), 0.05, seed)
    assert serious_ids(judge(render(overfitted(evals)))) == []


@pytest.mark.parametrize("evals", [[1.10, 1.02, 1.09, 1.03, 1.10], [1.02, 1.10, 1.03, 1.09, 1.02, 1.09]])
def test_a_few_evaluations_that_go_up_and_down_are_no_overfitting(evals: list[float]) -> None:
    assert serious_ids(judge(render(overfitted(evals)))) == []


@every_style
@pytest.mark.parametrize("seed", range(3))
def test_both_losses_rising_is_divergence_and_not_overfitting(seed: int, style: Style) -> None:
    losses = add_noise([*descend(40, 2.4, 1.2), *[1.2 + 0.05 * index for index in range(40)]], 0.03, seed)
    rows = add_evals(make_rows(losses, per_epoch=100), [1.9, 1.5, 1.3, 1.25, 1.8, 2.3, 2.8, 3.3])
    diagnosis = judge(render(rows, style))
    assert "overfitting" not in found_ids(diagnosis)
    assert find(diagnosis, "loss_divergence").consequences == ()


@every_style
def test_a_metric_that_still_improves_makes_overfitting_a_note(style: Style) -> None:
    evals = [1.9, 1.5, 1.3, 1.2, 1.25, 1.3, 1.32, 1.35]
    accuracy = [0.5, 0.6, 0.65, 0.7, 0.74, 0.78, 0.8, 0.82]
    finding = find(judge(render(overfitted(evals, eval_accuracy=accuracy), style)), "overfitting")
    assert (finding.severity, finding.confidence) == ("note", "possible")
    assert "eval_accuracy still improves" in finding.summary


def test_a_metric_that_gets_worse_as_well_leaves_overfitting_a_warning() -> None:
    evals = [1.9, 1.5, 1.3, 1.2, 1.25, 1.3, 1.32, 1.35]
    accuracy = [0.5, 0.6, 0.65, 0.7, 0.69, 0.68, 0.67, 0.66]
    assert find(judge(render(overfitted(evals, eval_accuracy=accuracy))), "overfitting").severity == "warning"


def test_a_large_rise_outweighs_a_metric_that_still_improves() -> None:
    accuracy = [0.5, 0.6, 0.65, 0.7, 0.74, 0.78, 0.8, 0.82]
    assert find(judge(render(overfitted(CLEAR, eval_accuracy=accuracy))), "overfitting").severity == "warning"


@pytest.mark.parametrize("evals", [[], [1.2], [1.2, 1.8]])
def test_fewer_than_three_evaluations_cannot_tell_overfitting(evals: list[float]) -> None:
    skipped = judge(render(overfitted(evals))).skipped["overfitting"]
    assert skipped.reason.startswith(f"{len(evals) or 'no'} evaluation")
    assert "3 are needed" in skipped.reason
    assert "eval_strategy" in skipped.attach


@every_style
def test_a_run_without_evaluations_gets_a_note_alone(style: Style) -> None:
    data = render(make_rows(add_noise(descend(40), 0.03, 1)), style)
    (finding,) = judge(data).findings
    key = '"loss":' if style == "state" else "'loss'"
    assert (finding.id, finding.severity, finding.values) == ("no_evaluation", "note", {"num_rows": 40})
    assert [line.number for line in finding.evidence] == [line_number(data, key, 1), line_number(data, key, 40)]


@pytest.mark.parametrize("num_evals", [1, 2, 3])
def test_a_single_evaluation_is_an_evaluation(num_evals: int) -> None:
    assert "no_evaluation" not in found_ids(judge(render(overfitted([1.9, 1.5, 1.3][:num_evals]))))


def test_an_evaluation_by_a_metric_alone_is_an_evaluation() -> None:
    rows = make_rows(add_noise(descend(40), 0.03, 1))
    rows.insert(20, {"eval_accuracy": 0.7, "epoch": 1.0, "step": 200.0})
    assert found_ids(judge(render(rows))) == []


def test_an_excerpt_cannot_tell_that_no_evaluation_was_made() -> None:
    diagnosis = judge(render_state(make_rows(add_noise(descend(60), 0.03, 1))[30:]))
    assert "no_evaluation" in diagnosis.skipped
    assert diagnosis.skipped["no_evaluation"].attach == "the whole log"


def test_a_few_rows_cannot_tell_that_no_evaluation_was_made() -> None:
    assert "no_evaluation" in judge(render(make_rows(descend(4)))).skipped
