"""Real logs that were recorded for this project: each is read and judged as its golden file says."""

import json
from pathlib import Path

import pytest
from evals.golden import describe, golden_path, list_logs
from evals.groups import DIGITS, RECORDED, RECORDED_4
from evals.labelled import read_folder

MAX_BYTES = 60_000


def test_every_recorded_log_is_labelled() -> None:
    labelled = [folder / case.name for folder in (RECORDED, RECORDED_4, DIGITS) for case in read_folder(folder)]
    assert sorted(labelled) == sorted(list_logs()) != []


@pytest.mark.parametrize("path", list_logs(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_recorded_log_gives_what_its_golden_file_says(path: Path) -> None:
    golden = json.loads(golden_path(path).read_text(encoding="utf-8"))
    assert json.loads(json.dumps(describe(path))) == golden, "if the change is meant, run 'make golden'"


@pytest.mark.parametrize("path", list_logs(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_recorded_log_is_small_and_names_no_place_of_its_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < MAX_BYTES
    assert not any(place in text for place in ("/home/", "/root/", "/work/"))
