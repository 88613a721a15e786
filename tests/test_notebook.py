"""Jupyter notebooks: the outputs of both versions of the format, whole, on one line and broken off."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from file_reading import read_file

from tools.errors import BadInput
from tools.log_formats import notebook
from tools.log_formats.json_tokens import LineFinder, read_string, walk
from tools.log_formats.notebook import NOTEBOOK

TABLE = [
    "<div>\n",
    "  [30/60 01:00 < 01:00, 0.5 it/s, Epoch 1/2]\n",
    '<table border="1">\n',
    "<tr><th>Step</th><th>Training Loss</th></tr>\n",
    "<tr>\n",
    "<td>10</td>\n",
    "<td>2.500000</td>\n",
    "</tr>\n",
    "<tr>\n",
    "<td>20</td>\n",
    "<td>2.250000</td>\n",
    "</tr></table><p>",
]


def stream(*lines: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": list(lines)}


def display(**data: Any) -> dict[str, Any]:
    named = {key.replace("_", "/"): value for key, value in data.items()}
    return {"output_type": "display_data", "data": named, "metadata": {}}


def make(outputs: Sequence[dict[str, Any]], source: str = "", indent: int | None = 1) -> bytes:
    cell = {"cell_type": "code", "outputs": outputs, "source": source.splitlines(keepends=True)}
    return json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}, indent=indent).encode()


def line_of(data: bytes, text: str) -> int:
    return next(number for number, line in enumerate(data.decode().split("\n"), start=1) if text in line)


@pytest.mark.parametrize("indent", [None, 1, 2])
def test_a_table_in_an_output_is_read(indent: int | None) -> None:
    data = make([display(text_html=TABLE, text_plain=["<IPython.core.display.HTML object>"])], indent=indent)
    assert NOTEBOOK.detect(data)
    reading = read_file(NOTEBOOK, data)
    assert reading.pairs() == [(10, 2.5), (20, 2.25)]
    assert reading.settings == {"total_steps": 60.0, "num_train_epochs": 2.0}
    assert reading.texts == []


def test_a_value_knows_the_line_of_its_cell() -> None:
    data = make([display(text_html=TABLE)])
    point = read_file(NOTEBOOK, data).points()[1]
    assert point.line.number == line_of(data, "2.250000")
    assert point.line.text == data.decode().split("\n")[point.line.number - 1]


def test_a_value_of_a_notebook_on_one_line_quotes_what_stands_round_it() -> None:
    point = read_file(NOTEBOOK, make([display(text_html="".join(TABLE))], indent=None)).points()[1]
    assert point.line.number == 1
    assert "2.250000" in point.line.text


def test_a_table_that_is_one_string_is_read() -> None:
    data = make([display(text_html="".join(TABLE))])
    assert read_file(NOTEBOOK, data).pairs() == [(10, 2.5), (20, 2.25)]


def test_what_was_printed_goes_through_the_console_reader_with_its_lines() -> None:
    data = make([stream("{'loss': 2.5}\n", "  3%|# | 1/30\r  6%|## | 2/30\n", "half "), stream("x\n", name="stderr")])
    texts = read_file(NOTEBOOK, data).texts
    assert [text for _, text in texts] == [b"{'loss': 2.5}", b"  3%|# | 1/30", b"  6%|## | 2/30", b"half ", b"x"]
    assert texts[0][0] == line_of(data, "'loss'")
    assert texts[1][0] == texts[2][0] == line_of(data, "1/30")


def test_pieces_of_one_line_are_put_together() -> None:
    texts = read_file(NOTEBOOK, make([stream("{'loss': ", "2.5, ", "'epoch': 1}\n", "next\n")])).texts
    assert [text for _, text in texts] == [b"{'loss': 2.5, 'epoch': 1}", b"next"]


def test_a_traceback_is_passed_on_line_by_line() -> None:
    error = {
        "output_type": "error",
        "ename": "ValueError",
        "evalue": "bad",
        "traceback": [
            "\u001b[0;31m----\u001b[0m",
            "ValueError  Traceback (most recent call last)",
            "a\nb",
            "ValueError: bad",
        ],
    }
    texts = read_file(NOTEBOOK, make([error])).texts
    assert [text for _, text in texts] == [
        b"\x1b[0;31m----\x1b[0m",
        b"ValueError  Traceback (most recent call last)",
        b"a",
        b"b",
        b"ValueError: bad",
    ]


def test_an_error_without_its_stack_is_passed_on() -> None:
    error = {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": []}
    assert [text for _, text in read_file(NOTEBOOK, make([error])).texts] == [b"ValueError: bad"]


def test_the_text_of_a_table_that_was_read_is_not_read_again() -> None:
    data = make([display(text_html=TABLE, text_plain=["   Step  Training Loss\n", "0  10  2.5"])])
    assert read_file(NOTEBOOK, data).texts == []


def test_the_text_of_other_outputs_is_read() -> None:
    data = make([display(text_html=["<b>x</b>"], text_plain=["TrainOutput(global_step=60)"])])
    assert [text for _, text in read_file(NOTEBOOK, data).texts] == [b"TrainOutput(global_step=60)"]


def test_settings_stand_in_the_code() -> None:
    source = "args = TrainingArguments(\n    learning_rate=2e-4,\n    max_steps=60,\n)\n"
    data = make([], source)
    run = read_file(NOTEBOOK, data).run
    assert {name: run.settings[name].value for name in ("learning_rate", "max_steps")} == {
        "learning_rate": 0.0002,
        "max_steps": 60.0,
    }
    line = run.settings["learning_rate"].line
    assert (line.number, line.text) == (line_of(data, "2e-4"), data.decode().split("\n")[line.number - 1])


def test_the_third_version_of_the_format_is_read() -> None:
    output = {"output_type": "display_data", "html": TABLE}
    printed = {"output_type": "stream", "stream": "stdout", "text": ["hello\n"]}
    cell = {"cell_type": "code", "input": ["x = 1"], "outputs": [output, printed]}
    data = json.dumps({"nbformat": 3, "worksheets": [{"cells": [cell]}]}, indent=1).encode()
    assert NOTEBOOK.detect(data)
    reading = read_file(NOTEBOOK, data)
    assert reading.pairs() == [(10, 2.5), (20, 2.25)]
    assert [text for _, text in reading.texts] == [b"hello"]


def test_pictures_are_passed_over() -> None:
    data = make([display(image_png="iVBORw0KGgo" * 1000), display(text_html=TABLE)])
    assert read_file(NOTEBOOK, data).pairs() == [(10, 2.5), (20, 2.25)]


def test_a_notebook_that_breaks_off_is_read_up_to_there() -> None:
    data = make([display(text_html=TABLE)])
    reading = read_file(NOTEBOOK, data[: data.index(b"20</td>")])
    assert reading.pairs() == [(10, 2.5)]
    assert any("breaks off in line" in note for note in reading.run.notes)


def test_a_notebook_that_is_too_large_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook, "MAX_BYTES", 1 << 20)
    with pytest.raises(BadInput, match=r"larger than 1 MiB.*clear images"):
        read_file(NOTEBOOK, make([stream("x" * (2 << 20))]))


def test_the_walk_tells_every_value_and_its_place() -> None:
    data = rb'{"a": [1, {"b": null}], "c\"d": "x"} [true]'
    found = {path: data[start:end] for path, start, end in walk(data)}
    assert found == {
        (0, "a", 0): b"1",
        (0, "a", 1, "b"): b"null",
        (0, 'c"d'): b'"x"',
        (1, 0): b"true",
    }


@pytest.mark.parametrize("data", [b"]}", b"[" * 1000 + b"1", b'{"a"', b'{"a": ', b'"', b"{1: 2}", b"::,,", b'{"a": "b'])
def test_the_walk_goes_through_what_is_no_json(data: bytes) -> None:
    assert all(start <= end <= len(data) for _, start, end in walk(data))


def test_what_is_nested_too_deep_is_passed_over() -> None:
    data = b'{"a": ' + b"[" * 100 + b"1" + b"]" * 100 + b', "b": 2}'
    assert [path for path, _, _ in walk(data)] == [(0, "b")]


def test_lines_are_found_in_any_order() -> None:
    lines = LineFinder(b"one\ntwo\r\n" + b"x" * 5000 + b"\nlast")
    assert [lines.line_at(place).text for place in (0, 5, 5011, 1)] == ["one", "two", "last", "one"]
    assert len(lines.line_at(3000).text) <= 480
    assert lines.line_at(3000).number == 3
    assert read_string(b'"\\ud83d"') == "\ud83d"
