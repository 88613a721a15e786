"""From a stream of bytes to a Run: one pass, bounded memory, every value with its line."""

from pathlib import Path

from tools.console_reader import ConsoleReader
from tools.errors import BadInput
from tools.log_formats import FILE_FORMATS
from tools.log_formats.frames import SAMPLE_BYTES, ByteSource, check_is_text
from tools.opening import open_text
from tools.run import Run
from tools.run_builder import RunBuilder


def parse_path(path: Path) -> Run:
    """Read the log at a path, or everything that a run folder holds.

    Raises:
        BadInput: there is no such file, it cannot be read, it is empty or it is not text; or the folder holds no log.
    """
    if path.is_dir():
        from tools.run_folder import parse_folder

        return parse_folder(path)
    try:
        with path.open("rb") as stream:
            return parse_log(stream, str(path))
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read ({error.strerror})") from None


def parse_log(stream: ByteSource, name: str = "stdin") -> Run:
    """Read a training log.

    Args:
        stream: the log; read once, never sought, so a pipe serves.
        name: what to call it in messages.

    Returns:
        The run; it is not judgeable where no metric and no problem was recognised.

    Raises:
        BadInput: the stream is empty or is not text.
    """
    builder = RunBuilder(name)
    opened = open_text(stream, name, builder.notes)
    head = _read_head(opened)
    if not head.strip():
        raise BadInput(f"{name}: is empty; pipe the trainer's output in, or pass a log file")
    joined, console = Joined(head, opened), ConsoleReader(builder)
    builder.feed_text = console.feed
    file_format = next((one for one in FILE_FORMATS if one.detect(head)), None)
    if file_format:
        file_format.read(joined, builder)
        builder.format = file_format.name
        console.finish()
        return builder.build()
    check_is_text(name, head)
    console.read(joined, head)
    return builder.build()


def _read_head(stream: ByteSource) -> bytes:
    """Read the beginning, however small the pieces are in which a pipe hands it over."""
    parts, missing = [], SAMPLE_BYTES
    while missing > 0 and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


class Joined:
    """The head that was read ahead, and then the rest of the stream."""

    def __init__(self, head: bytes, rest: ByteSource) -> None:
        self._head, self._rest = head, rest

    def read(self, size: int, /) -> bytes:
        """Give the head in one piece, then what the stream gives."""
        head, self._head = self._head, b""
        return head or self._rest.read(size)
