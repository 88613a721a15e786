"""Rows are the same whatever they are written in; what cannot be read is counted or refused in one line."""

import bz2
import gzip
import json
import lzma
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from dataset_factory import make_clean, write_csv, write_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.dataset import DatasetReport, inspect_dataset, inspect_datasets
from tools.errors import BadInput

ALPACA = make_clean("alpaca", 120)
LINES = "".join(json.dumps(row) + "\n" for row in ALPACA).encode()
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": zstandard.ZstdCompressor().compress,
}


def seen(report: DatasetReport) -> tuple[Any, ...]:
    """What a report says, apart from names and notes."""
    return report.format, report.num_rows, report.lengths, [(one.kind, one.rows) for one in report.defects]


@pytest.fixture
def expected(tmp_path: Path) -> tuple[Any, ...]:
    return seen(inspect_dataset([write_lines(tmp_path / "expected.jsonl", ALPACA)]))


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


JSON = {
    "an array on one line": json.dumps(ALPACA),
    "an indented array": json.dumps(ALPACA, indent=2),
    "an array with a row a line": "[\n" + ",\n".join(map(json.dumps, ALPACA)) + "\n]\n",
    "an array under a key": json.dumps({"data": ALPACA}),
    "an indented array under a key": json.dumps({"version": "1.0", "data": ALPACA}, indent=1),
    "an array under a key with a row a line": '{"rows": [\n' + ",\n".join(map(json.dumps, ALPACA)) + "\n]}",
    "columns": json.dumps({name: [row[name] for row in ALPACA] for name in ALPACA[0]}),
    "columns of pandas": json.dumps({key: {str(at): row[key] for at, row in enumerate(ALPACA)} for key in ALPACA[0]}),
    "indented objects one after another": "\n".join(json.dumps(row, indent=2) for row in ALPACA),
    "lines with empty ones at the end": LINES.decode() + "\n\n",
    "lines with carriage returns": LINES.decode().replace("\n", "\r\n"),
}


@pytest.mark.parametrize("text", JSON.values(), ids=JSON.keys())
@pytest.mark.parametrize("ending", ["json", "jsonl", "data"])
def test_json_in_any_arrangement_gives_the_same_rows(
    tmp_path: Path, expected: tuple[Any, ...], text: str, ending: str
) -> None:
    assert seen(inspect_dataset([write(tmp_path / f"rows.{ending}", text)])) == expected


@pytest.mark.parametrize("ending", PACKERS)
def test_packed_rows_are_read_like_the_rows_inside(tmp_path: Path, expected: tuple[Any, ...], ending: str) -> None:
    assert seen(inspect_dataset([write(tmp_path / f"rows.jsonl.{ending}", PACKERS[ending](LINES))])) == expected


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig"])
def test_rows_in_another_encoding_are_read_like_their_text(
    tmp_path: Path, expected: tuple[Any, ...], encoding: str
) -> None:
    assert seen(inspect_dataset([write(tmp_path / "rows.jsonl", LINES.decode().encode(encoding))])) == expected


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_tables_give_the_same_rows(tmp_path: Path, expected: tuple[Any, ...], delimiter: str) -> None:
    name = "rows.tsv" if delimiter == "\t" else "rows.csv"
    assert seen(inspect_dataset([write_csv(tmp_path / name, ALPACA, delimiter)])) == expected


def test_a_table_without_a_header_has_numbered_columns(tmp_path: Path) -> None:
    report = inspect_dataset([write(tmp_path / "rows.csv", "3,Ships lie at the quay\n1,The crane is broken\n" * 30)])
    assert (report.columns, report.num_rows) == (("column_1", "column_2"), 60)


def test_records_with_missing_fields_are_counted(tmp_path: Path) -> None:
    report = inspect_dataset([write(tmp_path / "rows.csv", 'text,label\n"a, ""b""\nc",x\nonly one\nd,y\n')])
    assert (report.num_rows, report.num_bad) == (2, 1)
    assert report.defects[0].rows == (2,)


def test_parquet_and_arrow_give_the_same_rows(tmp_path: Path, expected: tuple[Any, ...]) -> None:
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not a dependency")
    from importlib import import_module

    table = arrow.Table.from_pylist(ALPACA)
    import_module("pyarrow.parquet").write_table(table, tmp_path / "rows.parquet")
    with arrow.OSFile(str(tmp_path / "rows.arrow"), "wb") as sink, arrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with arrow.OSFile(str(tmp_path / "file.arrow"), "wb") as sink, arrow.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    for name in ("rows.parquet", "rows.arrow", "file.arrow"):
        assert seen(inspect_dataset([tmp_path / name])) == expected


def test_without_pyarrow_a_parquet_file_is_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(BadInput, match="pip install pyarrow"):
        inspect_dataset([write(tmp_path / "rows.parquet", b"PAR1 and so on")])


def test_plain_text_has_a_row_a_line(tmp_path: Path) -> None:
    report = inspect_dataset([write(tmp_path / "corpus.txt", "A first line.\n\nA third line.\n")])
    assert (report.format, report.num_rows) == ("text", 2)


def test_a_folder_of_shards_is_one_set_with_its_splits(tmp_path: Path) -> None:
    write_lines(tmp_path / "train-00000-of-00002.jsonl", ALPACA[:50])
    write_lines(tmp_path / "train-00001-of-00002.jsonl", ALPACA[50:100])
    write_lines(tmp_path / "test.jsonl", [*ALPACA[100:], ALPACA[3]])
    write(tmp_path / "dataset_info.json", '{"features": {}}')
    write(tmp_path / "README.md", "# A set")
    report = inspect_dataset([tmp_path])
    assert report.splits == {"train": 100, "test": 21}
    overlap = next(defect for defect in report.defects if defect.kind == "train_validation_overlap")
    assert [(Path(place.file).name, place.row) for place in overlap.places] == [("test.jsonl", 21)]
    assert overlap.share == pytest.approx(1 / 21)


def test_splits_inside_one_file_are_compared(tmp_path: Path) -> None:
    text = json.dumps({"train": ALPACA[:100], "validation": [*ALPACA[100:], ALPACA[0]]}, indent=1)
    report = inspect_dataset([write(tmp_path / "rows.json", text)])
    assert report.splits == {"train": 100, "validation": 21}
    assert {defect.kind: defect.num_rows for defect in report.defects} == {"train_validation_overlap": 1}


@pytest.mark.parametrize("change", [str.upper, lambda text: f" {text} ", lambda text: text.replace(".", "")])
def test_files_named_as_splits_are_compared_loosely_too(tmp_path: Path, change: Callable[[str], str]) -> None:
    shared = [{**row, "output": change(row["output"])} for row in ALPACA[10:14]]
    train = write_lines(tmp_path / "train.jsonl", ALPACA[:100])
    held_out = write_lines(tmp_path / "validation.jsonl", ALPACA[100:] + shared)
    reports = [report for report in inspect_datasets([held_out, train]) if isinstance(report, DatasetReport)]
    found = [(defect.kind, defect.rows, defect.pitfall) for defect in reports[0].defects]
    assert found == [("train_validation_overlap", (21, 22, 23, 24), "data_leakage")]
    assert not reports[1].defects


REFUSED = {
    "empty.jsonl": b"",
    "blank.jsonl": b" \n\n",
    "binary.jsonl": bytes(range(256)) * 40,
    "noise.bin": os.urandom(20_000),
    "archive.zip": b"PK\x03\x04" + bytes(100),
    "model.gguf": b"GGUF" + bytes(100),
    "weights.bin": b"\x80\x02}q\x00.",
    "broken.parquet": b"PAR1" + bytes(50),
    "broken.jsonl.gz": b"\x1f\x8b" + bytes(40),
    "numbers.json": b"[1, 2, 3]",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_holds_no_rows_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput) as caught:
        inspect_dataset([write(tmp_path / name, REFUSED[name])])
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        inspect_dataset([tmp_path / "none.jsonl"])
    with pytest.raises(BadInput, match="holds no file of rows"):
        inspect_dataset([tmp_path])


def test_bad_lines_are_counted_by_their_numbers(tmp_path: Path) -> None:
    lines: list[Any] = [*ALPACA]
    lines[3:3] = ["{broken", '{"a": NaN', "", "[" * 100_000]
    report = inspect_dataset([write_lines(tmp_path / "rows.jsonl", lines)])
    assert (report.num_rows, report.num_bad, report.defects[0].rows) == (120, 3, (4, 5, 7))


def test_an_array_that_breaks_off_is_read_up_to_there(tmp_path: Path) -> None:
    report = inspect_dataset([write(tmp_path / "rows.json", json.dumps(ALPACA)[:-40])])
    assert (report.num_rows, report.num_bad, report.defects[0].rows) == (119, 1, (120,))


def test_lines_in_another_encoding_are_read_and_told(tmp_path: Path) -> None:
    lines = LINES.split(b"\n")
    lines[8] = '{"instruction": "Où?", "input": "", "output": "Là-bas, derrière le port et la gare."}'.encode("latin-1")
    report = inspect_dataset([write(tmp_path / "rows.jsonl", b"\n".join(lines))])
    assert [(defect.kind, defect.rows) for defect in report.defects] == [("encoding_damage", (9,))]


def test_not_a_number_and_halves_of_letters_are_read(tmp_path: Path) -> None:
    text = LINES.decode() + '{"instruction": "half \\ud83d", "output": "b", "score": NaN}\n'
    report = inspect_dataset([write(tmp_path / "rows.jsonl", text)])
    assert report.num_rows == 121
    repr(report).encode()


MEGABYTE = {
    "one letter": "x" * 1_000_000,
    "quotes": '"' * 1_000_000,
    "backslashes": "\\" * 1_000_000,
    "brackets": "[{" * 500_000,
    "open string": '{"text": "' + "a" * 1_000_000,
    "one row": json.dumps({"text": "long words " * 90_000}),
    "one column": json.dumps({"prompt": "p", "completion": "<|" * 500_000}),
    "at signs": json.dumps({"text": "a@" * 500_000}),
    "dots": json.dumps({"text": "a@b." + "b." * 500_000}),
    "keys": json.dumps({"text": "sk-" * 330_000}),
    "many keys": json.dumps({f"key {number}": number for number in range(60_000)}),
    "pairs": "{" + '"k": 1, ' * 120_000,
}


@pytest.mark.parametrize("ending", ["jsonl", "json", "csv", "txt"])
@pytest.mark.parametrize("name", MEGABYTE)
def test_a_line_of_a_megabyte_takes_no_more_than_seconds(tmp_path: Path, name: str, ending: str) -> None:
    path = write(tmp_path / f"rows.{ending}", MEGABYTE[name])
    begun = time.process_time()
    try:
        report = inspect_dataset([path])
    except BadInput:
        report = None
    assert time.process_time() - begun < 5
    assert report is None or report.num_rows + report.num_bad >= 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    ("messages", "conversations", "prompt", "completion", "instruction", "output", "text", "label", "labels")
) | st.sampled_from(("input_ids", "chosen", "rejected"))
TURNS = st.lists(st.dictionaries(st.sampled_from(["role", "content", "from", "value", "tool_calls"]), VALUES))
ROWS = st.lists(st.dictionaries(KEYS, VALUES | TURNS, max_size=4) | VALUES, min_size=1, max_size=8)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_any_json_values_are_counted_as_rows_or_as_bad_ones(tmp_path: Path, rows: list[Any]) -> None:
    rows = [{"text": "a first row"}, *rows]
    path = write_lines(tmp_path / "rows.jsonl", list(map(json.dumps, rows)))
    report = inspect_dataset([path], max_length=9, vocab_size=9)
    assert report.num_rows + report.num_bad == len(rows)
    for defect in report.defects:
        assert 0 <= defect.share <= 1
        assert all(1 <= row <= len(rows) for row in defect.rows)
        assert f"{defect.summary}{defect.sample}".isprintable()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), ending=st.sampled_from(["jsonl", "json", "csv", "txt", "parquet", "gz"]))
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes, ending: str) -> None:
    try:
        report = inspect_dataset([write(tmp_path / f"rows.{ending}", data)])
    except BadInput as error:
        assert "\n" not in str(error)
    else:
        assert report.num_rows + report.num_bad >= 1
