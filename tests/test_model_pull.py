"""Pulling models from a hub on loopback, whole and broken in every way that a hub, a line or a disk can be."""

import errno
import hashlib
import shutil
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gguf_factory import make_gguf
from hub_server import COMMIT, CONTENT_PATH, Hub, serve_hub

from assistant import model_catalogue
from assistant.model_catalogue import CatalogueModel, HubFile, load_catalogue
from assistant.model_pull import Pulled, Wanted, pull_model, read_wanted
from assistant.models import find_model
from tools.errors import BadInput, FtchatError, NotAvailable

NAME = "somebody/tiny-GGUF/tiny.Q8_0.gguf"
CONTENT = make_gguf(300_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that holds one whole model; it is read in small chunks, and tries after a broken connection do not wait."""
    from huggingface_hub import constants, file_download

    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    monkeypatch.setattr(file_download, "time", types.SimpleNamespace(sleep=lambda _: None))
    with serve_hub(Hub(CONTENT)) as served:
        yield served


@pytest.fixture
def pull(hub: Hub, tmp_path: Path) -> Callable[..., Pulled]:
    def pull_from(name: str | Wanted = NAME, said: list[str] | None = None) -> Pulled:
        wanted = read_wanted(name) if isinstance(name, str) else name
        return pull_model(wanted, tmp_path, (said if said is not None else []).append, hub.url)

    return pull_from


def complaint(action: Callable[[], object], kind: type[FtchatError] = NotAvailable) -> str:
    with pytest.raises(kind) as raised:
        action()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def ignore(_: str) -> None:
    """Take what is announced, for tests of something else."""


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*.*") if path.suffix not in {".lock", ".json"} and path.is_file())


def test_a_model_is_pulled_and_found_by_its_name(pull: Callable[..., Pulled], hub: Hub, tmp_path: Path) -> None:
    said: list[str] = []
    pulled = pull(NAME, said)
    assert (pulled.sha256, pulled.size_bytes, pulled.fetched_bytes) == (DIGEST, len(CONTENT), len(CONTENT))
    assert pulled.path.read_bytes() == CONTENT
    assert find_model(NAME, tmp_path).path == find_model(f"hf:{NAME}", tmp_path).path == pulled.path
    assert files(tmp_path) == ["tiny.Q8_0.gguf"]
    assert said[0] == f"{NAME}: 1.14 MiB"
    assert said[-2:] == ["100 % of 1.14 MiB", "checking its hash"]
    assert hub.requests[0] == ("HEAD", "/somebody/tiny-GGUF/resolve/main/tiny.Q8_0.gguf", None)
    assert hub.requests[1] == ("GET", f"/somebody/tiny-GGUF/resolve/{COMMIT}/tiny.Q8_0.gguf", None)


def test_a_token_goes_to_the_hub_and_to_no_other_host(
    pull: Callable[..., Pulled], hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    pull()
    resolve = "/somebody/tiny-GGUF/resolve"
    assert hub.tokens == [(f"{resolve}/{name}/tiny.Q8_0.gguf", "Bearer hf_made_up") for name in ("main", COMMIT)]
    assert hub.requests[-1][1] == CONTENT_PATH


def test_what_was_pulled_is_not_pulled_again(pull: Callable[..., Pulled], hub: Hub) -> None:
    pull()
    hub.requests.clear()
    assert pull().fetched_bytes == 0
    assert hub.requests == []


def test_a_broken_connection_is_taken_up_where_it_broke(pull: Callable[..., Pulled], hub: Hub) -> None:
    hub.cuts = [500_000]
    assert pull().path.read_bytes() == CONTENT
    assert hub.ranges() == [None, "bytes=500000-"]


def test_another_process_goes_on_with_what_the_first_one_fetched(
    pull: Callable[..., Pulled], hub: Hub, tmp_path: Path
) -> None:
    hub.cuts = [400_000, *[0] * 99]
    message = complaint(pull)
    assert message == f"{NAME}: the connection broke after 390.62 KiB; pull again, it goes on from there"
    assert files(tmp_path) == [f"tiny.Q8_0.gguf.{DIGEST[:12]}.part"]
    hub.cuts = []
    hub.requests.clear()
    said: list[str] = []
    pulled = pull(NAME, said)
    assert hub.ranges() == ["bytes=400000-"]
    assert pulled.path.read_bytes() == CONTENT
    assert pulled.fetched_bytes == len(CONTENT) - 400_000
    assert said[0] == f"{NAME}: going on after 390.62 KiB of 1.14 MiB"
    assert files(tmp_path) == ["tiny.Q8_0.gguf"]


def test_a_part_of_another_version_is_not_gone_on_with(pull: Callable[..., Pulled], hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "somebody" / "tiny-GGUF"
    folder.mkdir(parents=True)
    (folder / f"tiny.Q8_0.gguf.{'0' * 12}.part").write_bytes(b"something else")
    assert pull().path.read_bytes() == CONTENT
    assert hub.ranges() == [None]


def test_a_wrong_hash_is_refused_and_nothing_is_left(pull: Callable[..., Pulled], hub: Hub, tmp_path: Path) -> None:
    hub.digest = "f" * 64
    message = complaint(pull)
    assert f"what came is damaged (sha256 {DIGEST[:12]}..., must be ffffffffffff...)" in message
    assert message.endswith("pull it again")
    assert files(tmp_path) == []


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT[:200], b"GGUF", b"<html>not a model</html>" * 40])
def test_what_is_no_whole_model_on_the_hub_itself_is_refused(content: bytes, tmp_path: Path) -> None:
    with serve_hub(Hub(content)) as hub:
        message = complaint(lambda: pull_model(read_wanted(NAME), tmp_path, ignore, hub.url))
    assert "no whole GGUF file" in message
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ((401, "GatedRepo"), NotAvailable, "gated; accept the licence on the page of somebody/tiny-GGUF"),
        ((403, "GatedRepo"), NotAvailable, "gated; accept the licence"),
        ((404, "EntryNotFound"), BadInput, "somebody/tiny-GGUF has no file tiny.Q8_0.gguf"),
        ((404, "RepoNotFound"), BadInput, "no repository somebody/tiny-GGUF on the hub, or it is private"),
        ((401, ""), BadInput, "no repository somebody/tiny-GGUF on the hub, or it is private"),
        ((418, ""), NotAvailable, "the hub answered 418"),
        ((503, ""), NotAvailable, "the hub answered 503"),
    ],
)
def test_a_refusal_is_one_line_with_the_next_step(
    hub: Hub, tmp_path: Path, answer: tuple[int, str], kind: type[FtchatError], said: str
) -> None:
    hub.status, hub.error_code = answer
    assert said in complaint(lambda: pull_model(read_wanted(NAME), tmp_path, ignore, hub.url), kind)


def test_a_hub_that_is_away_is_one_line(tmp_path: Path) -> None:
    with serve_hub(Hub(CONTENT)) as hub:
        url = hub.url
    message = complaint(lambda: pull_model(read_wanted(NAME), tmp_path, ignore, url))
    assert "the hub cannot be reached" in message
    assert "ftchat models use PATH" in message


def test_a_hub_that_is_switched_off_is_one_line(pull: Callable[..., Pulled], monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub
    from huggingface_hub.errors import OfflineModeIsEnabled

    def refuse(*_: object, **__: object) -> None:
        raise OfflineModeIsEnabled("offline")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", refuse)
    assert "switched off by HF_HUB_OFFLINE" in complaint(pull)


def test_a_disk_without_room_is_said_before_anything_is_fetched(
    pull: Callable[..., Pulled], hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: types.SimpleNamespace(free=1 << 20))
    message = complaint(pull)
    assert "needs 65.14 MiB in" in message
    assert "1.00 MiB are free; make room, or set FTCHAT_CACHE" in message
    assert hub.ranges() == []


def test_a_disk_that_fills_up_keeps_what_came(
    pull: Callable[..., Pulled], hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import file_download

    def fill(_: str, stream: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(file_download, "http_get", fill)
    assert "is full; make room and pull again, it goes on" in complaint(pull)


def test_a_stop_by_hand_keeps_what_came_and_says_so(
    pull: Callable[..., Pulled], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import file_download

    def stop(_: str, stream: object, **__: object) -> None:
        stream.write(CONTENT[:5000])  # type: ignore[attr-defined]  # an open file
        raise KeyboardInterrupt

    said: list[str] = []
    monkeypatch.setattr(file_download, "http_get", stop)
    with pytest.raises(KeyboardInterrupt):
        pull(NAME, said)
    assert said[-1].endswith("the same command goes on from there")
    (part,) = files(tmp_path)
    assert part.endswith(".part")


def test_a_damaged_file_that_is_here_is_fetched_again(pull: Callable[..., Pulled], tmp_path: Path) -> None:
    path = pull().path
    path.write_bytes(CONTENT[:-100])
    assert "cut off" in complaint(lambda: find_model(NAME, tmp_path))
    assert pull().fetched_bytes == len(CONTENT)
    assert find_model(NAME, tmp_path).path.read_bytes() == CONTENT


def test_a_folder_that_cannot_be_written_is_one_line(pull: Callable[..., Pulled], tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file stands in the way")
    assert "cannot be written" in complaint(pull)


@pytest.fixture
def pinned(monkeypatch: pytest.MonkeyPatch) -> CatalogueModel:
    """A catalogue of one model, that of the hub."""
    model = CatalogueModel(
        "tiny", "Tiny", "somebody/tiny-GGUF", "tiny.Q8_0.gguf", "x/y", 1, len(CONTENT), DIGEST, "MIT", 9
    )
    monkeypatch.setattr(model_catalogue, "load_catalogue", lambda: (model,))
    return model


def test_a_catalogue_name_is_pulled_and_found(
    pinned: CatalogueModel, pull: Callable[..., Pulled], tmp_path: Path
) -> None:
    assert complaint(lambda: find_model("tiny", tmp_path)).endswith("run 'ftchat models pull tiny'")
    assert pull("TINY").path == find_model("tiny", tmp_path).path


def test_an_altered_file_of_the_catalogue_is_refused_and_pulled_again(
    pinned: CatalogueModel, pull: Callable[..., Pulled], tmp_path: Path
) -> None:
    path = pull("tiny").path
    path.write_bytes(CONTENT[:-4] + b"evil")
    assert complaint(lambda: find_model("tiny", tmp_path)).endswith("run 'ftchat models pull tiny'")
    assert pull("tiny").fetched_bytes == len(CONTENT)
    assert find_model("tiny", tmp_path).path == path


def test_a_hub_that_changed_its_file_is_not_trusted_without_a_word(
    pinned: CatalogueModel, pull: Callable[..., Pulled], hub: Hub
) -> None:
    hub.content = make_gguf(10)
    hub.digest = hashlib.sha256(hub.content).hexdigest()
    message = complaint(lambda: pull("tiny"))
    assert "the hub holds another file now than this version of ftchat knows" in message
    assert message.endswith(f"to trust it: ftchat models pull {NAME}")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing-of-the-kind", "no model 'nothing-of-the-kind' in the catalogue; known are qwen2.5-0.5b"),
        ("a/b/../../c.gguf", "no model 'a/b/../../c.gguf' in the catalogue"),
        ("a/b/c.safetensors", "or name org/repo/file.gguf of the hub"),
        ("a/b/m-00001-of-00003.gguf", "one part of a split file"),
        ("smollm2-135m", "comes with ftchat and needs no pull"),
    ],
)
def test_a_name_that_cannot_be_pulled_is_refused(name: str, said: str) -> None:
    assert said in complaint(lambda: read_wanted(name), BadInput)


def test_a_catalogue_name_means_one_file_of_the_hub() -> None:
    for model in load_catalogue()[1:]:
        assert read_wanted(model.name) == Wanted(HubFile(model.repository, model.file), model.size_bytes, model.sha256)
