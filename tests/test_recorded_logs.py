"""Real logs that were recorded for this project: each is read and judged as its golden file says."""

import json
from pathlib import Path

import pytest
from evals.golden import describe, golden_path, list_logs
from evals.groups import RECORDED
from evals.labelled import read_folder

MAX_BYTES = 60_000


def test_every_recorded_log_is_labelled() -> None:
    assert {case.name for case in read_folder(RECORDED)} == {path.name for path in list_logs()} != set()


@pytest.mark.parametrize("path", list_logs(), ids=lambda path: path.name)
def test_a_recorded_log_gives_what_its_golden_file_says(path: Path) -> None:
    golden = json.loads(golden_path(path).read_text(encoding="utf-8"))
    assert json.loads(json.dumps(describe(path))) == golden, "if the change is meant, run 'make golden'"


@pytest.mark.parametrize("path", list_logs(), ids=lambda path: path.name)
def test_a_recorded_log_is_small_and_names_no_place_of_its_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MAX_BYTES
    assert not any(place in text for place in ("/home/", "/root/", "/work/"))
