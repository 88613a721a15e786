"""Formats that are read as whole files: each claims its own samples alone, and none takes a console log for its own."""

import math
from collections.abc import Mapping

import pytest
from file_reading import REAL_LOGS, WHOLE_FILE_FORMATS, read_file, real_entries, real_facts
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from run_factory import add_evals, descend, make_rows, render, render_state

from tools.errors import BadInput
from tools.log_formats import FILE_FORMATS, LINE_FORMATS
from tools.log_formats.config_file import CONFIG_FILE
from tools.log_formats.html_table import HTML_TABLE
from tools.log_formats.notebook import NOTEBOOK
from tools.log_formats.record import FileFormat
from tools.log_formats.table_files import TABLE
from tools.log_formats.tensorboard import TENSORBOARD

SAMPLES = [(one, data, values) for one in WHOLE_FILE_FORMATS for data, values in one.samples]
SAMPLE_NAMES = [f"{one.name}-{data[:12]!r}" for one, data, _ in SAMPLES]
REAL_FORMATS = {
    "lightning_metrics_csv": TABLE,
    "step_metrics_csv": TABLE,
    "tfevents": TENSORBOARD,
    "notebook_ipynb": NOTEBOOK,
    "notebook_table_html": HTML_TABLE,
}
FACTS = {
    "num_points": "n_points",
    "first_loss": "first_loss",
    "last_loss": "last_loss",
    "min_loss": "min_loss",
    "max_loss": "max_loss",
    "num_eval_points": "n_eval",
    "first_eval_loss": "first_eval_loss",
    "last_eval_loss": "last_eval_loss",
    "min_eval_loss": "min_eval_loss",
    "min_eval_step": "min_eval_step",
    "min_eval_epoch": "min_eval_epoch",
}
REAL = [
    (entry, FACTS[name], name)
    for entry in real_entries(*REAL_FORMATS)
    for name in FACTS
    if FACTS[name] in entry["facts"]
]
ROWS = add_evals(make_rows(descend(12)), [1.9, 1.5, 1.3])


def claims(data: bytes) -> list[str]:
    return [one.name for one in WHOLE_FILE_FORMATS if one.detect(data)]


@pytest.mark.parametrize(("file_format", "data", "values"), SAMPLES, ids=SAMPLE_NAMES)
def test_a_sample_is_claimed_by_its_own_format_alone(
    file_format: FileFormat, data: bytes, values: Mapping[str, float]
) -> None:
    assert claims(data) == [file_format.name]


@pytest.mark.parametrize(("file_format", "data", "values"), SAMPLES, ids=SAMPLE_NAMES)
def test_the_first_values_of_a_sample_are_those_it_states(
    file_format: FileFormat, data: bytes, values: Mapping[str, float]
) -> None:
    run = read_file(file_format, data).run
    points = {name: run.points(name)[0] for name in run.series} | dict(run.summary)
    metrics = {name: value for name, value in values.items() if name not in ("step", "epoch")}
    assert {name: points[name].value for name in metrics} == metrics
    for name in metrics:
        assert points[name].step == values.get("step")
        assert points[name].epoch == values.get("epoch")


@pytest.mark.parametrize(("file_format", "data", "values"), SAMPLES, ids=SAMPLE_NAMES)
def test_a_sample_in_small_pieces_reads_alike(
    file_format: FileFormat, data: bytes, values: Mapping[str, float]
) -> None:
    assert repr(read_file(file_format, data, piece_bytes=3)) == repr(read_file(file_format, data))


@pytest.mark.parametrize("file_format", WHOLE_FILE_FORMATS, ids=lambda one: one.name)
def test_every_format_has_a_sample_and_says_where_it_comes_from(file_format: FileFormat) -> None:
    assert file_format.samples
    assert file_format.source
    assert len({one.name for one in WHOLE_FILE_FORMATS}) == len(WHOLE_FILE_FORMATS)


@pytest.mark.parametrize("text", [text for one in LINE_FORMATS for text, _ in one.samples])
def test_a_line_of_a_console_is_no_file(text: str) -> None:
    assert claims(text.encode()) == []


@pytest.mark.parametrize(
    "data",
    [
        render(ROWS),
        render(ROWS, "strings"),
        render_state(ROWS),
        b"",
        b"\n\n",
        b"loss, step and epoch were logged\nall is well\n",
        b"a,b\n1,2\n",
        b"{}",
        b'{"a": 1}',
        b"Step Training Loss\n10 1.5\n",
        b"step: 10\nloss: 1.5\n",
        b"hello: world\n",
        b"SGVsbG8gd29ybGQsIHRoaXMgaXMgbm90IGEgdGFibGU=\n",
        b'{"loss": 1.5, "step": 10}\n{"loss": 1.25, "step": 20}\n',
        b'[{"loss": 1.5, "step": 10}, {"loss": 1.25, "step": 20}]',
    ],
)
def test_other_input_is_not_claimed(data: bytes) -> None:
    assert claims(data) == []


@pytest.mark.parametrize("path", sorted(REAL_LOGS.glob("*.*")), ids=lambda path: path.name)
def test_real_logs_are_claimed_by_the_format_that_they_have(path: object) -> None:
    known = {entry["file"]: entry["format"] for entry in real_entries(*REAL_FORMATS)}
    name = getattr(path, "name", "")
    wanted = [REAL_FORMATS[known[name]].name] if name in known else []
    assert claims((REAL_LOGS / name).read_bytes()[: 1 << 16]) == wanted


@pytest.mark.parametrize(("entry", "known", "name"), REAL, ids=lambda value: str(value)[:40])
def test_the_facts_of_a_real_file_are_those_of_its_text(entry: dict[str, object], known: str, name: str) -> None:
    facts = entry["facts"]
    assert isinstance(facts, dict)
    found = real_facts(REAL_FORMATS[str(entry["format"])], entry)[name]
    assert found == pytest.approx(facts[known], rel=1e-4)


@st.composite
def damaged_samples(draw: st.DrawFn) -> tuple[FileFormat, bytes]:
    """A sample with a piece cut out, changed or doubled."""
    file_format, data, _ = draw(st.sampled_from(SAMPLES))
    start = draw(st.integers(0, len(data)))
    end = draw(st.integers(start, len(data)))
    middle = draw(
        st.sampled_from([b"", data[start:end] * 2, b"\xff\x00", b'"', b"\n", b"<td>", b"[[", b"{", b"nan", b"9" * 400])
    )
    return file_format, data[:start] + middle + data[end:]


@given(damaged_samples())
@settings(
    derandomize=True, database=None, deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow]
)
def test_a_damaged_file_is_read_or_refused_in_words(damaged: tuple[FileFormat, bytes]) -> None:
    file_format, data = damaged
    try:
        run = read_file(file_format, data).run
    except BadInput as error:
        assert "\n" not in str(error)
    else:
        assert run.num_bytes == len(data) or any("damaged" in note or "breaks off" in note for note in run.notes)


@given(st.binary(max_size=300))
@example(b"\x80" * 40)
@settings(derandomize=True, database=None, deadline=None, max_examples=200)
def test_bytes_of_any_kind_do_no_harm(data: bytes) -> None:
    for one in WHOLE_FILE_FORMATS:
        one.detect(data)
        try:
            read_file(one, data)
        except BadInput as error:
            assert str(error)


@pytest.mark.parametrize("file_format", WHOLE_FILE_FORMATS, ids=lambda one: one.name)
@pytest.mark.parametrize(
    "piece", [b'"', b"<", b"[", b"{", b",", b"a: ", b"\\", b"<td>", b'"\n', b'{"a":[', b"&#", b"A", b"\t", b"1,", b"\r"]
)
def test_a_long_file_of_one_piece_ends(file_format: FileFormat, piece: bytes) -> None:
    data = file_format.samples[0][0] + piece * ((1 << 18) // len(piece))
    file_format.detect(data[: 1 << 16])
    try:
        run = read_file(file_format, data).run
    except BadInput as error:
        assert str(error)
    else:
        assert math.isfinite(run.num_lines)


CONFIGS = {
    "plain": ("learning_rate: 0.0002\nlora_r: 16\n", {"learning_rate": 0.0002, "lora_r": 16.0}),
    "a list": (
        "lora_target_modules:\n  - q_proj\n  - v_proj\nlora_r: 16\n",
        {"target_modules": "q_proj,v_proj", "lora_r": 16.0},
    ),
    "comments": ("# mine\n---\n\nlora_r: 16 # rank\nmax_steps: 500\n", {"lora_r": 16.0, "max_steps": 500.0}),
    "tracked": (
        "wandb_version: 1\n\nlearning_rate:\n  desc: null\n  value: 0.0002\nlora_r:\n  value: 16\n",
        {"learning_rate": 0.0002, "lora_r": 16.0},
    ),
    "a tracked list": (
        "lora_r:\n  value: 16\nlora_target_modules:\n  desc: null\n  value:\n  - q_proj\n  - v_proj\n",
        {"lora_r": 16.0, "target_modules": "q_proj,v_proj"},
    ),
}


@pytest.mark.parametrize(("text", "wanted"), CONFIGS.values(), ids=CONFIGS.keys())
def test_a_config_gives_settings_and_no_run(text: str, wanted: dict[str, object]) -> None:
    assert claims(text.encode()) == [CONFIG_FILE.name]
    reading = read_file(CONFIG_FILE, text)
    assert reading.settings == wanted
    assert not reading.run.is_judgeable
    lines = text.split("\n")
    for setting in reading.run.settings.values():
        assert setting.line.text == lines[setting.line.number - 1]


@pytest.mark.parametrize(
    "text", ["learning_rate: 0.1\nlora_r: 16\nloss: 2.5\n", "learning_rate: 0.1\nlora_r: 16\nStarting training\n"]
)
def test_a_log_that_begins_with_its_config_is_no_config(text: str) -> None:
    assert claims(text.encode()) == []


def test_the_ranks_of_a_job_log_are_no_keys_of_a_config() -> None:
    text = b"0: Num Epochs = 3\n0: learning_rate: 1e-4\n0: seed: 42\n0: {'loss': 2.4, 'epoch': 0.1}\n"
    assert not any(file_format.detect(text) for file_format in FILE_FORMATS)
