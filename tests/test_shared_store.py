"""A team's shared store: a real Chroma server on loopback."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from index_factory import Reference, build_reference, list_folders, quicken_builds, small_cards

from knowledge.index import ensure_index, open_index
from knowledge.passage_store import IndexUnusable
from tools.errors import BadInput, NotAvailable


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    chroma = Path(sys.executable).parent / "chroma"
    command = [str(chroma), "run", "--host", "127.0.0.1", "--port", str(port), "--path", "store"]
    environment = {**os.environ, "ANONYMIZED_TELEMETRY": "false"}
    folder = tmp_path_factory.mktemp("server")
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        wait_for(port, server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended"
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    pytest.fail("the server did not start")


@pytest.fixture
def reference(shared_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Reference:
    made = build_reference(shared_cache)
    quicken_builds(monkeypatch, made.folder)
    return made


def test_a_team_shares_one_store(reference: Reference, tmp_path: Path, url: str) -> None:
    first = ensure_index(small_cards(), tmp_path / "first", lambda _: None, url)
    near = first.measure("the loss is not a number").near
    assert near[0].passage.card_id == "loss_nan"
    assert len(near) == 16
    second = ensure_index(small_cards(), tmp_path / "second", lambda _: None, url)
    assert second.measure("the loss is not a number").near[0].passage == near[0].passage
    ensure_index(small_cards(), tmp_path / "second", pytest.fail, url).close()
    (folder,) = list_folders(tmp_path / "first")
    assert not list(folder.glob("passages-*"))


def test_other_cards_are_another_collection(reference: Reference, tmp_path: Path, url: str) -> None:
    cards = {"repetition": small_cards()["repetition"]}
    with pytest.raises(IndexUnusable, match="no index of these cards yet"):
        open_index(cards, tmp_path, url)
    opened = ensure_index(cards, tmp_path, lambda _: None, url)
    assert {hit.passage.card_id for hit in opened.measure("nan").near} == {"repetition"}


def test_a_server_that_cannot_be_reached_is_one_line(reference: Reference, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(NotAvailable, match=re.escape(f"the Chroma server at {nobody} cannot be reached")) as raised:
        ensure_index(small_cards(), tmp_path, lambda _: None, nobody)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["localhost:8000", "ftp://host", "http://", "http://host:port"])
def test_what_is_no_url_is_refused(reference: Reference, tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match="chroma_url must be like http://host:8000"):
        ensure_index(small_cards(), tmp_path, lambda _: None, text)
