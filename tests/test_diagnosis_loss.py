"""The training loss: not a number, exactly zero, climbing away or flat; and curves that only look like it."""

import math

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

from tools.diagnosis.finding import CannotJudge, Finding

NAN, INF = math.nan, math.inf
every_style = pytest.mark.parametrize("style", STYLES)


def evidence_numbers(finding: Finding) -> list[int]:
    return [line.number for line in finding.evidence]


def loss_line(data: bytes, row: int) -> int:
    """The line of the nth training row, from 0, in any style."""
    text = '"loss":' if data.startswith(b"{") else "'loss'"
    return line_number(data, text, row + 1)


def with_nan(first: int, num_rows: int = 40) -> list[Row]:
    losses = [*add_noise(descend(first), 0.03, 1), *[NAN] * (num_rows - first)]
    return make_rows(losses, grad_norm=[0.8] * (first - 1) + [NAN] * (num_rows - first + 1))


@every_style
@pytest.mark.parametrize("first", [1, 12, 38])
def test_a_loss_that_turns_nan_and_stays_is_an_error(first: int, style: Style) -> None:
    finding = find(judge(render(with_nan(first), style)), "loss_nan")
    assert (finding.severity, finding.confidence) == ("error", "certain")


@every_style
def test_the_values_of_a_nan_loss_tell_where_it_began_and_what_stood_before(style: Style) -> None:
    rows = with_nan(12)
    values = find(judge(render(rows, style)), "loss_nan").values
    last = float(f"{rows[11]['loss']:.4g}") if style == "strings" else rows[11]["loss"]
    assert values["last_finite_loss"] == pytest.approx(last)
    assert {name: values[name] for name in ("first_step", "first_value", "num_non_finite")} == {
        "first_step": 130,
        "first_value": "nan",
        "num_non_finite": 28,
    }


@every_style
def test_the_evidence_of_a_nan_loss_is_the_row_before_the_first_and_the_last(style: Style) -> None:
    data = render(with_nan(12), style)
    assert evidence_numbers(find(judge(data), "loss_nan")) == [loss_line(data, row) for row in (11, 12, 39)]


def test_the_last_finite_loss_is_a_training_loss_though_evaluations_stand_before() -> None:
    rows = add_evals(with_nan(20), [1.9, 1.7, 1.6, NAN, NAN])
    losses = [row["loss"] for row in rows if "loss" in row]
    assert find(judge(render(rows)), "loss_nan").values["last_finite_loss"] == pytest.approx(losses[19])


def test_the_last_finite_loss_is_found_in_a_file_of_one_line() -> None:
    rows = with_nan(20)
    finding = find(judge(render_state(rows, indent=None)), "loss_nan")
    assert finding.values["last_finite_loss"] == rows[19]["loss"]


@every_style
@pytest.mark.parametrize("value", [INF, -INF])
def test_an_infinite_loss_is_told_by_its_sign(value: float, style: Style) -> None:
    rows = make_rows([*descend(20), *[value] * 5])
    assert find(judge(render(rows, style)), "loss_nan").values["first_value"] == str(value)


@every_style
def test_one_nan_among_many_is_only_a_warning(style: Style) -> None:
    losses = add_noise(descend(40), 0.03, 1)
    losses[20] = NAN
    assert find(judge(render(make_rows(losses), style)), "loss_nan").severity == "warning"


def test_one_nan_among_many_is_not_told_as_if_it_lasted() -> None:
    losses = add_noise(descend(40), 0.03, 1)
    losses[20] = NAN
    assert "on: 1 of" not in find(judge(render(make_rows(losses))), "loss_nan").summary


@pytest.mark.parametrize(
    ("gradient", "words"), [(NAN, "grad_norm is nan in the same row"), (0.0, "no label left to learn from")]
)
def test_the_gradient_beside_a_nan_loss_is_told(gradient: float, words: str) -> None:
    rows = make_rows([*descend(10), NAN, NAN], grad_norm=[0.8] * 10 + [gradient] * 2)
    assert words in find(judge(render(rows)), "loss_nan").summary


def test_a_nan_gradient_beside_a_finite_loss_is_no_finding() -> None:
    rows = make_rows(add_noise(descend(40), 0.03, 1), grad_norm=[NAN, NAN] + [0.8] * 38)
    assert serious_ids(judge(render(rows))) == []


def test_a_nan_validation_loss_is_found() -> None:
    rows = add_evals(make_rows(add_noise(descend(40), 0.03, 1)), [1.5, NAN, NAN])
    assert find(judge(render(rows)), "loss_nan").severity == "error"


@pytest.mark.parametrize(
    ("before", "gradient", "words"),
    [
        (20, NAN, "the loss overflowed"),
        (20, 0.0, "no label is left to learn from, or nothing trainable is reached"),
        (0, NAN, "from the first row on"),
        (0, 0.0, "from the first row on"),
        (20, 0.8, "No loss is that good"),
    ],
)
@every_style
def test_a_loss_that_drops_to_zero_and_stays_is_an_error_with_its_cause(
    before: int, gradient: float, words: str, style: Style
) -> None:
    rows = make_rows([*descend(before), *[0.0] * 10], grad_norm=[0.8] * before + [gradient] * 10)
    finding = find(judge(render(rows, style)), "loss_zero")
    assert (finding.severity, finding.confidence) == ("error", "certain")
    assert words in finding.summary


@every_style
def test_the_values_of_a_zero_loss_tell_where_it_began_and_what_stood_beside(style: Style) -> None:
    rows = make_rows([2.0] * 4 + [1.5] + [0.0] * 10, per_epoch=50, grad_norm=[0.8] * 5 + [NAN] * 10)
    assert find(judge(render(rows, style)), "loss_zero").values == {
        "first_step": 60,
        "num_zero": 10,
        "last_loss_before": 1.5,
        "grad_norm_beside": "nan",
    }


@every_style
def test_the_evidence_of_a_zero_loss_is_the_row_before_the_first_and_the_last(style: Style) -> None:
    data = render(make_rows([*descend(20), *[0.0] * 10]), style)
    assert evidence_numbers(find(judge(data), "loss_zero")) == [loss_line(data, row) for row in (19, 20, 29)]


def test_a_loss_that_was_rounded_to_zero_is_told_as_memorised() -> None:
    rows = make_rows([*descend(40, 2.0, 0.0004, 12.0), *[0.0] * 5])
    assert "memorised" in find(judge(render(rows)), "loss_zero").summary


@pytest.mark.parametrize("places", [(5, 17, 30), (20,), (37, 38), (39,), (38, 39)])
def test_scattered_zeros_are_no_finding(places: tuple[int, ...]) -> None:
    losses = add_noise(descend(40), 0.03, 1)
    for place in places:
        losses[place] = 0.0
    assert serious_ids(judge(render(make_rows(losses)))) == []


@every_style
@pytest.mark.parametrize("seed", range(3))
def test_a_loss_that_climbs_from_its_minimum_is_divergence(seed: int, style: Style) -> None:
    losses = add_noise([*descend(30, 2.4, 1.0), *[1.0 + 0.12 * index for index in range(30)]], 0.05, seed)
    finding = find(judge(render(make_rows(losses), style)), "loss_divergence")
    assert (finding.severity, finding.confidence) == ("error", "certain")


@every_style
def test_the_values_of_a_divergence_are_its_minimum_its_top_and_its_end(style: Style) -> None:
    losses = [*descend(30, 2.4, 1.0), *[1.0 + 0.12 * index for index in range(30)]]
    values = find(judge(render(make_rows(losses), style)), "loss_divergence").values
    assert values["highest_step"] == 600
    assert values["highest_loss"] == pytest.approx(4.48)
    assert values["lowest_loss"] == pytest.approx(1.03, abs=0.04)
    assert values["end_loss"] == pytest.approx(4.2, abs=0.1)
    assert values["lowest_step"] == pytest.approx(305, abs=25)


@every_style
def test_the_evidence_of_a_divergence_holds_its_top_and_its_end(style: Style) -> None:
    losses = [*descend(30, 2.4, 1.0), *[4.0, 6.0, 9.5], *[5.0] * 27]
    data = render(make_rows(losses), style)
    assert {loss_line(data, 32), loss_line(data, 59)} < set(evidence_numbers(find(judge(data), "loss_divergence")))


@every_style
@pytest.mark.parametrize("level", [6.0, 11.0])
def test_a_jump_at_the_start_that_stays_is_divergence(level: float, style: Style) -> None:
    losses = add_noise([2.4, 2.2, 2.1, *[level] * 57], 0.05, 3)
    assert find(judge(render(make_rows(losses), style)), "loss_divergence").severity == "error"


@every_style
@pytest.mark.parametrize("at", [0, 15, 30])
@pytest.mark.parametrize("height", [3.0, 20.0])
def test_a_spike_that_recovers_is_no_divergence(height: float, at: int, style: Style) -> None:
    losses = add_noise(descend(60), 0.03, 4)
    losses[at : at + 3] = [height, height / 2, height / 3]
    assert "loss_divergence" not in found_ids(judge(render(make_rows(losses), style)))


@pytest.mark.parametrize("seed", range(5))
def test_a_last_value_above_the_noise_is_no_divergence(seed: int) -> None:
    losses = add_noise(descend(60), 0.05, seed)
    losses[-1] *= 2
    assert "loss_divergence" not in found_ids(judge(render(make_rows(losses))))


def test_a_rise_of_a_few_percent_is_no_divergence() -> None:
    losses = [*descend(40, 1.2, 1.1), *[1.1 + 0.0025 * index for index in range(20)]]
    assert "loss_divergence" not in found_ids(judge(render(make_rows(losses))))


def test_a_few_rows_that_climb_beside_the_validation_loss_are_divergence() -> None:
    rows = add_evals(make_rows([2.0, 1.5, 2.5, 3.5, 4.5, 4.6]), [1.5, 2.5, 4.0])
    assert serious_ids(judge(render(rows))) == ["loss_divergence"]


def test_a_training_loss_that_wobbles_while_the_validation_loss_falls_is_learning() -> None:
    rows = add_evals(make_rows(add_noise([2.3] * 40, 0.03, 1)), [2.2, 1.9, 1.7, 1.6])
    assert serious_ids(judge(render(rows))) == []


@pytest.mark.parametrize("seed", range(4))
def test_a_tiny_loss_that_doubles_is_no_divergence(seed: int) -> None:
    losses = [abs(value) for value in add_noise([*descend(40, 2.0, 0.01, 10.0), *[0.02] * 20], 0.002, seed)]
    assert "loss_divergence" not in found_ids(judge(render(make_rows(losses))))


@every_style
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("noise", "confidence"), [(0.0, "certain"), (0.02, "certain"), (0.1, "likely")])
def test_a_loss_that_only_wobbles_is_not_decreasing(noise: float, confidence: str, seed: int, style: Style) -> None:
    rows = make_rows(add_noise([2.3] * 60, noise, seed))
    finding = find(judge(render(rows, style)), "loss_not_decreasing")
    assert (finding.severity, finding.confidence) == ("error", confidence)


def test_the_values_of_a_flat_loss_are_its_ends_and_its_noise() -> None:
    values = find(judge(render(make_rows(add_noise([2.3] * 60, 0.05, 2)))), "loss_not_decreasing").values
    assert values["head_loss"] == pytest.approx(2.3, abs=0.05)
    assert values["tail_loss"] == pytest.approx(2.3, abs=0.05)
    assert values["change"] == pytest.approx(0.0, abs=0.02)
    assert values["noise"] == pytest.approx(0.05, rel=0.5)


@every_style
def test_the_evidence_of_a_flat_loss_is_its_first_middle_and_last_row(style: Style) -> None:
    data = render(make_rows(add_noise([2.3] * 60, 0.02, 2)), style)
    numbers = evidence_numbers(find(judge(data), "loss_not_decreasing"))
    assert numbers == [loss_line(data, row) for row in (0, 30, 59)]


@pytest.mark.parametrize("seed", range(4))
def test_a_quick_drop_before_a_plateau_is_learning(seed: int) -> None:
    rows = make_rows(add_noise([2.6, 2.0, 1.6, *[1.45] * 57], 0.03, seed))
    assert serious_ids(judge(render(rows))) == []


def test_a_plateau_in_an_excerpt_cannot_be_judged() -> None:
    rows = make_rows(add_noise([1.2] * 60, 0.03, 5))[20:]
    diagnosis = judge(render_state(rows))
    assert serious_ids(diagnosis) == []
    assert diagnosis.skipped["loss_not_decreasing"] == CannotJudge(
        "the log begins in the middle of the run", "the log from its first step"
    )


def test_a_loss_that_is_flat_while_the_rate_still_warms_up_is_no_finding() -> None:
    rows = make_rows(add_noise([2.3] * 12, 0.02, 1), learning_rate=[2e-9 * (index + 1) for index in range(12)])
    assert "loss_not_decreasing" not in found_ids(judge(b"learning_rate: 2e-4\n" + render(rows)))


def test_a_training_loss_of_0_and_a_validation_loss_of_nan_are_both_told_as_they_are_printed() -> None:
    rows = add_evals(make_rows([*descend(10), *[0.0] * 10], grad_norm=[0.8] * 10 + [NAN] * 10), [1.5, NAN])
    assert serious_ids(judge(render(rows))) == ["loss_nan", "loss_zero"]
