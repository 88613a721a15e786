"""Bytes to frames: the parts of physical lines that carriage returns and line feeds set apart."""

import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from tools.errors import BadInput

CHUNK_BYTES = 1 << 20
MAX_FRAME_BYTES = 1 << 20
MAX_QUOTED_BYTES = 2000
SAMPLE_BYTES = 1 << 16
MAX_CONTROL_SHARE = 0.05
MAX_NUL_SHARE = 0.5

_BREAK = re.compile(rb"[\r\n]")
_RANK = re.compile(r"\[(?:rank|default)(\d{1,5})\]:|(\d{1,5}): |\[\d+,(\d{1,5})\]<std")
_ANSI = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]")
_CONTROL = bytes(set(range(1, 32)) - {8, 9, 10, 12, 13, 27}) + b"\x7f"
_MAGIC = {b"\x1f\x8b": "gzip", b"(\xb5/\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2", b"PK\x03\x04": "zip"}


class ByteSource(Protocol):
    """Anything that hands over bytes: a file, a pipe, a head that was read ahead and the rest."""

    def read(self, size: int, /) -> bytes:
        """Give at most ``size`` bytes, none at the end."""
        ...


class FrameReader:
    """Reads a stream once, frame by frame, in constant memory.

    Attributes:
        num_lines, num_bytes: what was read so far.
        num_cut: frames longer than MAX_FRAME_BYTES, of which the rest was left out.
    """

    def __init__(self, stream: ByteSource) -> None:
        self._stream = stream
        self.num_lines = 0
        self.num_bytes = 0
        self.num_cut = 0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Give (line number, frame); the terminators are not part of a frame."""
        for first, lines in self.blocks():
            for number, line in enumerate(lines, first):
                yield from ((number, frame) for frame in line.split(b"\r") if frame)

    def blocks(self) -> Iterator[tuple[int, list[bytes]]]:
        """Give (number of the first line, lines); the last one may be a part of a line that the next block goes on."""
        number, carry, is_cut, ends_in_line = 1, b"", False, False
        while chunk := self._stream.read(CHUNK_BYTES):
            self.num_bytes += len(chunk)
            data = carry + chunk
            if is_cut:
                data = _drop_to_break(data)
                is_cut = not data
            lines = data.split(b"\n")
            last = lines[-1]
            lines[-1], _, carry = last.rpartition(b"\r")
            if len(data) > MAX_FRAME_BYTES:
                lines = self._cut(lines)
            yield number, lines
            number += len(lines) - 1
            ends_in_line = bool(last)
            if len(carry) > MAX_FRAME_BYTES:
                yield number, [carry[:MAX_FRAME_BYTES]]
                self.num_cut, is_cut, carry = self.num_cut + 1, True, b""
        if carry:
            yield number, [carry]
        self.num_lines = number if ends_in_line or is_cut else number - 1

    def _cut(self, lines: list[bytes]) -> list[bytes]:
        """Cut frames that are too long, so that no reader sees one."""
        for place, line in enumerate(lines):
            if len(line) > MAX_FRAME_BYTES:
                frames = line.split(b"\r")
                self.num_cut += sum(len(frame) > MAX_FRAME_BYTES for frame in frames)
                lines[place] = b"\r".join(frame[:MAX_FRAME_BYTES] for frame in frames)
        return lines


def _drop_to_break(data: bytes) -> bytes:
    """Drop the rest of a frame that was cut: everything before the next carriage return or line feed."""
    match = _BREAK.search(data)
    return data[match.start() :] if match else b""


def decode(raw: bytes, limit: int | None = None) -> str:
    r"""Read bytes as UTF-8, at most ``limit`` of them; what is not UTF-8 stays visible as ``\xNN``.

    Example:
        >>> decode(b"caf\xe9"), decode("caf\u00e9s".encode(), 4)
        ('caf\\xe9', 'caf')
    """
    if limit is not None and len(raw) > limit:
        while limit and raw[limit] & 0xC0 == 0x80:
            limit -= 1
        raw = raw[:limit]
    return raw.decode("utf-8", errors="backslashreplace")


def read_rank(text: str) -> int | None:
    """The rank that a launcher wrote in front of a line, None where it wrote none.

    Example:
        >>> read_rank("[rank1]: {'loss': 1.0}"), read_rank("3: text"), read_rank("[1,2]<stdout>:x"), read_rank("x")
        (1, 3, 2, None)
    """
    match = _RANK.match(text)
    return int(next(group for group in match.groups() if group)) if match else None


def any_of(markers: Iterable[bytes]) -> re.Pattern[bytes]:
    """A pattern that finds any of some literal markers; those with the same first byte are looked at together.

    Example:
        >>> any_of([b"loss", b"lr", b"step"]).pattern
        b'l(?:oss|r)|s(?:tep)'
    """
    rests: dict[bytes, list[bytes]] = {}
    for marker in markers:
        rests.setdefault(marker[:1], []).append(re.escape(marker[1:]))
    return re.compile(b"|".join(re.escape(first) + b"(?:" + b"|".join(rest) + b")" for first, rest in rests.items()))


def strip_ansi(frame: bytes) -> bytes:
    """Take colours and cursor movements out."""
    return _ANSI.sub(b"", frame) if b"\x1b" in frame else frame


def check_is_text(name: str, head: bytes) -> None:
    """Refuse what is not text.

    Raises:
        BadInput: the beginning looks like a compressed or binary file.
    """
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            raise BadInput(f"{name}: is {kind} data; unpack it first and pass the text inside")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) and head.count(0) > MAX_NUL_SHARE / 2 * len(head):
        raise BadInput(f"{name}: is UTF-16 text; convert it first, for example with 'iconv -f UTF-16 -t UTF-8'")
    sample = head[:SAMPLE_BYTES]
    num_control = len(sample) - len(sample.translate(None, _CONTROL))
    if num_control > MAX_CONTROL_SHARE * len(sample) or sample.count(0) > MAX_NUL_SHARE * len(sample):
        raise BadInput(f"{name}: is binary data, not a log; pass the trainer's console output or trainer_state.json")
