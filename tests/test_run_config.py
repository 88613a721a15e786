"""Training config files of every syntax, read for the settings they name."""

from pathlib import Path

import pytest

from tools.errors import BadInput
from tools.run_config import read_config

SYNTAXES = {
    "config.yaml": "base_model: m\nlearning_rate: 2e-4\nlora_r: 16\nbf16: true\n",
    "config.json": '{\n "learning_rate": 0.0002,\n "lora_r": 16,\n "bf16": true\n}\n',
    "config.toml": "[training]\nlearning_rate = 2e-4\nlora_r = 16\nbf16 = true\n",
    "train.py": "args = SFTConfig(\n    learning_rate=2e-4,\n    lora_r=16,\n    bf16=True,\n)\n",
    "train.sh": "python train.py \\\n  --learning_rate 2e-4 \\\n  --lora_r 16 \\\n  --bf16 True\n",
    "windows.yaml": "learning_rate: 2e-4\r\nlora_r: 16\r\nbf16: true\r\n",
    "one_line.json": '{"learning_rate": 0.0002, "lora_r": 16, "bf16": true}',
}


def write(folder: Path, text: str | bytes, name: str = "config.yaml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.mark.parametrize(("name", "text"), SYNTAXES.items(), ids=SYNTAXES.keys())
def test_settings_are_read_in_every_syntax(tmp_path: Path, name: str, text: str) -> None:
    found = read_config(write(tmp_path, text, name))
    assert {key: setting.value for key, setting in found.items()} == {"learning_rate": 2e-4, "lora_r": 16, "bf16": True}


def test_a_setting_knows_its_file_and_its_line(tmp_path: Path) -> None:
    path = write(tmp_path, "base_model: m\n\n  learning_rate: 2e-4\r\n")
    line = read_config(path)["learning_rate"].line
    assert (line.number, line.text, line.source) == (3, "  learning_rate: 2e-4", str(path))


@pytest.mark.parametrize("mark", ["#", "  # ", "//"])
def test_a_line_that_is_a_comment_is_not_read(tmp_path: Path, mark: str) -> None:
    found = read_config(write(tmp_path, f"{mark}learning_rate: 1\nlearning_rate: 2e-4\n"))
    assert found["learning_rate"].value == 2e-4


def test_a_comment_at_the_end_of_a_line_is_not_read(tmp_path: Path) -> None:
    found = read_config(write(tmp_path, "learning_rate: 2e-4  # was learning_rate: 1, weight_decay: 1\n"))
    assert {name: setting.value for name, setting in found.items()} == {"learning_rate": 2e-4}


def test_the_first_value_of_a_setting_is_kept(tmp_path: Path) -> None:
    assert read_config(write(tmp_path, "seed: 1\nseed: 2\n"))["seed"].value == 1


def test_a_line_after_a_very_long_one_keeps_its_number(tmp_path: Path) -> None:
    text = "tokens: " + "x" * 10_000 + "\nlearning_rate: 2e-4\n"
    assert read_config(write(tmp_path, text))["learning_rate"].line.number == 2


def test_bytes_that_are_not_utf8_do_not_stop_the_reading(tmp_path: Path) -> None:
    assert read_config(write(tmp_path, b"author: \xff\xfe\nseed: 7\n"))["seed"].value == 7


@pytest.mark.parametrize("text", ["", "\n\n", "base_model: m\noutput_dir: out\n", "# learning_rate: 1\n"])
def test_a_file_without_a_known_setting_is_refused_with_an_example(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"config\.yaml: names no setting that is known, such as learning_rate"):
        read_config(write(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"missing\.yaml: cannot be read \(No such file or directory\)"):
        read_config(tmp_path / "missing.yaml")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot be read \(Is a directory\)"):
        read_config(tmp_path)
