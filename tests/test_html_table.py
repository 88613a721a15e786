"""Tables of metrics in HTML, in all the ways in which notebooks, pandas and people write them."""

import pytest
from file_reading import read_file

from tools.log_formats.html_table import HTML_TABLE

ROWS = "<tr><td>10</td><td>2.50</td></tr><tr><td>20</td><td>2.25</td></tr>"
HEAD = "<tr><th>Step</th><th>Training Loss</th></tr>"
WANTED = [(10, 2.5), (20, 2.25)]
PAGES = {
    "plain": f"<table>\n{HEAD}\n{ROWS}\n</table>",
    "one line": f"<div><table>{HEAD}{ROWS}</table></div>",
    "sections": f"<table border='1' class=\"dataframe\"><thead>{HEAD}</thead><tbody>{ROWS}</tbody></table>",
    "no ends": "<table><tr><th>Step<th>Training Loss<tr><td>10<td>2.50<tr><td>20<td>2.25</table>",
    "upper case": f"<TABLE>{HEAD}{ROWS}</TABLE>".replace("<t", "<T").replace("</t", "</T"),
    "attributes": f"<table>{HEAD}{ROWS}</table>".replace("<td>", '<td style="a: b"\n align=right>'),
    "inner tags": f"<table>{HEAD}{ROWS}</table>".replace("2.25", "<b><i>2.25</i></b>"),
    "cells over lines": f"<table>{HEAD}{ROWS}</table>".replace("<td>", "<td>\n   ").replace("</td>", "\n</td>"),
    "entities": f"<table>{HEAD}{ROWS}</table>".replace("Training Loss", "Training&nbsp;Loss").replace(
        "2.25", "2&#46;25"
    ),
    "text round it": f"<!DOCTYPE html>\n<html><body><p>a < b\n<table>{HEAD}{ROWS}</table>\n<p>bye</body></html>",
    "another table before": f"<table><tr><th>a</th></tr><tr><td>1</td></tr></table><table>{HEAD}{ROWS}</table>",
    "script": f"<html><script>var x = '<table><tr><th>Step</th>';</script><table>{HEAD}{ROWS}</table></html>",
    "comment": f"<html><!-- <b>note</b> --><table>{HEAD}{ROWS}</table></html>",
    "pandas": "<table><thead><tr><th></th><th>step</th><th>loss</th></tr></thead><tbody>"
    "<tr><th>0</th><td>10</td><td>2.50</td></tr><tr><th>1</th><td>20</td><td>2.25</td></tr></tbody></table>",
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_a_table_is_read(page: str) -> None:
    assert HTML_TABLE.detect(page.encode())
    assert read_file(HTML_TABLE, page).pairs() == WANTED


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES.keys())
def test_a_value_quotes_its_line(page: str) -> None:
    for point in read_file(HTML_TABLE, page).points():
        assert point.line.text in page.split("\n")[point.line.number - 1]


def test_of_a_page_on_one_line_the_row_is_quoted() -> None:
    rows = "".join(f"<tr><td>{step}</td><td>2.5</td></tr>" for step in range(1, 200))
    points = read_file(HTML_TABLE, f"<table>{HEAD}{rows}</table>").points()
    assert points[150].line.text == "<tr><td>151</td><td>2.5</td></tr>"


def test_columns_of_an_evaluation_are_named_so() -> None:
    head = (
        "<tr><th>Epoch</th><th>Training Loss</th><th>Validation Loss</th><th>Accuracy</th><th>Rewards/chosen</th></tr>"
    )
    rows = "<tr><td>1</td><td>No log</td><td>1.5</td><td>0.75</td><td>-0.5</td></tr>"
    run = read_file(HTML_TABLE, f"<table>{head}{rows}</table>").run
    assert {name: run.points(name)[0].value for name in run.series} == {
        "eval_loss": 1.5,
        "eval_accuracy": 0.75,
        "eval_rewards/chosen": -0.5,
    }
    assert run.points("eval_loss")[0].epoch == 1.0


def test_metrics_of_reinforcement_learning_keep_their_names() -> None:
    head = "<tr><th>Step</th><th>Training Loss</th><th>reward</th><th>rewards / format</th><th>kl</th></tr>"
    run = read_file(
        HTML_TABLE, f"<table>{head}<tr><td>1</td><td>0</td><td>0.5</td><td>1</td><td>0.01</td></tr></table>"
    ).run
    assert set(run.series) == {"loss", "reward", "rewards/format", "kl"}


@pytest.mark.parametrize(
    ("bar", "settings"),
    [
        ("[60/60 03:12, Epoch 1/1]", {"total_steps": 60.0, "num_train_epochs": 1.0}),
        ("[ 334/640 45:46 < 42:11, 0.12 it/s, Epoch 5.20/10]", {"total_steps": 640.0, "num_train_epochs": 10.0}),
        ("[45000/45000 2:16:18, Epoch 3/3]", {"total_steps": 45000.0, "num_train_epochs": 3.0}),
        ("[5/5 00:01]", {}),
    ],
)
def test_the_bar_over_the_table_tells_the_length_of_the_run(bar: str, settings: dict[str, float]) -> None:
    assert read_file(HTML_TABLE, f"<div>\n  {bar}\n</div><table>{HEAD}{ROWS}</table>").settings == settings


def test_of_several_tables_the_last_run_is_judged() -> None:
    reading = read_file(
        HTML_TABLE, f"<table>{HEAD}{ROWS}{ROWS.replace('10', '30')}</table>\n<table>{HEAD}{ROWS}</table>"
    )
    assert reading.pairs() == WANTED


def test_cells_that_pandas_leaves_empty_are_no_broken_losses() -> None:
    head = "<tr><th></th><th>step</th><th>loss</th><th>eval_loss</th></tr>"
    rows = (
        "<tr><th>0</th><td>10</td><td>2.5</td><td>NaN</td></tr><tr><th>1</th><td>10</td><td>NaN</td><td>1.5</td></tr>"
    )
    reading = read_file(HTML_TABLE, f"<table>{head}{rows}</table>")
    assert (reading.pairs(), reading.pairs("eval_loss")) == ([(10, 2.5)], [(10, 1.5)])


def test_a_broken_loss_in_the_trainers_own_table_is_one() -> None:
    reading = read_file(HTML_TABLE, f"<table>{HEAD}<tr><td>10</td><td>nan</td></tr></table>")
    assert str(reading.points()[0].value) == "nan"


def test_printed_text_goes_through_the_console_reader() -> None:
    page = "<html><div>\n<pre>{&#39;loss&#39;: 2.5}\nbye &lt;3\n</pre></div><p>other</p></html>"
    assert read_file(HTML_TABLE, page).texts == [(2, b"{'loss': 2.5}"), (3, b"bye <3")]


@pytest.mark.parametrize(
    "page",
    [
        "<html><body>nothing</body></html>",
        "<table><tr><th>model</th><th>loss</th></tr><tr><td>1</td><td>2.5</td></tr></table>",
        f"<p>{HEAD}",
        "<table><tr><td>10</td><td>2.5</td></tr></table>",
    ],
)
def test_a_page_without_a_table_of_a_run_says_so(page: str) -> None:
    reading = read_file(HTML_TABLE, page)
    assert not reading.run.is_judgeable
    assert any("holds no table" in note for note in reading.run.notes)
