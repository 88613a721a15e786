"""``ftchat data`` as programs and people meet it."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dataset_factory import make_clean, write_lines

from assistant.cli import main

ROOT = Path(__file__).parent.parent
KEYS = {
    "schema",
    "file",
    "format",
    "num_rows",
    "num_bad",
    "splits",
    "columns",
    "defects",
    "checked",
    "skipped",
    "notes",
}


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(["data", *map(str, arguments)])
    output = capsys.readouterr()
    return code, output.out, output.err


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    rows = make_clean("messages", 120)
    rows[8] = rows[2]
    rows[11]["messages"][1]["content"] = ""
    return write_lines(tmp_path / "rows.jsonl", rows)


def test_json_has_the_promised_keys(capsys: pytest.CaptureFixture[str], faulty: Path) -> None:
    code, out, err = run(capsys, faulty, "--json")
    answer = json.loads(out)
    assert (code, err) == (0, "")
    assert answer.keys() >= KEYS
    assert (answer["schema"], answer["file"], answer["format"]) == ("ftchat.data/1", str(faulty), "messages")
    found = {defect["kind"]: (defect["rows"], defect["share"], defect["pitfall"]) for defect in answer["defects"]}
    assert found["empty_answer"] == ([12], pytest.approx(1 / 120), "data_quality")
    assert found["exact_duplicate"] == ([9], pytest.approx(1 / 120), "duplicate_data")


def test_every_kind_is_either_checked_or_skipped_with_a_reason(
    capsys: pytest.CaptureFixture[str], faulty: Path
) -> None:
    answer = json.loads(run(capsys, faulty, "--json")[1])
    skipped = {item["kind"]: item["reason"] for item in answer["skipped"]}
    assert "too_long" in skipped
    assert not skipped.keys() & set(answer["checked"])
    limited = json.loads(run(capsys, faulty, "--json", "--max-length", "2048")[1])
    assert "too_long" in limited["checked"]


def test_every_pitfall_that_a_defect_leads_to_has_a_card() -> None:
    from tools.dataset.kinds import KINDS

    cards = {path.stem for path in (ROOT / "knowledge" / "cards").glob("*.md")}
    assert {kind.pitfall for kind in KINDS.values()} <= cards


def test_people_see_format_lengths_rows_and_the_next_step(capsys: pytest.CaptureFixture[str], faulty: Path) -> None:
    code, out, _ = run(capsys, faulty)
    assert code == 0
    assert "messages (chats with role and content), 120 rows" in " ".join(out.split())
    assert "Characters of the answer:" in out
    assert "empty answer (error) [data_quality]" in out
    assert "Rows: 12." in out
    assert "give the limit with --max-length" in out
    assert "ftchat cards show data_quality" in out


def test_a_clean_set_says_that_nothing_was_found(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = run(capsys, write_lines(tmp_path / "rows.jsonl", make_clean("alpaca", 120)))
    assert code == 0
    assert "Nothing was found" in out
    assert "cards show" not in out


def test_several_files_give_an_object_a_line_and_are_compared(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rows = make_clean("maths", 160)
    train = write_lines(tmp_path / "train.jsonl", rows[:100])
    test = write_lines(tmp_path / "test.jsonl", [*rows[100:], rows[5]])
    code, out, _ = run(capsys, test, train, "--json")
    answers = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [answer["file"] for answer in answers] == [str(test), str(train)]
    assert [(defect["kind"], defect["rows"]) for defect in answers[0]["defects"]] == [
        ("train_validation_overlap", [61])
    ]
    assert answers[1]["defects"] == []


def test_a_folder_names_the_file_of_each_row(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = make_clean("maths", 120)
    write_lines(tmp_path / "train-0.jsonl", rows[:60])
    second = write_lines(tmp_path / "train-1.jsonl", [*rows[60:], rows[0]])
    answer = json.loads(run(capsys, tmp_path, "--json")[1])
    assert answer["defects"][0]["places"] == [{"file": str(second), "row": 61}]
    assert f"Rows: {second}:61." in " ".join(run(capsys, tmp_path)[1].split())


def test_an_unreadable_file_gives_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, tmp_path / "none.jsonl", "--json")
    assert (code, out) == (2, "")
    assert err.startswith("ftchat: ")
    assert err.count("\n") == 1


def test_one_unreadable_file_does_not_stop_the_others(capsys: pytest.CaptureFixture[str], faulty: Path) -> None:
    empty = faulty.parent / "empty.jsonl"
    empty.touch()
    code, out, _ = run(capsys, empty, faulty, "--json")
    first, second = (json.loads(line) for line in out.splitlines())
    assert code == 2
    assert "is empty" in first["error"]
    assert second["num_rows"] == 120
    code, out, err = run(capsys, empty, faulty)
    assert (code, "is empty" in err, "120 rows" in out) == (2, True, True)


def test_rows_come_from_stdin_too(faulty: Path) -> None:
    command = [sys.executable, "-m", "assistant.cli", "data", "-", "--json"]
    done = subprocess.run(command, input=faulty.read_bytes(), capture_output=True, cwd=ROOT, timeout=60, check=True)
    answer = json.loads(done.stdout)
    assert (answer["file"], answer["num_rows"]) == ("-", 120)
    assert "places" not in answer["defects"][0]


@pytest.mark.parametrize("value", ["0", "-3", "many"])
def test_a_limit_that_is_no_count_is_bad_usage(faulty: Path, value: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["data", str(faulty), "--max-length", value])
    assert caught.value.code == 2


HOSTILE = "\x1b]8;;http://evil.example\x07click\x1b]8;;\x07 \u202e [bold red]x[/] <script>"


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": HOSTILE, "content": HOSTILE}]},
        {"prompt": HOSTILE, "completion": ""},
        {HOSTILE: "a", "prompt": "b"},
        {"text": HOSTILE, "label": HOSTILE},
        {"text": "half \ud83d of a letter â€™", "label": "x"},
    ],
)
def test_what_rows_hold_is_shown_and_never_obeyed(tmp_path: Path, row: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_lines(tmp_path / "rows.jsonl", [json.dumps(row)] * 60)
    for arguments in ([str(path)], [str(path), "--json"]):
        written = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="utf-8", write_through=True))
        assert main(["data", *arguments]) == 0
        assert not set(written.getvalue().decode()) & {"\x1b", "\x07", "\u202e"}


def test_the_command_imports_nothing_heavy() -> None:
    code = "import sys, assistant.cli; assistant.cli.build_parser(['data']); import tools.dataset; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    assert not {"numpy", "orjson", "pyarrow", "torch", "yaml", "langchain_core"} & set(done.stdout.split())
