"""trainer_state.json and its relatives: pretty-printed or on one line, whole or broken off."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_factory import add_evals, descend, line_number, make_rows, parse, render_state

from tools.log_formats.hf_state import is_metric_json
from tools.run import Run

ROWS = add_evals(make_rows(descend(12)), [1.9, 1.5, 1.3])
PRETTY, ONE_LINE = render_state(ROWS), render_state(ROWS, indent=None)
BARE = json.dumps(ROWS, indent=1).encode()
BARE_ONE_LINE = json.dumps(ROWS).encode()
JSON_LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()
LAYOUTS = {
    "pretty": PRETTY,
    "one line": ONE_LINE,
    "bare list": BARE,
    "bare list on one line": BARE_ONE_LINE,
    "json lines": JSON_LINES,
    "windows line ends": PRETTY.replace(b"\n", b"\r\n"),
    "byte order mark": b"\xef\xbb\xbf" + PRETTY,
    "leading blank lines": b"\n\n  " + PRETTY,
}


def read_pairs(run: Run, name: str) -> list[tuple[int | None, float]]:
    return [(point.step, point.value) for point in run.points(name)]


def expected_pairs(name: str) -> list[tuple[int, float]]:
    return [(round(row["step"]), row[name]) for row in ROWS if name in row]


@pytest.mark.parametrize("data", LAYOUTS.values(), ids=LAYOUTS.keys())
@pytest.mark.parametrize("name", ["loss", "eval_loss", "learning_rate"])
def test_every_row_is_read_in_every_layout(data: bytes, name: str) -> None:
    assert read_pairs(parse(data), name) == expected_pairs(name)


@pytest.mark.parametrize("data", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_whole_file_has_no_notes(data: bytes) -> None:
    assert parse(data).notes == ()


@pytest.mark.parametrize("name", ["loss", "grad_norm", "learning_rate", "eval_loss"])
def test_a_value_in_a_pretty_file_knows_the_line_of_its_own_key(name: str) -> None:
    points = parse(PRETTY).points(name)
    assert [point.line.number for point in points] == [
        line_number(PRETTY, f'"{name}":', index + 1) for index in range(len(points))
    ]


def test_a_value_in_a_pretty_file_quotes_its_own_line() -> None:
    assert [json.loads("{" + point.line.text.strip(" ,") + "}")["loss"] for point in parse(PRETTY).points("loss")] == [
        row["loss"] for row in ROWS if "loss" in row
    ]


def test_lines_of_windows_files_are_quoted_without_their_carriage_return() -> None:
    data = LAYOUTS["windows line ends"]
    assert not [point for point in parse(data).points("loss") if "\r" in point.line.text]


def test_a_value_in_a_file_of_one_line_quotes_its_row() -> None:
    point = parse(ONE_LINE).points("loss")[3]
    assert point.line.number == 1
    assert json.loads(point.line.text)["loss"] == point.value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_steps", 120.0),
        ("num_train_epochs", 1.0),
        ("logging_steps", 10.0),
        ("eval_steps", 50.0),
        ("save_steps", 500.0),
    ],
)
@pytest.mark.parametrize("data", [PRETTY, ONE_LINE], ids=["pretty", "one line"])
def test_settings_at_the_top_level_are_read(data: bytes, name: str, value: float) -> None:
    setting = parse(data).settings[name]
    assert (setting.value, setting.line.number) == (value, line_number(data, f'"{name}"'))


@pytest.mark.parametrize("data", [PRETTY, PRETTY.rstrip(b"\n"), ONE_LINE, ONE_LINE.rstrip(b"\n"), JSON_LINES])
def test_lines_are_counted_as_in_any_other_file(data: bytes) -> None:
    assert parse(data).num_lines == len(data.splitlines())


def test_a_row_of_rows_before_its_keys_is_not_a_setting() -> None:
    assert "learning_rate" not in parse(PRETTY).settings


@given(st.integers(min_value=PRETTY.index(b"log_history") + 20, max_value=len(PRETTY.rstrip()) - 1))
@settings(derandomize=True, database=None, deadline=None)
def test_a_pretty_file_that_breaks_off_gives_a_prefix(end: int) -> None:
    run = parse(PRETTY[:end])
    pairs = read_pairs(run, "loss")
    assert pairs == expected_pairs("loss")[: len(pairs)]


@given(st.integers(min_value=1, max_value=len(ONE_LINE)))
@settings(derandomize=True, database=None, deadline=None)
def test_a_file_of_one_line_that_breaks_off_gives_a_prefix(end: int) -> None:
    pairs = read_pairs(parse(ONE_LINE[:end]), "loss")
    assert pairs == expected_pairs("loss")[: len(pairs)]


@given(st.integers(min_value=PRETTY.index(b"log_history") + 20, max_value=len(PRETTY.rstrip()) - 1))
@settings(derandomize=True, database=None, deadline=None)
def test_a_file_that_breaks_off_says_so(end: int) -> None:
    assert any("breaks off" in note for note in parse(PRETTY[:end]).notes)


def test_the_row_that_a_file_breaks_off_in_gives_no_setting() -> None:
    end = PRETTY.index(b'"epoch"', PRETTY.rindex(b'"learning_rate"'))
    assert "learning_rate" not in parse(PRETTY[:end]).settings


def test_what_stands_before_the_break_is_all_there() -> None:
    end = PRETTY.index(b'"loss"', len(PRETTY) // 2)
    assert len(parse(PRETTY[:end]).points("loss")) == PRETTY.count(b'"loss"', 0, end)


def test_literal_nan_and_infinity_are_values() -> None:
    run = parse(
        '{"log_history": [{"loss": NaN, "step": 1}, {"loss": Infinity, "step": 2}, {"loss": -Infinity, "step": 3}]}'
    )
    assert str([point.value for point in run.points("loss")]) == str([math.nan, math.inf, -math.inf])


def test_a_null_loss_is_no_point() -> None:
    run = parse('[{"loss": null, "eval_loss": 0.8, "step": 5}, {"loss": 1.5, "eval_loss": null, "step": 6}]')
    assert (read_pairs(run, "loss"), read_pairs(run, "eval_loss")) == ([(6, 1.5)], [(5, 0.8)])


@pytest.mark.parametrize("key", ["step", "global_step", "current_steps"])
def test_the_step_is_read_under_the_names_that_trainers_give_it(key: str) -> None:
    assert read_pairs(parse(f'{{"loss": 1.5, "{key}": 30}}\n'), "loss") == [(30, 1.5)]


def test_lr_is_another_name_of_the_learning_rate() -> None:
    assert parse('{"current_steps": 10, "loss": 1.23, "lr": 9.9e-06}\n').points("learning_rate")[0].value == 9.9e-06


def test_unicode_in_names_and_values_is_kept() -> None:
    run = parse('{"best_model_checkpoint": "模型/überlauf", "log_history": [{"loss": 1.5, "größe": 2, "step": 1}]}')
    assert [point.value for point in run.points("größe")] == [2.0]


def test_a_file_of_results_gives_its_summary_and_its_evaluation() -> None:
    run = parse('{\n "epoch": 3.0,\n "eval_loss": 0.91,\n "train_loss": 1.04,\n "train_runtime": 812.5\n}\n')
    assert {name: (point.value, point.line.number) for name, point in run.summary.items() if name != "epoch"} == {
        "train_loss": (1.04, 4),
        "train_runtime": (812.5, 5),
    }
    assert [(point.value, point.line.number) for point in run.points("eval_loss")] == [(0.91, 3)]


def test_the_mean_loss_of_the_summary_is_not_the_last_loss() -> None:
    run = parse('[{"loss": 2.0, "step": 1}, {"train_loss": 1.5, "train_runtime": 9.0, "step": 1}]')
    assert read_pairs(run, "loss") == [(1, 2.0)]


def test_a_row_that_is_damaged_is_told_and_the_others_are_read() -> None:
    run = parse('{"log_history": [{"loss": 2.0, "step": 1}, {"loss": 1.5 "step": 2}, {"loss": 1.0, "step": 3}]}')
    assert read_pairs(run, "loss") == [(1, 2.0), (3, 1.0)]
    assert run.notes


@pytest.mark.parametrize("value", ["1" * 400, "[" * 100_000, '"' + "x" * 2_000_000, "{" * 100_000])
def test_a_value_that_no_trainer_writes_does_not_stop_the_reading(value: str) -> None:
    run = parse(f'[{{"loss": 2.0, "step": 1}}, {{"loss": 1.5, "odd": {value}}}, {{"loss": 1.0, "step": 3}}]')
    assert run.points("loss")[0].value == 2.0


@pytest.mark.parametrize(
    ("head", "is_json"),
    [
        (b'{"log_history": []}', True),
        (b'\n [{"loss": 1.0}]', True),
        (b'\xef\xbb\xbf{"eval_loss": 1.0}', True),
        (b'{"learning_rate": 1.0}', False),
        (b"{'loss': 1.0}\n", False),
        (b'start {"loss": 1.0}', False),
    ],
)
def test_the_beginning_tells_whether_a_file_is_json_with_metrics(head: bytes, is_json: bool) -> None:
    assert is_metric_json(head) is is_json


def test_a_console_log_that_shows_a_json_config_in_its_first_line_is_still_a_console_log() -> None:
    text = "[2024-05-01 10:00:00] [INFO] config: {\"loss\": \"dpo\"}\n{'loss': 0.69, 'epoch': 0.1}\n"
    assert [point.value for point in parse(text).points("loss")] == [0.69]
