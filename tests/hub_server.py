"""A hub on loopback: it answers as huggingface.co does for one file, and breaks in the ways that a hub can.

Like huggingface.co it tells a file's length and digest itself and sends who wants the content to another host, here
the same server by its other name.
"""

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CONTENT_PATH = "/content/of/it"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Hub:
    """What the hub holds and how it behaves; a test may change it between two requests.

    Attributes:
        content: the file that is sent.
        digest: what the hub says that its sha256 is.
        status: of every answer, 200 for the file.
        error_code: the X-Error-Code that goes with a refusal.
        cuts: after how many bytes the connection is dropped, for each of the answers to come; then they are whole.
        holds_after: after how many bytes an answer waits until ``go_on`` is set; None for an answer that does not.
        requests: (method, path, Range) of each request.
        tokens: (path, Authorization) of each request that brought one.
    """

    content: bytes
    digest: str = ""
    status: int = 200
    error_code: str = ""
    cuts: list[int] = field(default_factory=list)
    holds_after: int | None = None
    go_on: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def ranges(self) -> list[str | None]:
        """The Range of each request for content."""
        return [given for _, path, given in self.requests if path == CONTENT_PATH]

    @property
    def content_url(self) -> str:
        """Where the content is."""
        return self.url.replace("127.0.0.1", "localhost") + CONTENT_PATH


@contextmanager
def serve_hub(hub: Hub) -> Iterator[Hub]:
    """Serve on a free port of loopback until the block ends."""
    hub.digest = hub.digest or hashlib.sha256(hub.content).hexdigest()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers HEAD and GET of /org/repo/resolve/revision/file, and GET of the content."""

    hub: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._note()
        if not self._is_refused():
            self._send_on()

    def do_GET(self) -> None:
        self._note()
        if self._is_refused():
            return
        if self.path == CONTENT_PATH:
            self._send_content()
        else:
            self._send_on()

    def _send_on(self) -> None:
        self.send_response(302)
        self.send_header("Location", self.hub.content_url)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{self.hub.digest}"')
        self.send_header("X-Linked-Etag", f'"{self.hub.digest}"')
        self.send_header("X-Linked-Size", str(len(self.hub.content)))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send_content(self) -> None:
        wanted = self.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        body = self.hub.content[start:]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(body)))
        if wanted:
            size = len(self.hub.content)
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.end_headers()
        if self.hub.cuts:
            self.wfile.write(body[: self.hub.cuts.pop(0)])
            self.wfile.flush()
            self.close_connection = True
            return
        held = self.hub.holds_after
        if held is not None:
            self.wfile.write(body[:held])
            self.hub.go_on.wait(timeout=30)
            self.close_connection = True
            return
        self.wfile.write(body)

    def _note(self) -> None:
        self.hub.requests.append((self.command, self.path, self.headers.get("Range")))
        if token := self.headers.get("Authorization"):
            self.hub.tokens.append((self.path, token))

    def _is_refused(self) -> bool:
        is_known = self.path == CONTENT_PATH or "/resolve/" in self.path
        status = self.hub.status if is_known else 404
        if status == 200:
            return False
        self.send_response(status)
        if self.hub.error_code:
            self.send_header("X-Error-Code", self.hub.error_code)
        self.send_header("Content-Length", "0")
        self.end_headers()
        return True

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
