"""From bytes to a Run: true quotes, bounded memory, no input that takes forever, and plain words for bad input."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_factory import (
    SlowReader,
    add_evals,
    descend,
    draw_bar,
    make_rows,
    parse,
    quoted_lines,
    render,
    render_state,
    show_record,
)

from tools import log_parser, run_builder
from tools.diagnosis import diagnose
from tools.errors import BadInput
from tools.facts import collect_facts
from tools.log_parser import parse_log, parse_path
from tools.run import Line

ROWS = add_evals(make_rows(descend(40)), [1.9, 1.5, 1.3])
RECORD = show_record(ROWS[3]).encode()
CRASH = (
    b'Traceback (most recent call last):\n  File "/opt/train.py", line 3, in backward\n    loss.backward()\n'
    b"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB.\n"
)
PIECES = st.sampled_from(
    [
        *[b"\n", b"\n", b"\r", b"\r\n", b" ", b"\x1b[31m", b"\x1b[0m", b"\xff\xfe", b"\xe2\x96", "日本語".encode()],
        *[RECORD, show_record(ROWS[5], "strings").encode(), b"{'eval_loss': nan, 'epoch': 1.0}", CRASH],
        *[draw_bar(step, 500).encode() for step in (10, 20, 30)],
        *[b"learning_rate: 2e-4 ", b"  Num Epochs = 3", b"falling back to eager attention", b"ValueError: bad"],
        *[
            "é".encode() * 1100,
            b"x" + "é".encode() * 1100,
            b"{'loss': ",
            b"{",
            b"}",
            b"'",
            b"1/2 [",
            b"Traceback (most",
        ],
    ]
)
JSON_PIECES = st.sampled_from(
    [
        *[
            b"\n",
            b"\r\n",
            b" ",
            b",",
            b'"max_steps":\n 500',
            '"名": "é"'.encode(),
            b"\xff",
            b"]",
            b"[",
            b"{",
            b"}",
            b'"optim": "a\nb"',
        ],
        *[
            b'{"loss": 1.5, "step": 10}',
            b'{\n "eval_loss": NaN,\n "step": 20\n}',
            b'{"loss": 1e999}',
            b'"loss": ',
            b"null",
        ],
    ]
)
STREAMS = st.one_of(
    st.lists(PIECES, max_size=40).map(b"".join),
    st.lists(JSON_PIECES, max_size=40).map(lambda pieces: b'{"log_history": [' + b"".join(pieces)),
)
WHOLE_LOGS = {
    "floats": render(ROWS),
    "strings": render(ROWS, "strings"),
    "pretty": render_state(ROWS),
    "one line": render_state(ROWS, indent=None),
    "broken off": render_state(ROWS)[:-700],
    "crash": render(ROWS) + CRASH,
    "windows": render_state(ROWS).replace(b"\n", b"\r\n"),
}


def stands_in(line: Line, data: bytes) -> bool:
    """Whether a quote is a part of its physical line; bytes that are not UTF-8 are shown as escapes in both."""
    return line.text in data.split(b"\n")[line.number - 1].decode("utf-8", "backslashreplace")


@given(STREAMS)
@settings(derandomize=True, database=None, deadline=None, max_examples=300)
def test_every_quote_is_a_part_of_its_physical_line(data: bytes) -> None:
    data = b"start\n" + data if not data.startswith(b"{") else data
    run = parse(data)
    evidence = [line for finding in diagnose(run).findings for line in finding.evidence]
    assert [line for line in (*quoted_lines(run), *evidence) if not stands_in(line, data)] == []


@given(STREAMS)
@settings(derandomize=True, database=None, deadline=None, max_examples=300)
def test_no_mixture_stops_the_reading_or_the_judging(data: bytes) -> None:
    run = parse(b"start\n" + data)
    diagnose(run)
    assert collect_facts(run)["num_bytes"] == len(b"start\n" + data)


def test_a_coloured_bar_is_quoted_as_it_stands() -> None:
    bar = f"\x1b[32m{draw_bar(10, 500)}\x1b[0m"
    assert parse(f"start\n{bar}\n").num_lines == 2
    assert [stage.line.text for stage in parse(f"{bar}\n{show_record(ROWS[0])}\n{bar}\n").stages] == [bar]


@pytest.mark.parametrize("piece_bytes", [1, 7, 4096])
@pytest.mark.parametrize("data", WHOLE_LOGS.values(), ids=WHOLE_LOGS.keys())
def test_the_size_of_the_chunks_does_not_matter(data: bytes, piece_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_parser, "SAMPLE_BYTES", 512)
    assert repr(parse_log(SlowReader(data, piece_bytes))) == repr(parse_log(SlowReader(data, 1 << 20)))


def test_a_line_of_three_megabytes_is_cut_told_and_read_past() -> None:
    run = parse(b"start\n" + b"x" * 3_000_000 + b"\n" + RECORD + b"\n")
    assert run.notes == ("1 line(s) of over 1 MiB without a break were read only at the start",)
    assert [point.line.number for point in run.points("loss")] == [3]


def test_a_very_long_line_is_quoted_in_part() -> None:
    (point,) = parse(RECORD + b" " + b"x" * 100_000 + b"\n").points("loss")
    assert len(point.line.text) <= 2000


class Generated:
    """A stream that is made while it is read; nothing of it is kept."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts, self._rest = parts, b""

    def read(self, size: int, /) -> bytes:
        part = self._rest or next(self._parts, b"")
        self._rest = part[size:]
        return part[:size]


def one_line_of_bars() -> Iterator[bytes]:
    for block in range(1000):
        frame = b"\r 50%%|%b| %d/100000 [10:00<10:00,  1.00s/it]"
        yield b"".join(frame % (b"#" * 1000, block * 40 + index) for index in range(40))
        yield b"\r{'loss': %.3f, 'epoch': %.3f}" % (2 - block / 1000, block / 1000)


def bars_behind_long_text() -> Iterator[bytes]:
    for step in range(45):
        yield b"x" * 950_000 + b" 50%%|#####     | %d/1000 [10:00<10:00,  1.00s/it]\n" % step


def many_warnings() -> Iterator[bytes]:
    letters = str.maketrans("0123456789", "abcdefghij")
    for number in range(3000):
        yield f"{str(number).translate(letters):x<1900} falling back to eager attention\n".encode()


def json_rows_with_long_text() -> Iterator[bytes]:
    yield b'{"log_history": [\n'
    for step in range(45):
        yield b'{"loss": 1.5, "step": %d, "note": "%b"},\n' % (step, b"x" * 950_000)


@pytest.mark.parametrize("make", [one_line_of_bars, bars_behind_long_text, many_warnings, json_rows_with_long_text])
def test_memory_does_not_grow_with_the_input(make: Callable[[], Iterator[bytes]]) -> None:
    tracemalloc.start()
    run = parse_log(Generated(make()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000 + run.num_bytes / 4


def seconds(data: bytes) -> float:
    start = time.process_time()
    diagnose(parse(data))
    return time.process_time() - start


def growth(make: Callable[[int], bytes], size: int) -> float:
    """How many times as long four times the input takes; short inputs are repeated until they can be timed."""
    num_times = 1
    while (small := seconds(make(size) * num_times)) < 0.02:
        num_times *= 4
    return seconds(make(4 * size) * num_times) / small


NASTY: dict[str, tuple[Callable[[int], bytes], int]] = {
    "braces": (lambda n: b"x" + b"{" * n + b"\n", 4000),
    "open rows": (lambda n: b"{'loss': " * n + b"\n", 500),
    "brackets": (lambda n: b"x" + b"[" * n + b"\n", 4000),
    "counts": (lambda n: b"1/2 [" * n + b"\n", 1000),
    "carriage returns": (lambda n: b"x" + b"\r" * n + b"\n", 4000),
    "short frames": (lambda n: b"x\r" * n + b"\n", 500),
    "quotes": (lambda n: b"{" + b"'" * n + b"'loss'\n", 4000),
    "tensors": (lambda n: b"{'loss': 1" + b", 'a': tensor(" * n + b"}\n", 2000),
    "blanks before a pace": (lambda n: b" " * n + b"1.00s/it]\n", 1000),
    "bars before a pace": (lambda n: b" 1%||1/2 [" * n + b" 1.00s/it]\n", 300),
    "evaluations": (lambda n: b"{'eval_loss': 1.5}\n" * n, 10_000),
    "zeros": (lambda n: b"{'loss': 0.0, 'grad_norm': 0.0}\n" * n, 2500),
    "flat": (lambda n: b"{'loss': 2.0, 'grad_norm': 0.5}\n" * n, 2500),
    "tracebacks": (lambda n: CRASH * n, 100),
    "open objects": (lambda n: b'{"loss": ' * n + b"\n", 1000),
    "objects": (lambda n: b'{"loss": 1.5, "step": 1}\n' * n, 500),
}


@pytest.mark.parametrize(("make", "size"), NASTY.values(), ids=NASTY.keys())
def test_no_input_takes_time_that_grows_with_its_square(make: Callable[[int], bytes], size: int) -> None:
    assert any(growth(make, size) < 12 for _ in range(3))


@pytest.fixture
def long_run_rows(monkeypatch: pytest.MonkeyPatch) -> int:
    """How many rows make a run that is too long to be kept whole."""
    monkeypatch.setattr(run_builder, "MAX_RECORDS", 200)
    return 2500


@pytest.mark.parametrize("name", ["loss", "grad_norm"])
@pytest.mark.parametrize("value", ["9.5", "0.01", "nan", "inf"])
@pytest.mark.parametrize("place", [1, 333, 2222])
def test_a_long_run_keeps_its_extremes_and_its_broken_values(
    name: str, value: str, place: int, long_run_rows: int
) -> None:
    lines = ["{'loss': 2.0, 'grad_norm': 1.0}\n"] * long_run_rows
    lines[place] = lines[place].replace(f"'{name}': {2 if name == 'loss' else 1}.0", f"'{name}': {value}")
    assert value in {str(point.value) for point in parse("".join(lines)).points(name)}


@pytest.mark.parametrize("place", [1, 333, 2222])
def test_a_long_run_keeps_an_extreme_that_stands_out_a_little(place: int, long_run_rows: int) -> None:
    lines = ["{'loss': 2.0}\n"] * long_run_rows
    lines[place] = "{'loss': 1.75}\n"
    assert min(parse("".join(lines)).series["loss"].values) == 1.75


@pytest.mark.parametrize("row", ["{{'loss': {}}}", "{{'loss': nan, 'a': {}}}", "{{'eval_loss': {}}}"])
def test_a_long_run_keeps_its_ends_its_count_and_a_bounded_number_of_points(row: str, long_run_rows: int) -> None:
    run = parse("".join(row.format(f"1.{number:05d}") + "\n" for number in range(long_run_rows)))
    (series,) = (run.series[name] for name in ("loss", "eval_loss") if name in run.series)
    assert series.num_points == long_run_rows
    assert [series.points[0].line.number, series.points[-1].line.number] == [1, long_run_rows]
    assert len(series.points) <= 200


def test_a_run_that_can_be_kept_whole_is(long_run_rows: int) -> None:
    text = "".join(f"{{'loss': 1.{number:05d}}}\n" for number in range(200))
    assert len(parse(text).points("loss")) == 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"run\.log: is empty; pipe the trainer's output in, or pass a log file"),
        (b" \n\r\n\t", r"run\.log: is empty"),
        (b"\x1f\x8b\x08\x00abc", r"run\.log: is damaged gzip data \(.*\); pass the log unpacked"),
        (b"PK\x03\x04abc", r"run\.log: is a zip archive, not a log"),
        (bytes(range(32)) * 100, r"run\.log: is binary data, not a log"),
    ],
)
def test_a_file_that_is_no_log_is_refused_in_plain_words(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "run.log").write_bytes(content)
    with pytest.raises(BadInput, match=message):
        parse_path(tmp_path / "run.log")


def test_a_folder_without_a_log_is_refused_with_what_to_pass(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"it holds no log; pass a folder with trainer_state\.json"):
        parse_path(tmp_path)


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"missing\.log: no such file"):
        parse_path(tmp_path / "missing.log")


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadInput, match=r"run\.log: cannot be read \(Not a directory\)"):
        parse_path(tmp_path / "file" / "run.log")


def test_a_run_has_the_name_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "run.log").write_bytes(RECORD)
    run = parse_path(tmp_path / "run.log")
    assert (run.name, run.format, run.num_records) == (str(tmp_path / "run.log"), "hf_console", 1)
