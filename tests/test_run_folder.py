"""A run folder: the file that tells most gives the metrics, every file gives its problems and settings."""

import json
from pathlib import Path

import pytest
from run_factory import add_evals, descend, make_rows, render, render_state

from tools.errors import BadInput
from tools.log_parser import parse_path

ROWS = add_evals(make_rows(descend(40)), [1.9, 1.5, 1.3])
CRASH = (
    b'Traceback (most recent call last):\n  File "/opt/train.py", line 3, in main\n    loss.backward()\n'
    b"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.\n"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "checkpoint-100").mkdir()
    (tmp_path / "checkpoint-100" / "trainer_state.json").write_bytes(render_state(ROWS[:10]))
    (tmp_path / "checkpoint-400").mkdir()
    (tmp_path / "checkpoint-400" / "trainer_state.json").write_bytes(render_state(ROWS))
    (tmp_path / "train.out").write_bytes(render(ROWS[:5]))
    (tmp_path / "train.err").write_bytes(CRASH)
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 8, "lora_alpha": 16, "peft_type": "LORA"}, indent=1))
    (tmp_path / "adapter_model.safetensors").write_bytes(bytes(1000))
    return tmp_path


def test_the_metrics_are_those_of_the_last_checkpoint(folder: Path) -> None:
    run = parse_path(folder)
    assert (run.name, len(run.points("loss")), len(run.points("eval_loss"))) == (str(folder), 40, 3)
    assert run.points("loss")[0].line.source == "checkpoint-400/trainer_state.json"


def test_a_crash_in_another_file_belongs_to_the_run(folder: Path) -> None:
    (problem,) = parse_path(folder).problems
    assert (problem.kind, problem.lines[-1].source) == ("out_of_memory", "train.err")


def test_settings_come_from_configs_as_well(folder: Path) -> None:
    settings = parse_path(folder).settings
    assert (settings["lora_r"].value, settings["lora_alpha"].value, settings["logging_steps"].value) == (8, 16, 10)


def test_what_was_read_is_told(folder: Path) -> None:
    note = parse_path(folder).notes[0]
    assert note.endswith("the metrics are those of checkpoint-400/trainer_state.json")
    assert all(name in note for name in ("train.out", "train.err"))


def test_a_folder_without_a_readable_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(BadInput, match=r"1 file\(s\) in it were read, none is a training log; pass a folder with"):
        parse_path(tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "run"
    inside.mkdir()
    (tmp_path / "secret.log").write_bytes(render(ROWS))
    (inside / "train.log").symlink_to(tmp_path / "secret.log")
    with pytest.raises(BadInput, match="it holds no log"):
        parse_path(inside)
