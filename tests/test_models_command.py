"""``ftchat models`` as a person and a program call it."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gguf_factory import make_gguf, write_gguf
from hub_server import Hub, serve_hub
from probe_factory import ScriptedModel, reply_perfectly

from assistant import chat_models, model_listing, models_command
from assistant.chat_models import OpenModel
from assistant.cli import main
from assistant.model_catalogue import HubFile, load_catalogue, pulled_path
from assistant.model_memory import estimate_memory, measure_free_memory
from assistant.probe_case import GROUPS, case_version
from assistant.probe_score import ProbeScore, Tally, load_score, save_score
from assistant.settings import Settings
from tools.adaptation import Adaptation
from tools.model_config import load_model_shape
from tools.parameters import count_parameters

CONTENT = make_gguf(3000)
NAME = "somebody/tiny-GGUF/tiny.gguf"
Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs ``ftchat models`` in an empty folder with its own cache and its own ftchat.toml; gives the JSON object."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))

    def call(*arguments: str, code: int = 0) -> Any:
        assert main(["models", *arguments, "--cache", str(tmp_path / "cache"), "--json"]) == code
        output = capsys.readouterr()
        if code:
            assert output.out == ""
            assert output.err.count("\n") == 1
            return output.err
        return json.loads(output.out)

    return call


def say(capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str) -> str:
    assert main(["models", *arguments, "--cache", str(tmp_path / "cache")]) == 0
    return capsys.readouterr().out


def own_settings(tmp_path: Path) -> dict[str, Any]:
    return tomllib.loads((tmp_path / "config" / "ftchat" / "ftchat.toml").read_text())


def test_the_list_names_every_recommended_model_and_the_one_in_use(run: Run) -> None:
    listed = run("list")
    assert (listed["schema"], listed["action"], listed["in_use"]) == ("ftchat.models/1", "list", "embedded")
    assert [model["name"] for model in listed["models"]] == [model.name for model in load_catalogue()]
    assert [model["in_use"] for model in listed["models"]] == [True, *[False] * (len(load_catalogue()) - 1)]
    assert [model["is_present"] for model in listed["models"]] == [model["in_use"] for model in listed["models"]]
    assert all(model["probe"] is None for model in listed["models"])


def test_a_pulled_model_and_its_score_are_listed(run: Run, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "cache" / "models" / NAME)
    run("use", NAME)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    from assistant.model_hash import hash_model

    assert hash_model(path, tmp_path / "cache") == digest
    score = ProbeScore("tiny", case_version(), {group: Tally(20, 20) for group in GROUPS}, 0, 1.0)
    save_score(tmp_path / "cache", digest, score)
    (row,) = [model for model in run("list")["models"] if model["in_use"]]
    assert (row["name"], row["size_bytes"], row["probe"]["may_narrate"]) == (NAME, path.stat().st_size, True)
    path.write_bytes(CONTENT)
    (row,) = [model for model in run("list")["models"] if model["in_use"]]
    assert row["probe"] is None


def test_a_model_of_the_settings_that_has_gone_is_said(run: Run, tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "mine.gguf")
    run("use", "mine.gguf")
    assert run("list")["problem"] is None
    path.unlink()
    listed = run("list")
    assert listed["problem"].startswith(f"no model at '{path}'")
    assert not any(model["in_use"] for model in listed["models"])


def test_a_model_that_does_not_fit_is_marked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_listing, "measure_free_memory", lambda: 1 << 30)
    lines = say(capsys, tmp_path, "list").splitlines()
    marked = [line.split()[0].lstrip("*") or line.split()[1] for line in lines[:-3] if " !" in line]
    assert marked == ["qwen2.5-1.5b", "llama-3.2-3b", "qwen3-4b", "qwen2.5-7b"]
    assert lines[1].startswith("*  smollm2-135m")


def test_the_catalogue_agrees_with_the_sizes_that_the_tools_count() -> None:
    for model in load_catalogue():
        shape = load_model_shape(model.base)
        assert count_parameters(shape, Adaptation(method="full")).total == model.parameters
        assert model.size_bytes is not None
        assert 4 < 8 * model.size_bytes / model.parameters < 12
        assert model.sha256 is not None
        assert len(model.sha256) == 64
        assert model.licence


def test_memory_is_file_and_keys_and_values_and_scores() -> None:
    """SmolLM2: 30 layers of 3 heads of 64 values, 4,096 tokens, keys and values of 2 bytes: 94,371,840 bytes."""
    shape = load_model_shape("HuggingFaceTB/SmolLM2-135M-Instruct")
    scores = 2 * 64 * 49152 * 4
    assert estimate_memory(98_362_432, shape) == 98_362_432 + 94_371_840 + scores + (100 << 20)
    assert estimate_memory(0, shape, 8192) - estimate_memory(0, shape, 4096) == 94_371_840
    assert (measure_free_memory() or 0) > 1 << 20


def test_a_model_is_pulled_by_the_command_from_the_hub_that_the_environment_names(tmp_path: Path) -> None:
    with serve_hub(Hub(CONTENT)) as hub:
        command = [sys.executable, "-m", "assistant.cli", "models", "pull", NAME, "--json", "--cache", str(tmp_path)]
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert [path.rpartition("/")[2] for _, path, _ in hub.requests] == ["tiny.gguf", "tiny.gguf", "it"]
    pulled = json.loads(done.stdout)
    assert (pulled["sha256"], pulled["fetched_bytes"]) == (hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert Path(pulled["path"]).read_bytes() == CONTENT
    assert all(line.startswith("ftchat: ") for line in done.stderr.splitlines())


def test_ctrl_c_in_the_middle_of_a_pull_keeps_what_came(tmp_path: Path) -> None:
    content = make_gguf(3_200_000)
    command = [sys.executable, "-m", "assistant.cli", "models", "pull", NAME, "--json", "--cache", str(tmp_path)]
    folder = tmp_path / "models" / "somebody" / "tiny-GGUF"
    with serve_hub(Hub(content, holds_after=11 << 20)) as hub:
        environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home")}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            until = time.monotonic() + 60
            while not any(path.stat().st_size for path in folder.glob("*.part")) and time.monotonic() < until:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            output, complaints = process.communicate(timeout=30)
        assert (process.returncode, output) == (130, b"")
        assert b"the same command goes on from there" in complaints
        assert b"Traceback" not in complaints
        hub.holds_after = None
        done = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=True)
        assert hub.ranges() == [None, f"bytes={10 << 20}-"]
    assert json.loads(done.stdout)["fetched_bytes"] == len(content) - (10 << 20)


def test_a_name_that_is_not_known_is_bad_usage(run: Run) -> None:
    assert "no model 'gpt-9' in the catalogue" in run("pull", "gpt-9", code=2)


def test_use_keeps_comments_and_other_keys(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config" / "ftchat" / "ftchat.toml"
    path.parent.mkdir(parents=True)
    path.write_text('# mine\ncards = "~/cards"  # of the team\nmodel = "openai:old"\nmodel_url = "http://old/v1"\n')
    used = run("use", "embedded")
    assert path.read_text() == '# mine\ncards = "~/cards"  # of the team\nmodel = "embedded"\n'
    assert (used["model"], used["mode"], used["overridden_by"]) == ("embedded", "compose", None)
    assert used["config"] == str(path)


def test_a_file_is_kept_by_its_whole_path(run: Run, tmp_path: Path) -> None:
    write_gguf(tmp_path / "mine.gguf")
    run("use", "mine.gguf")
    assert own_settings(tmp_path) == {"model": str(tmp_path / "mine.gguf")}


def test_a_server_is_kept_with_its_url(run: Run, tmp_path: Path) -> None:
    run("use", "openai:served", "--url", "http://127.0.0.1:9/v1")
    assert own_settings(tmp_path) == {"model": "openai:served", "model_url": "http://127.0.0.1:9/v1"}
    assert run("list")["models"][-1]["source"] == "http://127.0.0.1:9/v1"
    run("use", "none")
    assert own_settings(tmp_path) == {"model": "none"}
    assert not any(model["in_use"] for model in run("list")["models"])


def test_what_comes_before_the_choice_is_said(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FTCHAT_MODEL", "none")
    assert run("use", "embedded")["overridden_by"] == "FTCHAT_MODEL=none"
    monkeypatch.delenv("FTCHAT_MODEL")
    (tmp_path / "ftchat.toml").write_text('model = "none"\n')
    assert run("use", "embedded")["overridden_by"] == str(tmp_path / "ftchat.toml")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["absent.gguf"], 69, "no model at 'absent.gguf'"),
        (["qwen2.5-1.5b"], 69, "run 'ftchat models pull qwen2.5-1.5b'"),
        (["embedded", "--url", "http://127.0.0.1:9/v1"], 2, "--url goes with a model behind a server"),
        (["openai:served", "--url", "nonsense"], 2, "nonsense"),
    ],
)
def test_a_model_that_cannot_answer_is_not_chosen(
    run: Run, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    assert said in run("use", *arguments, code=code)
    assert not (tmp_path / "config").exists()


def test_a_file_that_is_no_toml_is_left_alone(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config" / "ftchat" / "ftchat.toml"
    path.parent.mkdir(parents=True)
    path.write_text("model = \n")
    assert "not valid TOML" in run("use", "embedded", code=2)
    assert path.read_text() == "model = \n"


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """Every model that is opened is a scripted one; gives the settings that it was opened with."""
    opened: list[Settings] = []

    def open_scripted(settings: Settings) -> OpenModel:
        opened.append(settings)
        is_remote = settings.model.startswith("openai:")
        digest = None if is_remote else "d" * 64
        return OpenModel(ScriptedModel(script=reply_perfectly), "scripted", digest, is_remote, 4096)

    monkeypatch.setattr(chat_models, "open_chat_model", open_scripted)
    return opened


def test_a_probe_is_shown_and_its_score_kept(run: Run, scripted: list[Settings], tmp_path: Path) -> None:
    probed = run("probe")
    assert (probed["may_narrate"], probed["may_call_tools"], probed["wrong"]) == (True, True, [])
    assert probed["groups"]["choice"]["chance"] == 0.25
    assert probed["key"] == "d" * 64
    kept = load_score(tmp_path / "cache", "d" * 64)
    assert kept is not None
    assert kept.may_narrate
    assert scripted[0].model == "embedded"


def test_the_score_of_a_served_model_is_kept_for_its_server(run: Run, scripted: list[Settings], tmp_path: Path) -> None:
    probed = run("probe", "openai:served", "--url", "http://127.0.0.1:9/v1")
    assert probed["key"] == "openai:served@http://127.0.0.1:9/v1"
    assert run("use", "openai:served", "--url", "http://127.0.0.1:9/v1")["mode"] == "narrate"
    assert run("use", "openai:served", "--url", "http://127.0.0.1:8/v1")["mode"] == "compose"


def test_a_probe_tells_a_person_what_the_model_may_do(
    capsys: pytest.CaptureFixture[str], scripted: list[Settings], tmp_path: Path
) -> None:
    text = say(capsys, tmp_path, "probe")
    assert "choice          24/24    100%       86% to 100%      25%    80%" in text
    assert text.splitlines()[-2:] == ["may write freely (narrate), under the verifier", "may call tools by itself"]


def test_no_model_cannot_be_probed(run: Run) -> None:
    assert "no model answers now" in run("probe", "none", code=2)


def test_a_pulled_model_lies_under_its_repository(tmp_path: Path) -> None:
    assert pulled_path(HubFile("org/repo", "file.gguf"), tmp_path) == tmp_path / "models/org/repo/file.gguf"
    assert models_command.SCHEMA == "ftchat.models/1"


def test_listing_and_choosing_import_nothing_heavy(tmp_path: Path) -> None:
    script = (
        "import sys; from assistant.cli import main\n"
        f"main(['models', 'list', '--cache', {str(tmp_path)!r}]); main(['models', 'use', 'embedded'])\n"
        "heavy = 'torch langchain langchain_core llama_cpp numpy chromadb huggingface_hub yaml'.split()\n"
        "print('HEAVY', *[name for name in heavy if name in sys.modules])"
    )
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "HEAVY"
