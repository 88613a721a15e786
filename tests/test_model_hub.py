"""Configs from the hub: the cache first, nothing but the config, and every refusal in one line."""

import json
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tools import model_hub
from tools.errors import BadInput, NotAvailable
from tools.model_config import load_model_shape


def write_config(folder: Path) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4}))
    return path


def test_the_hub_away_or_switched_off_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(NotAvailable, match=r"cannot be reached|switched off"):
        load_model_shape("nobody/nothing-of-that-name")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("GatedRepoError", "gated; accept its licence"),
        ("RepositoryNotFoundError", "not on the hub, or private"),
        ("EntryNotFoundError", "has no config.json"),
        ("HfHubHTTPError", "answered with an error"),
    ],
)
def test_what_the_hub_refuses_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, kind: str, said: str) -> None:
    import huggingface_hub
    from huggingface_hub import errors

    kind_of_error = getattr(errors, "RemoteEntryNotFoundError" if kind == "EntryNotFoundError" else kind)

    def refuse(*_: Any, **__: Any) -> None:
        raise kind_of_error.__new__(kind_of_error)

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", refuse)
    with pytest.raises((BadInput, NotAvailable), match=said) as caught:
        load_model_shape("somebody/some-model-of-theirs")
    assert "\n" not in str(caught.value)


def test_only_the_config_is_fetched_and_a_huge_one_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import huggingface_hub

    fetched = []
    size = types.SimpleNamespace(size=900)

    def download(repo: str, name: str, **_: Any) -> str:
        fetched.append((repo, name))
        return str(write_config(tmp_path))

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", lambda *_, **__: size)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert load_model_shape("somebody/small-one").source == "hub"
    assert fetched == [("somebody/small-one", "config.json")]
    size.size = 50 << 20
    with pytest.raises(BadInput, match="52428800 bytes"):
        load_model_shape("somebody/huge-one")


def test_a_cached_model_is_read_before_the_catalogue_guesses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    folder = tmp_path / "models--mine--llama-3.1-8b" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    write_config(folder)
    (folder.parents[1] / "refs").mkdir()
    (folder.parents[1] / "refs" / "main").write_text("abc")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    shape = load_model_shape("mine/llama-3.1-8b")
    assert (shape.source, shape.hidden_size) == ("hub", 64)


def test_catalogue_models_need_no_hub_library() -> None:
    assert model_hub.is_hub_id("meta-llama/Llama-3.1-8B")
    before = set(sys.modules)
    load_model_shape("meta-llama/Llama-3.1-70B")
    assert not {name for name in set(sys.modules) - before if name.startswith("huggingface_hub")}
