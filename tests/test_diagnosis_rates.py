"""The learning rate: blamed only where the curve is bad and the rate is outside its method's range."""

import pytest
from run_factory import STYLES, Row, Style, add_noise, descend, find, found_ids, judge, line_number, make_rows, render

from tools.diagnosis.finding import CannotJudge, Settled

every_style = pytest.mark.parametrize("style", STYLES)
LORA_BANNER = b"trainable params: 4,194,304 || all params: 6,742,609,920 || trainable%: 0.0622\n"
FULL_BANNER = b"trainable params: 6,742,609,920 || all params: 6,742,609,920 || trainable%: 100.0\n"
GOOD = add_noise(descend(60), 0.03, 1)
FLAT = add_noise([2.3] * 60, 0.03, 1)
CLIMBING = add_noise([*descend(20, 2.4, 1.5), *[1.5 + 0.1 * index for index in range(40)]], 0.03, 1)


def rows_with_rate(losses: list[float], rate: float, num_warm_up: int = 6) -> list[Row]:
    """A warm-up to a rate and a linear decay from there, as trainers log it."""
    num_rows = len(losses)
    rates = [
        rate * min((index + 1) / num_warm_up, (num_rows - index) / (num_rows - num_warm_up))
        for index in range(num_rows)
    ]
    return make_rows(losses, learning_rate=rates)


@every_style
def test_a_flat_loss_stands_under_the_tiny_rate_that_explains_it(style: Style) -> None:
    diagnosis = judge(render(rows_with_rate(FLAT, 1e-8), style))
    assert found_ids(diagnosis) == ["learning_rate_too_low", "no_evaluation"]
    assert diagnosis.findings[0].consequences == ("loss_not_decreasing",)


@every_style
def test_a_rate_that_is_too_low_is_told_with_its_peak_and_its_range(style: Style) -> None:
    finding = find(judge(render(rows_with_rate(FLAT, 1e-8), style)), "learning_rate_too_low")
    assert finding.values == {"peak_learning_rate": 1e-8, "lowest_usual": 1e-6, "method": "fine-tuning"}
    assert finding.confidence == "certain"


@every_style
def test_the_evidence_of_a_rate_is_the_row_where_it_peaks_and_both_ends_of_the_loss(style: Style) -> None:
    data = render(rows_with_rate(FLAT, 1e-8), style)
    finding = find(judge(data), "learning_rate_too_low")
    quote = '"' if style == "state" else "'"
    rate, loss = f"{quote}learning_rate{quote}", f"{quote}loss{quote}"
    wanted = {line_number(data, loss, 1), line_number(data, rate, 6), line_number(data, loss, 60)}
    assert {line.number for line in finding.evidence} == wanted


def test_a_rate_of_zero_is_told_as_zero() -> None:
    finding = find(judge(render(make_rows(FLAT, learning_rate=0.0))), "learning_rate_too_low")
    assert finding.values["peak_learning_rate"] == 0.0
    assert "here it is 0, and the loss does not move" in finding.summary


def test_the_move_is_to_raise_a_rate_that_is_too_low() -> None:
    finding = find(judge(LORA_BANNER + render(rows_with_rate(FLAT, 1e-7))), "learning_rate_too_low")
    assert finding.settles == {
        "learning_rate": Settled("raise", "from 1e-07 to the usual range for LoRA, 1e-4 to 2e-4"),
    }


@pytest.mark.parametrize("rate", [1e-8, 2e-5, 1.0])
def test_a_rate_is_not_blamed_where_the_loss_falls(rate: float) -> None:
    assert found_ids(judge(render(rows_with_rate(GOOD, rate)))) == ["no_evaluation"]


@pytest.mark.parametrize("rate", [2e-5, 2e-4, 1e-3])
def test_a_usual_rate_is_not_blamed_for_a_bad_curve(rate: float) -> None:
    for losses in (FLAT, CLIMBING):
        found = found_ids(judge(render(rows_with_rate(losses, rate))))
        assert not {"learning_rate_too_low", "learning_rate_too_high"} & set(found)


@every_style
def test_a_rate_that_is_too_high_is_blamed_for_a_loss_that_climbs(style: Style) -> None:
    diagnosis = judge(render(rows_with_rate(CLIMBING, 0.05), style))
    assert found_ids(diagnosis) == ["learning_rate_too_high", "no_evaluation"]
    finding = find(diagnosis, "learning_rate_too_high")
    assert finding.consequences == ("loss_divergence",)
    assert (finding.severity, finding.confidence) == ("error", "certain")
    assert finding.values == {"peak_learning_rate": 0.05, "highest_usual": 2e-3, "method": "fine-tuning"}
    assert finding.settles["learning_rate"].direction == "lower"


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_rate_that_is_too_high_is_blamed_for_a_loss_that_breaks(broken: float) -> None:
    losses = [*GOOD[:20], *[broken] * 20]
    assert "learning_rate_too_high" in found_ids(judge(render(rows_with_rate(losses, 0.05))))


@pytest.mark.parametrize(
    ("banner", "rate", "is_blamed"),
    [
        (LORA_BANNER, 5e-4, False),
        (LORA_BANNER, 5e-3, True),
        (FULL_BANNER, 5e-5, False),
        (FULL_BANNER, 5e-4, True),
        (b"lora_r: 16\n", 5e-4, False),
        (b"lora_r: 16\n", 5e-3, True),
    ],
)
def test_the_highest_usual_rate_depends_on_the_method(banner: bytes, rate: float, is_blamed: bool) -> None:
    found = found_ids(judge(banner + render(rows_with_rate(CLIMBING, rate))))
    assert ("learning_rate_too_high" in found) is is_blamed


@pytest.mark.parametrize(
    ("banner", "rate", "is_blamed"),
    [(LORA_BANNER, 5e-6, True), (LORA_BANNER, 2e-5, False), (FULL_BANNER, 5e-7, True), (FULL_BANNER, 5e-6, False)],
)
def test_the_lowest_usual_rate_depends_on_the_method(banner: bytes, rate: float, is_blamed: bool) -> None:
    found = found_ids(judge(banner + render(rows_with_rate(FLAT, rate))))
    assert ("learning_rate_too_low" in found) is is_blamed


def test_preference_tuning_has_rates_of_its_own() -> None:
    rows = [{**row, "rewards/margins": 0.1} for row in rows_with_rate(FLAT, 5e-7)]
    assert "learning_rate_too_low" not in found_ids(judge(render(rows)))


def test_a_rate_from_the_settings_serves_where_no_row_holds_one() -> None:
    rows = [{name: value for name, value in row.items() if name != "learning_rate"} for row in make_rows(FLAT)]
    finding = find(judge(b"learning_rate: 1e-8\n" + render(rows)), "learning_rate_too_low")
    assert (finding.evidence[0].number, finding.evidence[0].text) == (1, "learning_rate: 1e-8")


def test_without_any_rate_both_rules_ask_for_the_config() -> None:
    rows = [{"loss": row["loss"], "epoch": row["epoch"], "step": row["step"]} for row in make_rows(FLAT)]
    skipped = judge(render(rows)).skipped
    wanted = CannotJudge("the log does not tell the learning rate", "the training config")
    assert (skipped["learning_rate_too_low"], skipped["learning_rate_too_high"]) == (wanted, wanted)


def test_a_warm_up_that_the_log_ends_in_is_not_taken_for_a_low_rate() -> None:
    rates = [2e-9 * (index + 1) for index in range(12)]
    data = b"learning_rate: 2e-4\n" + render(make_rows(FLAT[:12], learning_rate=rates))
    assert "learning_rate_too_low" not in found_ids(judge(data))


def test_a_rate_above_the_range_of_an_unknown_method_is_only_a_suspect() -> None:
    diagnosis = judge(render(rows_with_rate(CLIMBING, 4e-3)))
    assert found_ids(diagnosis)[0] == "loss_divergence"
    assert find(diagnosis, "learning_rate_too_high").severity == "note"


@pytest.mark.parametrize("optimiser", ["sgd", "muon", "adafactor"])
def test_an_optimiser_with_rates_of_its_own_is_not_blamed(optimiser: str) -> None:
    diagnosis = judge(f"optim: {optimiser}\n".encode() + render(rows_with_rate(CLIMBING, 0.05)))
    assert "learning_rate_too_high" in diagnosis.skipped


def test_training_from_scratch_has_no_range_that_is_known() -> None:
    losses = add_noise([*descend(20, 10.8, 6.0), *[6.0 + 0.2 * index for index in range(40)]], 0.03, 1)
    assert "untrained" in judge(render(rows_with_rate(losses, 0.05))).skipped["learning_rate_too_high"].reason


def test_a_rate_that_breaks_the_loss_is_told_after_the_loss_that_it_breaks() -> None:
    diagnosis = judge(render(rows_with_rate([*GOOD[:20], *[float("nan")] * 20], 0.05)))
    assert [finding.id for finding in diagnosis.findings][:2] == ["loss_nan", "learning_rate_too_high"]
