"""The whole diagnosis: healthy runs stay unblamed, causes come first, and nothing unread is called healthy."""

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
    parse,
    render,
    render_state,
    serious_ids,
)

from tools.diagnosis import RULES, diagnose
from tools.diagnosis.causes import CONSEQUENCES
from tools.diagnosis.finding import SEVERITIES

every_style = pytest.mark.parametrize("style", STYLES)
SUMMARY = "{'train_runtime': 800.0, 'train_loss': 1.5, 'epoch': 2.0}\n"
TRACEBACK = 'Traceback (most recent call last):\n  File "train.py", line 1, in main\nMoonError: the moon is full\n'
HEALTHY = {
    "falling": descend(60),
    "falling to little": descend(120, 3.0, 0.3, 6.0),
    "quick drop": [2.6, 2.0, 1.7, *descend(57, 1.55, 1.4, 3.0)],
    "long plateau": [2.6, 1.9, 1.6, 1.5, *[1.45] * 196],
    "steady": [2.0 - 0.01 * index for index in range(60)],
    "slow": [2.0 - 0.003 * index for index in range(60)],
    "epochs": [*[1.8] * 20, *[1.3] * 20, *[0.9] * 20],
    "summed": [16 * value for value in descend(60)],
    "preference": descend(60, 0.693, 0.35, 3.0),
}


@every_style
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shape", HEALTHY)
def test_a_healthy_curve_with_noise_gets_no_finding_that_matters(shape: str, seed: int, style: Style) -> None:
    curve = HEALTHY[shape]
    diagnosis = judge(render(make_rows(add_noise(curve, 0.02 * curve[-1], seed)), style))
    assert (serious_ids(diagnosis), diagnosis.is_healthy) == ([], True)


@every_style
@pytest.mark.parametrize("seed", range(4))
def test_a_healthy_run_with_evaluations_gets_no_finding_at_all(seed: int, style: Style) -> None:
    evals = add_noise(descend(8, 2.0, 1.3), 0.01, seed)
    assert found_ids(judge(render(add_evals(make_rows(add_noise(descend(80), 0.03, seed)), evals), style))) == []


@every_style
def test_preference_tuning_that_starts_at_ln_2_and_falls_is_healthy(style: Style) -> None:
    losses = add_noise(descend(60, 0.693, 0.4, 3.0), 0.01, 2)
    rows = [{**row, "rewards/margins": row["epoch"]} for row in make_rows(losses, learning_rate=5e-7)]
    assert serious_ids(judge(render(rows, style))) == []


def reinforced(loss: float = 0.0) -> list[Row]:
    reward = add_noise([0.2 + 0.01 * index for index in range(40)], 0.02, 1)
    return make_rows([loss] * 40, reward=reward, reward_std=0.1, kl=0.01)


@every_style
@pytest.mark.parametrize("rule", ["loss_zero", "loss_divergence", "loss_not_decreasing"])
def test_the_loss_of_reinforcement_learning_cannot_be_judged(rule: str, style: Style) -> None:
    diagnosis = judge(render(reinforced(), style))
    assert "reinforcement-learning" in diagnosis.skipped[rule].reason
    assert serious_ids(diagnosis) == []


def test_a_nan_loss_of_reinforcement_learning_is_still_found() -> None:
    rows = reinforced()
    for row in rows[30:]:
        row["loss"] = float("nan")
    assert found_ids(judge(render(rows)))[0] == "loss_nan"


@every_style
def test_consequences_stand_under_their_root(style: Style) -> None:
    losses = [*descend(20), *[float("nan")] * 5, *[0.0] * 10]
    finding = find(judge(render(make_rows(losses), style)), "loss_nan")
    assert finding.consequences == ("loss_zero",)


@every_style
def test_a_consequence_does_not_stand_beside_its_root(style: Style) -> None:
    losses = [*descend(20), *[float("nan")] * 5, *[0.0] * 10]
    assert found_ids(judge(render(make_rows(losses), style))) == ["loss_nan", "no_evaluation"]


def test_roots_and_consequences_are_rules() -> None:
    rules = {rule.id for rule in RULES}
    assert {*CONSEQUENCES, *(child for children in CONSEQUENCES.values() for child in children)} <= rules


def test_findings_are_told_worst_first() -> None:
    flat = make_rows(add_noise([2.3] * 40, 0.03, 1), learning_rate=1e-8)
    severities = [SEVERITIES.index(finding.severity) for finding in judge(render(flat)).findings]
    assert severities == sorted(severities)
    assert len(set(severities)) == 2


@pytest.mark.parametrize(
    "data", [render(make_rows(descend(40))), render_state(make_rows(descend(5))), b"nothing here\n"]
)
def test_every_rule_either_judged_or_says_why_not(data: bytes) -> None:
    diagnosis = judge(data)
    told = {*diagnosis.checked, *diagnosis.skipped}
    assert told == ({rule.id for rule in RULES} if diagnosis.is_judged else set())
    assert all(gap.reason for gap in diagnosis.skipped.values())


@pytest.mark.parametrize(
    "text",
    [
        "Loading checkpoint shards: 100%|##########| 2/2 [00:03<00:00,  1.7s/it]\nDone.\n",
        "Downloading data: 100%|##########| 2/2 [00:03<00:00,  1.7s/it]\n",
        '{"learning_rate": 0.0001, "epochs": 3}\n',
        "learning_rate: 2e-4\n",
    ],
)
def test_a_log_without_a_metric_is_not_judged(text: str) -> None:
    diagnosis = judge(text)
    assert (diagnosis.is_judged, diagnosis.is_healthy, diagnosis.findings) == (False, None, ())


def test_a_log_whose_only_row_is_the_summary_is_not_called_healthy() -> None:
    assert judge(f"start\n{SUMMARY}").is_healthy is not True


@pytest.mark.parametrize("before", ["", render(make_rows(descend(40))).decode() + SUMMARY])
def test_a_traceback_that_no_rule_explains_leaves_health_open(before: str) -> None:
    diagnosis = judge(f"start\n{before}{TRACEBACK}")
    assert diagnosis.is_healthy is None
    assert ["MoonError: the moon is full" in text for text in diagnosis.unexplained] == [True]


def test_a_coloured_traceback_leaves_health_open_as_well() -> None:
    coloured = TRACEBACK.replace("MoonError", "\x1b[31mMoonError\x1b[0m")
    assert judge(render(make_rows(descend(40))).decode() + coloured).is_healthy is None


def test_an_unexplained_traceback_is_told_with_its_lines() -> None:
    (text,) = judge(f"start\n{TRACEBACK}").unexplained
    assert "MoonError: the moon is full (lines 2-4" in text


def test_an_interrupt_by_the_person_is_not_unexplained() -> None:
    text = TRACEBACK.replace("MoonError: the moon is full", "KeyboardInterrupt")
    diagnosis = judge(render(make_rows(descend(40))).decode() + text)
    assert (diagnosis.unexplained, diagnosis.is_healthy) == ((), True)


def test_a_finding_outweighs_a_traceback() -> None:
    flat = render(make_rows(add_noise([2.3] * 40, 0.03, 1))).decode()
    assert judge(flat + TRACEBACK).is_healthy is False


@pytest.mark.parametrize("style", ["floats", "strings"])
def test_of_several_runs_in_one_file_the_last_is_judged(style: Style) -> None:
    bad, good = make_rows(add_noise([2.3] * 40, 0.03, 1)), make_rows(add_noise(descend(40), 0.03, 2))
    assert serious_ids(judge(render(bad, style) + render(good, style))) == []
    assert serious_ids(judge(render(good, style) + render(bad, style))) == ["loss_not_decreasing"]


@pytest.mark.parametrize("num_runs", [2, 5])
@pytest.mark.parametrize("num_rows", [2, 3, 40])
def test_several_runs_in_one_file_are_counted_in_a_note(num_rows: int, num_runs: int) -> None:
    data = render(make_rows(descend(num_rows))) * num_runs
    first_line = line_number(data, "'loss'", (num_runs - 1) * num_rows + 1)
    assert parse(data).notes == (
        f"{num_runs} runs stand in this log; the last one, from line {first_line} on, was judged",
    )


@pytest.mark.parametrize("style", ["floats", "strings"])
@pytest.mark.parametrize("resumed_at", [10, 30])
def test_a_run_that_was_resumed_is_one_run(resumed_at: int, style: Style) -> None:
    rows = make_rows(add_noise(descend(60), 0.03, 3))
    run = parse(render(rows[:40], style, total_steps=600) + render(rows[resumed_at:], style, total_steps=600))
    assert [point.step for point in run.points("loss")][-1] == 600
    assert (run.notes, serious_ids(diagnose(run))) == ((), [])


@pytest.mark.parametrize("num_rows", [1, 4])
def test_a_run_of_a_few_rows_is_judged_by_what_can_be(num_rows: int) -> None:
    diagnosis = judge(render(make_rows(descend(num_rows))))
    assert diagnosis.is_judged
    assert {"loss_nan", "loss_zero"} <= set(diagnosis.checked)
    assert {"loss_divergence", "loss_not_decreasing", "overfitting", "no_evaluation"} <= set(diagnosis.skipped)


@every_style
def test_the_style_of_the_log_does_not_change_what_is_found(style: Style) -> None:
    rows = add_evals(make_rows(add_noise(descend(80, 2.4, 0.4), 0.02, 1), per_epoch=100), [1.9, 1.2, 1.3, 1.5, 1.8])
    assert found_ids(judge(render(rows, style))) == ["overfitting"]


@every_style
def test_every_quoted_line_of_a_finding_stands_in_the_log(style: Style) -> None:
    data = render(make_rows([*descend(20), *[9.0] * 20], learning_rate=0.1), style)
    lines = data.decode().split("\n")
    evidence = [line for finding in judge(data).findings for line in finding.evidence]
    assert evidence
    assert all(line.text in lines[line.number - 1] for line in evidence)
