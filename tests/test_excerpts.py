"""Excerpts of logs: within the budget, true to the lines, no traceback in part, what is left out said."""

import gzip
import io
import random
import re
from pathlib import Path

import pytest

from assistant import kept_logs, log_lines
from assistant.excerpts import Excerpt, cut_excerpts, estimate_tokens, quotable_lines
from assistant.kept_logs import KeptLog, PathLog, PipedLog
from assistant.log_lines import clip_line, shorten_line
from assistant.stacks import find_stacks
from tools.diagnosis import diagnose
from tools.log_parser import parse_log, parse_path
from tools.run import Run

GAP = re.compile(r"\.\.\. ([\d,]+) lines? left out \.\.\.")


def make_stack(depth: int, message: str = "RuntimeError: CUDA error: device-side assert triggered") -> list[str]:
    frames = [
        text for index in range(depth) for text in (f'  File "/w/m{index}.py", line {index}, in f', "    call(x)")
    ]
    return ["Traceback (most recent call last):", *frames, message]


def make_row(step: int, loss: float) -> str:
    return f"{{'loss': {loss:.4f}, 'grad_norm': 1.25, 'learning_rate': 0.0001, 'epoch': {step / 100:.2f}}}"


def make_log(seed: int) -> list[str]:
    """Rows that end in nan, with tracebacks and bars at random places."""
    dice = random.Random(seed)  # noqa: S311  the same logs in every run
    lines = [make_row(step, 2.0 - step / 500 if step < 300 else float("nan")) for step in range(1, 400)]
    for _ in range(dice.randrange(1, 4)):
        place = dice.randrange(len(lines))
        stack = make_stack(dice.randrange(1, 40))
        prefix = dice.choice(["", "[rank0]: "])
        lines[place:place] = [prefix + text for text in stack]
    place = dice.randrange(len(lines))
    bars = [f" {n}%|#####     | {n}/100 [00:{n % 60:02}<01:00,  1.00s/it]" for n in range(1, 90)]
    if not any(first <= place + 1 <= last for first, last in spans_of(lines)):
        lines[place:place] = bars
    return lines


def spans_of(lines: list[str]) -> list[tuple[int, int]]:
    return find_stacks(dict(enumerate(lines, 1)), len(lines))


def read(lines: list[str]) -> tuple[Run, PipedLog]:
    piped = PipedLog(io.BytesIO(("\n".join(lines) + "\n").encode()))
    return parse_log(piped, "stdin"), piped


def cut_one(run: Run, log: KeptLog | None, budget: int) -> Excerpt:
    (excerpt,) = cut_excerpts([(run, diagnose(run))], {run.name: log} if log else {}, budget)
    return excerpt


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("budget", [200, 600, 2500])
def test_an_excerpt_keeps_its_promises(seed: int, budget: int) -> None:
    lines = make_log(seed)
    excerpt = cut_one(*read(lines), budget)
    shown = {line.number: line.text for line in excerpt.lines}
    assert estimate_tokens(excerpt.text) <= budget
    assert all(text == clip_line(lines[number - 1]) for number, text in shown.items())
    for first, last in spans_of(lines):
        inside = [number for number in shown if first <= number <= last]
        assert len(inside) == last - first + 1 or inside in ([], [last])
    left_out = sum(int(count.replace(",", "")) for count in GAP.findall(excerpt.text))
    assert left_out + len(shown) == len(lines)


def test_what_a_finding_quotes_is_shown_first() -> None:
    lines = make_log(1)
    run, piped = read(lines)
    diagnosis = diagnose(run)
    shown = {line.number for line in cut_one(run, piped, 400).lines}
    assert diagnosis.findings
    assert {line.number for line in diagnosis.findings[0].evidence} <= shown


def test_a_traceback_that_fits_is_whole_and_one_that_does_not_gives_its_message() -> None:
    lines = [make_row(1, 2.0), *make_stack(12), "exit"]
    whole, short = (cut_one(*read(lines), budget) for budget in (1500, 180))
    assert {line.number for line in whole.lines} == set(range(1, len(lines) + 1))
    assert "left out" not in whole.text
    assert "device-side assert" in short.text
    assert "File" not in short.text


def test_a_log_shorter_than_the_budget_is_shown_whole() -> None:
    lines = [make_row(step, 2.0) for step in range(1, 20)]
    assert [line.text for line in cut_one(*read(lines), 5000).lines] == lines


def test_path_pipe_and_packed_file_give_the_same(tmp_path: Path) -> None:
    data = ("\n".join(make_log(3)) + "\n").encode()
    (tmp_path / "a.log").write_bytes(data)
    (tmp_path / "a.log.gz").write_bytes(gzip.compress(data))
    found = {
        cut_one(parse_path(path), PathLog(path), 900).lines for path in (tmp_path / "a.log", tmp_path / "a.log.gz")
    }
    piped = PipedLog(io.BytesIO(data))
    assert found == {cut_one(parse_log(piped), piped, 900).lines}


def test_of_a_log_too_long_for_a_pass_both_ends_and_the_quotes_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_lines, "MAX_PASS_BYTES", 1000)
    monkeypatch.setattr(kept_logs, "TAIL_BYTES", 4000)
    monkeypatch.setattr(log_lines, "TAIL_BYTES", 4000)
    lines = [make_row(step, 2.0 if step < 2000 else float("nan")) for step in range(1, 5000)]
    path = tmp_path / "long.log"
    path.write_text("\n".join(lines) + "\n")
    run = parse_path(path)
    shown = {line.number: line.text for line in cut_one(run, PathLog(path), 900).lines}
    assert {1, 2, 3, len(lines) - 1, len(lines)} <= shown.keys()
    assert {line.number for line in diagnose(run).findings[0].evidence} <= shown.keys()
    assert all(text == lines[number - 1] for number, text in shown.items())


def test_of_a_pipe_only_a_bounded_part_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_logs, "MAX_KEPT_BYTES", 5000)
    monkeypatch.setattr(kept_logs, "TAIL_BYTES", 3000)
    monkeypatch.setattr(log_lines, "TAIL_BYTES", 3000)
    lines = [make_row(step, 2.0) for step in range(1, 3000)]
    run, piped = read(lines)
    assert not piped.is_whole
    assert len(piped.read_tail()) == 3000
    shown = {line.number: line.text for line in cut_one(run, piped, 900).lines}
    assert {1, len(lines)} <= shown.keys()
    assert all(text == lines[number - 1] for number, text in shown.items())


def test_without_the_log_only_the_quoted_lines_are_shown() -> None:
    run, _ = read(make_log(2))
    excerpt = cut_one(run, None, 900)
    quoted = {line.number for finding in diagnose(run).findings for line in finding.evidence}
    shown = {line.number for line in excerpt.lines}
    assert shown
    assert shown <= quoted | {line.number for problem in run.problems for line in problem.lines}
    assert "left out" not in excerpt.text.splitlines()[-1]


def test_a_log_that_changed_since_it_was_read_is_not_quoted_from(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("\n".join(make_log(4)) + "\n")
    run = parse_path(path)
    path.write_text("something else\n" * 600)
    assert "something else" not in cut_one(run, PathLog(path), 900).text


def test_a_log_that_has_gone_leaves_what_was_quoted(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("\n".join(make_log(4)) + "\n")
    run = parse_path(path)
    path.unlink()
    assert cut_one(run, PathLog(path), 900).lines


def test_files_of_a_run_folder_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_text("\n".join(make_row(step, 2.0) for step in range(1, 300)) + "\n")
    (tmp_path / "crash.err").write_text("\n".join(["starting", *make_stack(3)]) + "\n")
    run = parse_path(tmp_path)
    excerpts = cut_excerpts([(run, diagnose(run))], {run.name: None}, 2000)
    assert {excerpt.source for excerpt in excerpts} == {"train.log", "crash.err"}
    crash = next(excerpt for excerpt in excerpts if excerpt.source == "crash.err")
    assert crash.lines[0].text == "starting"
    assert 1 not in quotable_lines(excerpts)
    assert 300 - 1 in quotable_lines(excerpts)


def test_bars_in_one_line_are_one_line() -> None:
    raw = b"\r".join(b" %d%%|##  | %d/99 [00:09<00:10,  2.00it/s]" % (n, n) for n in range(99))
    assert shorten_line(raw) == "98%|##  | 98/99 [00:09<00:10,  2.00it/s] … (98 more on this line)"
    row = make_row(3, 1.5)
    assert shorten_line(raw + b"\r" + row.encode() + b"\r" + raw, [row]).startswith(row)


def test_a_very_long_line_is_cut_with_a_mark() -> None:
    assert shorten_line(b"x" * 1_000_000).endswith(" … (999,700 more characters)")


def test_escape_codes_are_taken_out() -> None:
    assert shorten_line(b"\x1b[31mError\x1b[0m: no") == "Error: no"


def test_what_a_finding_quotes_holds_no_escape_codes_either() -> None:
    lines = [f"\x1b[A{make_row(step, 2.0 if step < 50 else float('nan'))}\x1b]0;x\x07" for step in range(1, 90)]
    run, piped = read(lines)
    for log in (piped, None):
        excerpt = cut_one(run, log, 900)
        assert excerpt.lines
        assert "\x1b" not in excerpt.text
        assert "\x07" not in excerpt.text
