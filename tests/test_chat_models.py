import http.server
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage

from assistant.chat_models import KEY_VARIABLE, OpenModel, open_chat_model
from assistant.llama_engine import Cancellation
from assistant.llm import LlamaChat
from assistant.models import find_model
from assistant.settings import Settings
from tools.errors import BadInput, FtchatError, NotAvailable

SERVER = (
    "from assistant.llama_engine import open_library; open_library();from llama_cpp.server.__main__ import main; main()"
)
HUB_TOKEN = "hf_" + "aB3" * 12
PIECE: dict[str, Any] = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}


@contextmanager
def serving(path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The server of llama-cpp-python, a process of its own, on a free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", SERVER, "--model", str(path), "--port", str(port), "--n_ctx", "1024"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*command, "--host", "127.0.0.1"], stdout=quiet, stderr=quiet) as process:
        url = f"http://127.0.0.1:{port}/v1"
        try:
            wait_for(f"{url}/models", process)
            yield process, url
        finally:
            process.kill()


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url):  # noqa: S310  an address of this machine
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"the server did not start: {process.poll()}")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return find_model(None, tmp_path_factory.mktemp("receipts")).path


@pytest.fixture(scope="module")
def server(path: Path) -> Iterator[str]:
    with serving(path) as (_, url):
        yield url


class Stub:
    """A server that says what a test wants, and keeps what it was sent."""

    def __init__(self) -> None:
        self.status, self.kind, self.body = 200, "text/event-stream", b""
        self.received: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    def say(self, *texts: str, finish: str | None = "stop") -> None:
        pieces = [{"index": 0, "delta": {"role": "assistant", "content": text}} for text in texts]
        pieces += [{"index": 0, "delta": {}, "finish_reason": finish}] if finish else []
        self.body = b"".join(
            b"data: " + json.dumps({**PIECE, "choices": [piece]}).encode() + b"\n\n" for piece in pieces
        )

    def refuse(self, status: int, message: str) -> None:
        self.status, self.kind = status, "application/json"
        self.body = json.dumps({"error": {"message": message, "code": status}}).encode()


@pytest.fixture
def stub() -> Iterator[tuple[Stub, str]]:
    script = Stub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            script.received.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            script.keys.append(self.headers["authorization"])
            self.send_response(script.status)
            self.send_header("content-type", script.kind)
            self.send_header("content-length", str(len(script.body)))
            self.end_headers()
            self.wfile.write(script.body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        yield script, f"http://127.0.0.1:{listener.server_port}/v1"
        listener.shutdown()
        thread.join()


def opened(url: str, environment: dict[str, str] | None = None, model: str = "openai:tiny") -> OpenModel:
    return open_chat_model(Settings("cache", model, url), environment or {})


def complaint(error: type[FtchatError], call: Any) -> str:
    with pytest.raises(error) as raised:
        call()
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_a_servers_model_answers(server: str) -> None:
    found = opened(server)
    answer = found.model.invoke("Say hello.", max_tokens=6)
    assert "Hello" in answer.text
    assert answer.response_metadata["finish_reason"] == "length"
    assert (found.name, found.file_hash, found.is_remote) == ("openai:tiny", None, True)


def test_a_servers_answer_comes_in_pieces(server: str) -> None:
    pieces = [chunk.text for chunk in opened(server).model.stream("Say hello.", max_tokens=6) if chunk.text]
    assert len(pieces) == 6


def test_a_server_that_dies_in_the_middle_of_an_answer_is_one_clear_line(path: Path) -> None:
    with serving(path) as (process, url):
        pieces = opened(url).model.stream("Tell a long story.", max_tokens=900)
        next(pieces)
        next(pieces)
        process.kill()
        message = complaint(NotAvailable, lambda: list(pieces))
    assert message.startswith(f"openai:tiny at {url} broke off in the middle of its answer")


def test_a_prompt_that_is_too_long_for_the_server_is_one_clear_line(server: str) -> None:
    message = complaint(NotAvailable, lambda: opened(server).model.invoke("flat loss " * 1000, max_tokens=4))
    assert "the prompt may be too long for it" in message


def test_a_wrong_address_on_a_server_is_one_clear_line(server: str) -> None:
    message = complaint(NotAvailable, lambda: opened(server.removesuffix("/v1")).model.invoke("Hello"))
    assert "knows no such model, or no such address; check the name, and whether the URL ends in /v1" in message


def test_a_server_that_is_not_there_is_one_clear_line() -> None:
    message = complaint(NotAvailable, lambda: opened("http://127.0.0.1:9/v1").model.invoke("Hello"))
    assert message == "openai:tiny at http://127.0.0.1:9/v1 cannot be reached; start the server or correct model_url"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "refuses the key; set FTCHAT_MODEL_KEY"),
        (403, "does not let this key use the model"),
        (404, "knows no such model"),
        (429, "has had too many requests, or the quota is used up"),
        (500, "failed"),
        (400, "failed"),
    ],
)
def test_what_a_server_refuses_is_one_clear_line(stub: tuple[Stub, str], status: int, said: str) -> None:
    script, url = stub
    script.refuse(status, f"no\nway {HUB_TOKEN}")
    message = complaint(NotAvailable, lambda: opened(url).model.invoke("Hello"))
    assert message.startswith(f"openai:tiny at {url} {said}")
    assert "no way" in message
    assert HUB_TOKEN not in message


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("text/html", b"<html>Welcome</html>", "sent no answer"),
        ("application/json", b"[]", "sent no answer"),
        ("text/event-stream", b"data: 5\n\n", "does not answer as OpenAI's API does"),
        ("text/event-stream", b"data: {nope\n\n", "does not answer as OpenAI's API does"),
    ],
)
def test_a_server_of_another_kind_is_one_clear_line(stub: tuple[Stub, str], kind: str, body: bytes, said: str) -> None:
    script, url = stub
    script.kind, script.body = kind, body
    assert said in complaint(NotAvailable, lambda: opened(url).model.invoke("Hello"))


def test_a_stream_that_ends_without_saying_why_was_cut(stub: tuple[Stub, str]) -> None:
    script, url = stub
    script.say("Raise the", finish=None)
    message = complaint(NotAvailable, lambda: opened(url).model.invoke("Hello"))
    assert message == f"openai:tiny at {url} broke off in the middle of its answer; ask again"


def test_a_failure_that_a_stream_reports_is_one_clear_line(stub: tuple[Stub, str]) -> None:
    script, url = stub
    script.say("Raise the", finish=None)
    script.body += b'data: {"error": {"message": "out of memory", "code": 500}}\n\n'
    message = complaint(NotAvailable, lambda: opened(url).model.invoke("Hello"))
    assert message == f"openai:tiny at {url} broke off in the middle of its answer (out of memory); ask again"


def test_no_secret_is_sent(stub: tuple[Stub, str]) -> None:
    script, url = stub
    script.say("Fine.")
    call = {"name": "search", "args": {"question": HUB_TOKEN, "n": 3}, "id": "a"}
    messages = [
        HumanMessage(f"push with {HUB_TOKEN}"),
        AIMessage(f"with {HUB_TOKEN}", tool_calls=[call]),
        ToolMessage(f"got {HUB_TOKEN}", tool_call_id="a"),
        HumanMessage([{"type": "text", "text": f"and {HUB_TOKEN}"}]),
    ]
    assert opened(url).model.invoke(messages).text == "Fine."
    sent = json.dumps(script.received)
    assert HUB_TOKEN not in sent
    assert sent.count("<HUB_TOKEN") == 5
    assert HUB_TOKEN in str(messages[0].text)


def test_the_limit_is_said_in_both_ways(stub: tuple[Stub, str]) -> None:
    script, url = stub
    script.say("Fine.")
    opened(url).model.invoke("Hello", max_tokens=7)
    assert script.received[0]["max_tokens"] == script.received[0]["max_completion_tokens"] == 7


def test_a_server_on_this_machine_never_sees_the_key_of_a_hosted_service(
    stub: tuple[Stub, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    script, url = stub
    script.say("Fine.")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-hosted")
    opened(url).model.invoke("Hello")
    opened(url, {KEY_VARIABLE: "mine"}).model.invoke("Hello")
    assert script.keys == ["Bearer none", "Bearer mine"]


def test_tools_reach_the_server_and_its_call_comes_back(stub: tuple[Stub, str]) -> None:
    def search_cards(question: str) -> str:
        """Search the cards."""
        return question

    script, url = stub
    script.say()
    call = {
        "index": 0,
        "id": "a",
        "type": "function",
        "function": {"name": "search_cards", "arguments": '{"question":"x"}'},
    }
    first = {**PIECE, "choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [call]}}]}
    script.body = b"data: " + json.dumps(first).encode() + b"\n\n" + script.body
    answer = opened(url).model.bind_tools([search_cards]).invoke("Hello")
    assert script.received[0]["tools"][0]["function"]["name"] == "search_cards"
    assert [(each["name"], each["args"]) for each in answer.tool_calls] == [("search_cards", {"question": "x"})]


def test_a_cancelled_answer_ends(stub: tuple[Stub, str]) -> None:
    script, url = stub
    script.say("Raise ", "the ", "rate.")
    cancelled, heard = Cancellation(), ""
    for chunk in opened(url).model.stream("Hello", cancelled=cancelled):
        heard += str(AIMessageChunk.model_validate(chunk).text)
        if heard.endswith("the "):
            cancelled.set()
    assert heard == "Raise the "


def test_a_grammar_is_refused() -> None:
    model = opened("http://127.0.0.1:9/v1").model
    message = complaint(BadInput, lambda: model.invoke("Hello", grammar='root ::= "yes"'))
    assert message == "openai:tiny takes no grammar: only a model in this process does"


@pytest.mark.parametrize(
    ("model", "url", "error", "said"),
    [
        ("openai:tiny", "", NotAvailable, "set FTCHAT_MODEL_KEY"),
        ("nosuch:tiny", "", BadInput, "Unsupported provider"),
        (
            "openai:tiny",
            "127.0.0.1:8080",
            BadInput,
            "model_url must be as http://127.0.0.1:8080/v1, got '127.0.0.1:8080'",
        ),
        ("embedded", "http://127.0.0.1:9/v1", BadInput, "'embedded' runs in this process"),
        ("anthropic:tiny", "", NotAvailable, "run 'pip install langchain-anthropic'"),
    ],
)
def test_a_model_that_cannot_be_opened_is_one_clear_line(
    model: str, url: str, error: type[FtchatError], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert said in complaint(error, lambda: opened(url, model=model))


def test_the_embedded_model_is_opened_in_this_process(tmp_path: Path) -> None:
    found = open_chat_model(Settings(str(tmp_path)), {})
    assert isinstance(found.model, LlamaChat)
    assert (found.name, found.is_remote, found.context_tokens) == ("SmolLM2-135M-Instruct.Q4_1", False, 4096)
    assert found.file_hash == "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def test_a_local_model_imports_no_client_of_a_server(tmp_path: Path) -> None:
    code = (
        "import sys; from assistant.chat_models import open_chat_model; from assistant.settings import Settings;"
        f"open_chat_model(Settings({str(tmp_path)!r}));"
        "print([name for name in ('openai', 'langchain_openai', 'langchain.chat_models') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert run.stdout == "[]\n"
