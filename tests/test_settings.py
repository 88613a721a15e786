from pathlib import Path

import pytest

from assistant.settings import load_settings
from tools.errors import BadInput


@pytest.fixture(autouse=True)
def empty_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_flag_beats_the_environment_which_beats_the_file(empty_folder: Path) -> None:
    (empty_folder / "ftchat.toml").write_text('cache = "from-file"\nmodel = "file.gguf"\n')
    environment = {"XDG_CONFIG_HOME": str(empty_folder / "none"), "FTCHAT_MODEL": "env.gguf"}
    settings = load_settings({"model": "flag.gguf", "cache": None}, environment)
    assert (settings.model, settings.cache) == ("flag.gguf", "from-file")
    assert load_settings({}, environment).model == "env.gguf"


def test_the_file_of_the_folder_beats_the_persons_own(empty_folder: Path) -> None:
    own = empty_folder / "config" / "ftchat"
    own.mkdir(parents=True)
    (own / "ftchat.toml").write_text('model = "own.gguf"\ncache = "own"\n')
    (empty_folder / "ftchat.toml").write_text('model = "here.gguf"\n')
    settings = load_settings({}, {"XDG_CONFIG_HOME": str(empty_folder / "config")})
    assert (settings.model, settings.cache) == ("here.gguf", "own")


@pytest.mark.parametrize(
    ("text", "named"),
    [("colour = 'x'", "unknown key 'colour'"), ("cache = 3", "'cache' must be text"), ("cache = ", "not valid TOML")],
)
def test_a_bad_file_is_named_with_its_key(empty_folder: Path, text: str, named: str) -> None:
    (empty_folder / "ftchat.toml").write_text(text)
    with pytest.raises(BadInput) as caught:
        load_settings({}, {"XDG_CONFIG_HOME": "none"})
    assert "ftchat.toml" in str(caught.value)
    assert named in str(caught.value)


def test_nothing_set_gives_the_embedded_model_and_a_cache_of_ones_own() -> None:
    settings = load_settings({}, {"XDG_CONFIG_HOME": "none"})
    assert settings.model == "embedded"
    assert Path(settings.cache).name == "ftchat"
