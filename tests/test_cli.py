"""The command line as other programs meet it: whole processes, exit codes, stdout apart from stderr."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from assistant.cli import main

ROOT = Path(__file__).parent.parent
HEALTHY = "".join(
    f"{{'loss': '{1.0 + 2 * 0.8**step:.4g}', 'learning_rate': '0.0001', 'epoch': '{step / 40:.4g}'}}\n"
    + (f"{{'eval_loss': '{1.1 + 2 * 0.8**step:.4g}', 'epoch': '{step / 40:.4g}'}}\n" if step % 10 == 0 else "")
    for step in range(1, 41)
)
NAN = HEALTHY + "{'loss': nan, 'grad_norm': nan, 'learning_rate': 0.0001, 'epoch': 1.1}\n" * 5


def ftchat(*arguments: str, stdin: bytes = b"", cache: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **({"FTCHAT_CACHE": str(cache)} if cache else {})}
    command = [sys.executable, "-m", "assistant.cli", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, env=environment, timeout=120, check=False)


def one_line(text: bytes) -> str:
    lines = text.decode().strip().splitlines()
    assert len(lines) == 1, lines
    assert "Traceback" not in lines[0]
    return lines[0]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "train.log"
    path.write_text(HEALTHY)
    return path


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        (b"", "is empty"),
        (b" \n\r\n", "is empty"),
        (bytes(range(256)) * 40, "binary data"),
        (b"\x1f\x8b\x08\x00 rest", "gzip"),
    ],
)
def test_unreadable_input_is_one_line_and_exit_2(stdin: bytes, said: str) -> None:
    done = ftchat("check", "-", stdin=stdin)
    assert done.returncode == 2
    assert done.stdout == b""
    assert said in one_line(done.stderr)


@pytest.mark.parametrize("stdin", [b"", b"\x00\x01\x02" * 500])
def test_a_question_about_unreadable_input_is_one_line_too(stdin: bytes, shared_cache: Path) -> None:
    ftchat("cards", "build", cache=shared_cache)
    done = ftchat("what is wrong with it?", "--no-llm", stdin=stdin, cache=shared_cache)
    assert done.returncode == 2
    assert done.stdout == b""
    assert "stdin: is" in one_line(done.stderr)
    loaded = json.loads(ftchat("what is wrong?", "--no-llm", "--json", stdin=stdin, cache=shared_cache).stdout)
    assert loaded["judged"] is False


def test_an_unreadable_log_leaves_a_question_that_a_card_answers(shared_cache: Path) -> None:
    done = ftchat("the loss is nan, why?", "--no-llm", stdin=b"", cache=shared_cache)
    assert done.returncode == 2
    assert b"[loss_nan]" in done.stdout
    assert b"is empty" in done.stderr


def test_a_missing_file_and_an_empty_folder_are_one_line_each(tmp_path: Path) -> None:
    for target, said in ((tmp_path / "nope.log", "no such file"), (tmp_path, "it holds no log")):
        done = ftchat("check", str(target))
        assert done.returncode == 2
        assert said in one_line(done.stderr)
        assert str(target) in one_line(done.stderr)


def test_a_log_without_a_metric_is_never_healthy() -> None:
    done = ftchat("check", "-", "--json", stdin=b"starting up\nstill starting\n")
    loaded = json.loads(done.stdout)
    assert done.returncode == 2
    assert (loaded["judged"], loaded["healthy"]) == (False, None)


def test_invalid_utf8_between_records_is_read() -> None:
    done = ftchat("check", "-", "--json", stdin=b"\x80 caf\xe9 \xff\xfe\n" + HEALTHY.encode())
    loaded = json.loads(done.stdout)
    assert (done.returncode, loaded["facts"]["num_points"]) == (0, 40)


def test_a_line_without_a_break_is_cut_and_what_follows_is_read() -> None:
    done = ftchat("check", "-", "--json", stdin=b"x" * (30 << 20) + b"\n" + HEALTHY.encode())
    loaded = json.loads(done.stdout)
    assert loaded["facts"]["num_points"] == 40
    assert any("1 MiB" in note for note in loaded["notes"])


@pytest.mark.parametrize(("text", "code"), [(HEALTHY, 0), (NAN, 1)])
def test_check_says_by_its_exit_code_whether_something_was_found(text: str, code: int) -> None:
    assert ftchat("check", "-", stdin=text.encode()).returncode == code


def test_check_json_holds_the_keys_of_the_contract(log: Path) -> None:
    log.write_text(NAN)
    loaded = json.loads(ftchat("check", str(log), "--json").stdout)
    assert loaded["schema"] == "ftchat.check/1"
    assert {
        "file",
        "format",
        "judged",
        "healthy",
        "findings",
        "checked",
        "skipped",
        "facts",
        "settings",
    } <= loaded.keys()
    finding = loaded["findings"][0]
    assert {"id", "severity", "summary", "values", "evidence", "moves"} <= finding.keys()
    raw = log.read_text().split("\n")
    assert all(raw[one["line"] - 1] == one["text"] for one in finding["evidence"])
    assert {"num_points", "num_eval_points", "first_loss", "last_loss", "min_eval_loss", "min_eval_step"} <= loaded[
        "facts"
    ].keys()
    assert loaded["facts"]["last_loss"] == "nan"


def test_several_files_are_one_object_a_line_and_the_worst_code_wins(log: Path, tmp_path: Path) -> None:
    done = ftchat("check", str(log), str(tmp_path / "nope"), "--json")
    loaded = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["judged"] for one in loaded] == [True, False]
    assert done.returncode == 2


def test_fail_on_sets_from_which_severity_the_exit_code_tells(log: Path) -> None:
    log.write_text("".join(line + "\n" for line in HEALTHY.splitlines() if "eval" not in line))
    assert ftchat("check", str(log)).returncode == 0
    assert ftchat("check", str(log), "--fail-on", "note").returncode == 1


def test_a_config_file_gives_settings_that_the_log_lacks(log: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("learning_rate: 2e-4\nlora_r: 16\nbf16: true\n")
    settings = json.loads(ftchat("check", str(log), "--config", str(config), "--json").stdout)["settings"]
    assert settings["lora_r"] == {"value": 16.0, "line": 2, "source": str(config)}


def test_stdout_is_free_of_escape_codes_and_stderr_is_empty(log: Path) -> None:
    log.write_text("\x1b[31m" + NAN)
    done = ftchat("check", str(log))
    assert b"\x1b" not in done.stdout
    assert done.stderr == b""


def test_a_closed_pipe_is_quiet(log: Path) -> None:
    command = f"{sys.executable} -m assistant.cli cards list | head -1"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=60, check=False
    )
    assert done.stderr == b""
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cards", "show", "nonsense"), "no card 'nonsense'"),
        (("cards", "search"), "words to search for are missing"),
        (("ask",), "a question is missing"),
        (("ask", "why?", "--batch", "/nope.jsonl"), "/nope.jsonl"),
        (("check", "-", "--config", "/nope.yaml"), "/nope.yaml"),
    ],
)
def test_bad_usage_is_one_line_with_the_next_step(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in one_line(capsys.readouterr().err.encode())


def test_a_terminal_with_no_log_and_no_question_is_told_what_to_type() -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-m", "assistant.cli"],
        stdin=follower,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        out, err = process.communicate(timeout=60)
    os.close(leader)
    os.close(follower)
    assert process.returncode == 2
    assert out == b""
    assert "no log and no question" in one_line(err)


def test_help_names_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0
    assert all(f"\n  {code} " in text for code in (0, 1, 2, 69, 130))


def test_a_batch_answers_in_order_and_a_bad_line_does_not_stop_it(
    tmp_path: Path, shared_cache: Path, log: Path
) -> None:
    log.write_text(NAN)
    batch = tmp_path / "batch.jsonl"
    items: list[Any] = [
        {"id": 7, "question": "why nan?", "log": str(log)},
        {"question": ""},
        {"question": "loss is nan"},
    ]
    batch.write_text(json.dumps(items[0]) + "\nnot json\n" + "\n".join(json.dumps(one) for one in items[1:]) + "\n")
    done = ftchat("ask", "--batch", str(batch), "--no-llm", cache=shared_cache)
    loaded = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert loaded[0]["id"] == 7
    assert loaded[0]["findings"][0]["id"] == "loss_nan"
    assert ["error" in one for one in loaded] == [False, True, True, False]
    assert loaded[3]["cards"][0] == "loss_nan"


def test_cards_search_speaks_json(shared_cache: Path) -> None:
    done = ftchat("cards", "search", "CUDA out of memory", "--json", "-k", "3", cache=shared_cache)
    loaded = json.loads(done.stdout)
    assert loaded["schema"] == "ftchat.cards.search/1"
    assert loaded["in_scope"] is True
    assert len(loaded["hits"]) == 3
    assert loaded["hits"][0]["id"] == "out_of_memory_gpu"
