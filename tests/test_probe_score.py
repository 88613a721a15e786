"""Where scores are kept, and when they are not used."""

import json
from pathlib import Path
from typing import Any

import pytest

from assistant import probe_case, probe_score
from assistant.probe_case import GROUPS, case_version
from assistant.probe_score import STORE, ProbeScore, Tally, load_score, remote_key, save_score
from tools.errors import NotAvailable

SCORE = ProbeScore("tiny", case_version(), {group: Tally(19, 20) for group in GROUPS}, 0, 12.5)


def test_a_score_is_found_again_and_only_for_its_own_file(tmp_path: Path) -> None:
    save_score(tmp_path, "a" * 64, SCORE)
    assert load_score(tmp_path, "a" * 64) == SCORE
    assert load_score(tmp_path, "b" * 64) is None


def test_a_model_behind_another_server_is_another_model(tmp_path: Path) -> None:
    save_score(tmp_path, remote_key("openai:m", "http://here"), SCORE)
    assert load_score(tmp_path, "openai:m@http://here") == SCORE
    assert load_score(tmp_path, remote_key("openai:m", "http://there")) is None


def test_scores_of_several_models_are_kept_side_by_side(tmp_path: Path) -> None:
    other = ProbeScore("other", case_version(), SCORE.groups, 3, 1.0)
    save_score(tmp_path, "a", SCORE)
    save_score(tmp_path, "b", other)
    assert (load_score(tmp_path, "a"), load_score(tmp_path, "b")) == (SCORE, other)


def test_a_score_of_other_cases_or_rules_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_score(tmp_path, "a", SCORE)
    monkeypatch.setattr(probe_score, "case_version", lambda: "2.other")
    assert load_score(tmp_path, "a") is None


def test_the_version_changes_with_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    before = case_version()
    monkeypatch.setattr(probe_case, "GRADING", 99)
    case_version.cache_clear()
    assert case_version() != before
    case_version.cache_clear()


@pytest.mark.parametrize("text", ["", "[]", "{not json", '{"a": 3}', '{"a": {}}', "[" * 100_000])
def test_a_damaged_store_is_made_again(text: str, tmp_path: Path) -> None:
    (tmp_path / STORE).write_text(text)
    assert load_score(tmp_path, "a") is None
    save_score(tmp_path, "a", SCORE)
    assert load_score(tmp_path, "a") == SCORE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("groups", {}),
        ("groups", {group: [21, 20] for group in GROUPS}),
        ("groups", {group: [0, 0] for group in GROUPS}),
        ("groups", {group: [-1, 20] for group in GROUPS}),
        ("groups", {group: ["20", 20] for group in GROUPS}),
        ("groups", {group: [20] for group in GROUPS}),
        ("num_inverted", None),
        ("num_inverted", "0"),
        ("seconds", None),
        ("version", None),
    ],
)
def test_a_damaged_entry_is_no_score(key: str, value: Any, tmp_path: Path) -> None:
    save_score(tmp_path, "a", SCORE)
    entries = json.loads((tmp_path / STORE).read_text())
    entries["a"][key] = value
    (tmp_path / STORE).write_text(json.dumps(entries))
    assert load_score(tmp_path, "a") is None


def test_a_cache_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NotAvailable, match="cannot be written") as raised:
        save_score(tmp_path / "file", "a", SCORE)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("passed", "total", "low", "high"), [(0, 20, 0.0, 0.161), (10, 20, 0.299, 0.701), (20, 20, 0.839, 1.0)]
)
def test_the_interval_is_wilsons(passed: int, total: int, low: float, high: float) -> None:
    """Worked by hand: 20 of 20 gives 1 / (1 + z2 / 20), 0.8389."""
    assert Tally(passed, total).interval() == pytest.approx((low, high), abs=5e-4)
