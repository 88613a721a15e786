"""The gradient norm: growing by orders of magnitude, gone, and what only looks like it."""

import math

import pytest
from run_factory import (
    STYLES,
    Row,
    Style,
    add_noise,
    descend,
    find,
    found_ids,
    judge,
    make_rows,
    render,
    serious_ids,
)

from tools.diagnosis.gradients import find_growth
from tools.run import Line, Point

every_style = pytest.mark.parametrize("style", STYLES)
GOOD = add_noise(descend(60), 0.03, 1)
FLAT = add_noise([2.3] * 60, 0.03, 1)


def rows_with(norms: list[float], losses: list[float] = GOOD) -> list[Row]:
    return make_rows(losses, grad_norm=norms)


def points(values: list[float]) -> list[Point]:
    return [Point(value, step, None, Line(step, "")) for step, value in enumerate(values, 1)]


@every_style
def test_a_norm_that_grows_by_orders_of_magnitude_is_an_explosion(style: Style) -> None:
    norms = [0.8] * 40 + [0.8 * 2.0**index for index in range(20)]
    finding = find(judge(render(rows_with(norms), style)), "exploding_gradients")
    assert (finding.severity, finding.confidence) == ("error", "certain")
    assert finding.values["level"] == pytest.approx(0.8)
    assert (finding.values["highest_step"], finding.values["first_step"]) == (600, 450)


def test_the_move_against_an_explosion_is_a_lower_rate() -> None:
    finding = find(judge(render(rows_with([1.0] * 30 + [400.0] * 30))), "exploding_gradients")
    assert finding.settles["learning_rate"].direction == "lower"


@pytest.mark.parametrize(
    "norms",
    [
        pytest.param([422.0, 90.0, 30.0, 9.0, 4.0, *[3.3] * 55], id="an untrained head starts high and falls"),
        pytest.param([0.8] * 30 + [9.0] * 30, id="ten times is what batches do"),
        pytest.param([0.01] * 30 + [1.5] * 30, id="an adapter starts at 0, and 1.5 does no harm"),
        pytest.param([1.5] * 10 + [0.01] * 40 + [1.6] * 10, id="a memorised norm flares up to where it came from"),
        pytest.param([0.8] * 30 + [120.0] + [0.8] * 29, id="one outlier"),
        pytest.param([0.8, math.inf, 0.9, math.nan] * 15, id="the loss scaler of fp16"),
        pytest.param([1.0] * 60, id="constant at the clipping threshold"),
    ],
)
def test_norms_that_are_no_explosion(norms: list[float]) -> None:
    assert serious_ids(judge(render(rows_with(norms)))) == []


def test_the_level_is_never_taken_from_later_rows() -> None:
    assert find_growth(points([500.0] * 20 + [1.0] * 20)) is None


def test_an_explosion_explains_a_divergence() -> None:
    losses = [*descend(40, 2.4, 1.2), *[1.2 + 0.3 * index for index in range(20)]]
    diagnosis = judge(render(rows_with([0.8] * 40 + [0.8 * 2.0**index for index in range(20)], losses)))
    assert serious_ids(diagnosis) == ["exploding_gradients"]
    assert diagnosis.findings[0].consequences == ("loss_divergence",)


def test_a_divergence_tells_what_the_gradient_did() -> None:
    losses = [*descend(40, 2.4, 1.2), *[1.2 + 0.3 * index for index in range(20)]]
    finding = find(judge(render(rows_with([0.8] * 40 + [20.0] * 20, losses))), "loss_divergence")
    assert "grad_norm grows from 0.8 to 20" in finding.summary


@every_style
@pytest.mark.parametrize("norm", [0.0, 1e-9])
def test_a_norm_near_0_under_a_flat_loss_has_vanished(norm: float, style: Style) -> None:
    diagnosis = judge(render(rows_with([norm] * 60, FLAT), style))
    assert serious_ids(diagnosis) == ["vanishing_gradients"]
    assert diagnosis.findings[0].consequences == ("loss_not_decreasing",)


def test_a_loss_of_0_and_a_norm_of_0_stand_beside_each_other() -> None:
    assert serious_ids(judge(render(rows_with([0.0] * 40, [0.0] * 40)))) == ["loss_zero", "vanishing_gradients"]


def test_a_norm_that_prints_as_0_while_the_loss_falls_has_not_vanished() -> None:
    """Megatron under DeepSpeed prints 0.000 throughout."""
    assert serious_ids(judge(render(rows_with([0.0] * 60)))) == []


def test_a_norm_near_0_of_a_loss_that_is_learned_has_not_vanished() -> None:
    losses = descend(60, 2.0, 0.001, 12.0)
    norms = [math.exp(-index / 3) for index in range(60)]
    assert "vanishing_gradients" not in found_ids(judge(render(rows_with(norms, losses))))


@pytest.mark.parametrize("rule", ["exploding_gradients", "vanishing_gradients"])
def test_without_norms_and_with_few_the_rules_say_so(rule: str) -> None:
    none = [{name: value for name, value in row.items() if name != "grad_norm"} for row in make_rows(GOOD)]
    assert judge(render(none)).skipped[rule].reason == "the log holds no gradient norm"
    assert judge(render(rows_with([0.8] * 5, GOOD[:5]))).skipped[rule].reason == "only 5 gradient norms; 8 are needed"
