"""``ftchat check`` as programs and people call it: several inputs, formats, the terminal view."""

import io
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from run_factory import add_evals, descend, make_rows, render, render_state

from assistant.check_view import view_sections
from assistant.cli import main
from assistant.render import render_sections
from tools.diagnosis import diagnose
from tools.log_parser import parse_log

ROOT = Path(__file__).parent.parent
BANNER = (
    "==((====))==  Unsloth 2025.3.19: Fast Llama patching. Transformers: 4.50.0.\n"
    "   \\\\   /|    Tesla T4. Num GPUs = 1. Max memory: 14.741 GB. Platform: Linux.\n"
    "learning_rate: 2e-4\nper_device_train_batch_size: 2\n"
)
ROWS = add_evals(make_rows(descend(40)), [2.0, 1.6, 1.4, 1.3])
HEALTHY = BANNER.encode() + render(ROWS)
BROKEN = BANNER.encode() + render(make_rows([*descend(30), *[math.nan] * 5]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.log").write_bytes(HEALTHY)
    (tmp_path / "bad.log").write_bytes(BROKEN)
    (tmp_path / "empty.log").write_bytes(b"")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "trainer_state.json").write_bytes(render_state(ROWS))
    return tmp_path


def check(*arguments: str | Path) -> int:
    return main(["check", *map(str, arguments)])


def show(data: bytes, width: int = 100) -> str:
    run = parse_log(io.BytesIO(data), "train.log")
    return render_sections(view_sections(run, diagnose(run), (), {}, width), width)


def test_files_folders_and_stdin_are_checked_in_one_call(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BROKEN)))
    code = check(folder / "good.log", folder / "run", "-", folder / "empty.log", "--json")
    loaded = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert code == 2
    assert [one["judged"] for one in loaded] == [True, True, True, False]
    assert [one["healthy"] for one in loaded] == [True, True, False, None]
    assert loaded[1]["file"] == str(folder / "run")
    assert "is empty" in loaded[3]["error"]


@pytest.mark.parametrize(
    ("names", "flags", "code"),
    [
        (("good.log",), (), 0),
        (("good.log", "bad.log"), (), 1),
        (("bad.log", "empty.log"), (), 2),
        (("bad.log",), ("--fail-on", "error"), 1),
        (("good.log",), ("--fail-on", "error"), 0),
    ],
)
@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit"])
def test_the_worst_exit_code_wins_in_every_format(
    folder: Path, names: tuple[str, ...], flags: tuple[str, ...], code: int, form: str
) -> None:
    assert check(*(folder / name for name in names), *flags, "--format", form) == code


def test_json_is_short_for_its_format(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check(folder / "bad.log", "--json")
    short = capsys.readouterr().out
    check(folder / "bad.log", "--format", "json")
    assert capsys.readouterr().out == short


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit"])
def test_output_is_written_to_a_file_in_every_format(
    folder: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    target = folder / "report"
    assert check(folder / "bad.log", "--format", form, "--output", target) == 1
    assert capsys.readouterr().out == ""
    text = target.read_text()
    assert "loss_nan" in text
    if form == "sarif":
        assert json.loads(text)["version"] == "2.1.0"
    if form == "junit":
        assert ElementTree.fromstring(text).tag == "testsuites"  # noqa: S314  the text is our own


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--json", "--format", "junit"), "contradict each other"),
        (("--output", "/nonexistent/report"), "cannot be written"),
        (("--config", "/nonexistent.yaml"), "cannot be read"),
    ],
)
def test_flags_that_cannot_be_used_are_one_line(
    folder: Path, flags: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(folder / "good.log", *flags) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("interval", ["0", "-1", "nan", "x", "1e9"])
def test_an_interval_is_a_number_of_seconds(folder: Path, interval: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        check(folder / "good.log", "--follow", "--interval", interval)
    assert caught.value.code == 2
    assert "--interval" in capsys.readouterr().err


def test_an_empty_folder_is_one_line_and_not_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(tmp_path) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert str(tmp_path) in captured.err


def test_a_config_among_the_inputs_gives_its_settings_to_the_logs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "axolotl.yaml").write_text("lora_r: 16\nmicro_batch_size: 2\n")
    (folder / "adapter_config.json").write_text('{"r": 16, "lora_alpha": 32}')
    names = [folder / name for name in ("axolotl.yaml", "good.log", "adapter_config.json", "run/trainer_state.json")]
    assert check(*names, "--json") == 0
    loaded = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["format"] for one in loaded] == ["config", "hf_console", "config", "hf_trainer_state"]
    assert [one["judged"] for one in loaded] == [False, True, False, True]
    assert ["error" in one for one in loaded] == [False] * 4
    for one in (loaded[1], loaded[3]):
        assert one["settings"]["lora_r"] == {"value": 16.0, "line": 1, "source": str(names[0])}
        assert one["settings"]["lora_alpha"]["value"] == 32


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit"])
def test_a_config_alone_cannot_be_judged(folder: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "train.py").write_text("args = TrainingArguments(learning_rate=2e-4)\n")
    assert check(folder / "train.py", "--format", form) == 2
    captured = capsys.readouterr()
    assert "is a config of 1 known setting(s)" in captured.out + captured.err


@pytest.mark.parametrize("form", ["sarif", "junit"])
def test_a_config_beside_a_log_is_no_error_for_ci(folder: Path, form: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "c.toml").write_text("lora_r = 16\n")
    assert check(folder / "c.toml", folder / "good.log", "--format", form) == 0
    assert "is a config" not in capsys.readouterr().out


def test_the_view_tells_what_was_read_and_on_which_machine() -> None:
    shown = show(BROKEN)
    assert shown.startswith("WHAT WAS READ\n  train.log: hf_console, 35 records in ")
    assert "Machine: Tesla T4, 14.74 GiB, num gpus 1, transformers 4.50.0." in shown
    assert "Settings: learning rate 0.0002, micro-batch 2" in shown


def test_the_view_draws_a_line_for_every_series() -> None:
    curves = show(HEALTHY).split("CURVES\n")[1].split("\n\n")[0].split("\n")
    assert [line.split()[0] for line in curves] == ["loss", "eval_loss", "learning_rate", "grad_norm"]
    assert "min 1.3 at step 400" in curves[1]
    assert "×" not in curves[0]


def test_what_is_not_finite_is_marked_in_the_curve() -> None:
    loss = show(BROKEN).split("CURVES\n")[1].split("\n")[0]
    assert loss.count("×") == 5


def test_a_finding_stands_with_its_confidence_and_its_lines() -> None:
    shown = show(BROKEN)
    assert "(error, certain) [loss_nan]" in shown
    assert "'loss': nan" in shown.split("WHAT IS WRONG")[1]


def test_what_could_not_be_checked_is_told_with_its_reason() -> None:
    assert "overfitting: " in show(BROKEN).split("NOT CHECKED")[1]


def test_a_log_without_a_metric_is_said_to_be_unjudged() -> None:
    shown = show(b"starting\nstill starting\n")
    assert "no known format, 2 lines" in shown
    assert "could not be judged" in shown


@pytest.mark.parametrize("width", [80, 100, 110])
def test_no_line_of_the_view_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, show(BROKEN, width).split("\n"))) <= width
    assert max(map(len, show(HEALTHY, width).split("\n"))) <= width


def test_control_characters_of_a_log_are_visible() -> None:
    shown = show(BROKEN.replace(b"learning_rate: 2e-4", b"model_name_or_path: \x1b[31m/m/x\x1b[0m\x07"))
    assert "\x1b" not in shown
    assert "\x07" not in shown


def test_a_terminal_without_unicode_is_no_reason_to_fail(folder: Path) -> None:
    command = [sys.executable, "-m", "assistant.cli", "check", str(folder / "good.log")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True)
    assert "\\u2581" in done.stdout
    assert done.stderr == ""


def test_a_check_that_finds_nothing_reads_no_card_and_loads_no_format_that_it_does_not_write(folder: Path) -> None:
    code = (
        "import sys; from assistant.cli import main; main(['check', sys.argv[1]]); "
        "print(*({'yaml', 'knowledge', 'xml', 'langchain_core', 'numpy', 'torch'} & set(sys.modules)), file=sys.stderr)"
    )
    command = [sys.executable, "-c", code, str(folder / "good.log")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=True)
    assert "No fault" in done.stdout
    assert done.stderr.split() == []
