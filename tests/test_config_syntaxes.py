"""Configs and scripts of many trainers: the settings under Hugging Face's names, each with its line."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from config_samples import CASES, Values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from script_samples import SCRIPTS

from tools.errors import BadInput
from tools.run_config import read_config


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def values_in(folder: Path, name: str, text: str) -> Values:
    return {key: one.value for key, one in read_config(write(folder, name, text)).items()}


SAMPLES = CASES | SCRIPTS


@pytest.mark.parametrize(
    ("name", "text", "found"), [(name, *case) for name, case in SAMPLES.items()], ids=SAMPLES.keys()
)
def test_the_config_of_a_trainer_gives_hugging_face_names(tmp_path: Path, name: str, text: str, found: Values) -> None:
    assert values_in(tmp_path, name, text) == found


@pytest.mark.parametrize(
    ("name", "setting", "number"),
    [
        ("torchtune.yaml", "learning_rate", 12),
        ("deepspeed.json", "learning_rate", 4),
        ("adapter_config.json", "target_modules", 5),
        ("unsloth.py", "learning_rate", 14),
        ("run.sh", "max_steps", 7),
        ("titan.toml", "learning_rate", 3),
    ],
)
def test_a_setting_knows_its_line_in_every_syntax(tmp_path: Path, name: str, setting: str, number: int) -> None:
    text = SAMPLES[name][0]
    line = read_config(write(tmp_path, name, text))[setting].line
    assert (line.number, line.text) == (number, text.split("\n")[number - 1])


@pytest.mark.parametrize("indent", [None, 1])
def test_a_notebook_is_read_in_its_code_cells_only(tmp_path: Path, indent: int | None) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["learning_rate = 1\n"]},
        {"cell_type": "code", "source": ["!pip install trl\n", "learning_rate = 2e-4 🦥\n"]},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "seed = 3\n", "args = SFTConfig(\n", "  max_steps=60)"],
        },
    ]
    text = json.dumps({"cells": cells}, indent=indent)
    found = read_config(write(tmp_path, "run.ipynb", text))
    assert {name: one.value for name, one in found.items()} == {"seed": 3, "max_steps": 60}
    assert "max_steps=60" in found["max_steps"].line.text


def test_nothing_in_a_config_is_run_or_constructed(tmp_path: Path) -> None:
    target = tmp_path / "made"
    yaml = f"x: !!python/object/apply:pathlib.Path.touch [{target}]\nlearning_rate: 1e-4\n"
    script = f"import pathlib\npathlib.Path({str(target)!r}).touch()\nlearning_rate = 1e-4\n"
    assert values_in(tmp_path, "a.yaml", yaml) == values_in(tmp_path, "a.py", script) == {"learning_rate": 1e-4}
    assert not target.exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("broken.py", "def (:\n    learning_rate=1e-4,\n"),
        ("broken.yaml", "a: [1\nlearning_rate: 1e-4\n"),
        ("broken.json", '{"learning_rate": 1e-4,\n // note\n'),
        ("settings.conf", "learning_rate = 1e-4\n"),
    ],
)
def test_what_cannot_be_parsed_is_still_read_by_its_lines(tmp_path: Path, name: str, text: str) -> None:
    assert values_in(tmp_path, name, text) == {"learning_rate": 1e-4}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deep.json", "[" * 200_000),
        ("deep.yaml", "a: " + "{b: " * 50_000),
        ("deep.py", "x = " + "(" * 50_000),
        ("sum.py", "x = 1" + "+1" * 900),
        ("long.py", "x = " + "-" * 100_000 + "1"),
        (
            "bomb.yaml",
            "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*{'ab'[n > 0]}{n - 1 if n else ''}]\n" for n in range(9)),
        ),
        ("lines.sh", "$A" * 500_000),
        ("cells.ipynb", '{"cells": ' + "[" * 100_000),
    ],
)
def test_hostile_nesting_is_refused_in_words(tmp_path: Path, name: str, text: str) -> None:
    with pytest.raises(BadInput, match="names no setting that is known"):
        read_config(write(tmp_path, name, text))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"learning_rate: 1\n" + b"x" * (4 << 20), "is larger than 4.00 MiB"),
        (b"\x00\x01\x02\x03" * 10, "is binary data"),
        (b"base_model: m/m2x\n"[:0] + b"hello\n", "names no setting that is known, such as learning_rate"),
    ],
)
def test_what_is_no_config_is_refused_with_what_is_allowed(tmp_path: Path, raw: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        read_config(write(tmp_path, "config.yaml", raw))
    assert "YAML, JSON, TOML, Python, shell or a notebook" in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=300), st.sampled_from([".py", ".yaml", ".json", ".toml", ".sh", ".ipynb", ""]))
@settings(derandomize=True, database=None, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(tmp_path: Path, raw: bytes, suffix: str) -> None:
    with suppress(BadInput):
        assert read_config(write(tmp_path, f"config{suffix}", raw + b"\nlearning_rate: 1e-4\n"))


def test_utf16_is_read(tmp_path: Path) -> None:
    assert (
        read_config(write(tmp_path, "c.yaml", "learning_rate: 1e-4\n".encode("utf-16")))["learning_rate"].value == 1e-4
    )
