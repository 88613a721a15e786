"""Logs that can be read a second time: a file by its path, a pipe by what was kept of it while it was parsed."""

import io
import tempfile
from collections import deque
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol

from tools.log_formats.frames import ByteSource

MAX_KEPT_BYTES = 32 << 20
MAX_MEMORY_BYTES = 4 << 20
TAIL_BYTES = 256 << 10


class KeptLog(Protocol):
    """A log that was read once and can be read again."""

    @property
    def is_whole(self) -> bool:
        """Whether all of it can be read again, and not only its beginning and end."""
        ...

    def open(self) -> AbstractContextManager[ByteSource]:
        """Give it from its beginning; of one that is not whole, so much as there is.

        Raises:
            OSError: it is a file that has gone.
        """
        ...

    def read_tail(self) -> bytes:
        """Give its last TAIL_BYTES bytes.

        Raises:
            OSError: it is a file that has gone.
        """
        ...


class PathLog:
    """A file, read again from its path."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.is_whole = True

    def open(self) -> AbstractContextManager[ByteSource]:
        """Open the file."""
        return self._path.open("rb")

    def read_tail(self) -> bytes:
        """Read the file's end by seeking."""
        with self._path.open("rb") as stream:
            size = stream.seek(0, io.SEEK_END)
            stream.seek(max(0, size - TAIL_BYTES))
            return stream.read(TAIL_BYTES)


class PipedLog:
    """Hands on what a pipe gives, and keeps its first MAX_KEPT_BYTES and its last TAIL_BYTES bytes."""

    def __init__(self, stream: ByteSource) -> None:
        self._stream = stream
        self._kept = tempfile.SpooledTemporaryFile(max_size=MAX_MEMORY_BYTES)  # noqa: SIM115  kept as long as the turn
        self._num_kept = 0
        self._last: deque[bytes] = deque()
        self.is_whole = True

    def read(self, size: int, /) -> bytes:
        """Give what the pipe gives, and keep it."""
        piece = self._stream.read(size)
        room = MAX_KEPT_BYTES - self._num_kept
        self._num_kept += self._kept.write(piece[:room])
        self.is_whole = self.is_whole and len(piece) <= room
        if not self.is_whole:
            self._keep_last(piece)
        return piece

    def _keep_last(self, piece: bytes) -> None:
        self._last.append(piece[-TAIL_BYTES:])
        while sum(map(len, self._last)) - len(self._last[0]) >= TAIL_BYTES:
            self._last.popleft()

    def open(self) -> AbstractContextManager[ByteSource]:
        """Give what was kept, from its beginning."""
        self._kept.seek(0)
        return nullcontext(self._kept)

    def read_tail(self) -> bytes:
        """Give the end."""
        if self.is_whole:
            self._kept.seek(max(0, self._num_kept - TAIL_BYTES))
            return self._kept.read(TAIL_BYTES)
        return b"".join(self._last)[-TAIL_BYTES:]
