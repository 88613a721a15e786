"""Any input as a stream of UTF-8 text: compressed files are unpacked, UTF-16 is converted, as they are read."""

import codecs
from collections.abc import Iterator
from typing import IO, Any, cast

from tools.errors import BadInput
from tools.log_formats.frames import CHUNK_BYTES, ByteSource

MIN_SAMPLE_BYTES = 4096
NUL_SHARE = 0.25
MAX_PIECE_BYTES = 1 << 20
ZSTD_FED_BYTES = 1 << 10
"""What is fed at once: zstd packs up to some ten thousand bytes into one, so this bounds what comes out."""

_MAGIC = {b"\x1f\x8b": "gzip", b"(\xb5/\xfd": "zstd", b"\xfd7zXZ\x00": "xz", b"BZh": "bzip2"}
_REFUSED = {
    b"PK\x03\x04": "a zip archive",
    b"Rar!": "a rar archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GGUF": "a GGUF model",
    b"\x80\x02": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"SQLite format 3": "a database",
}


def open_text(stream: ByteSource, name: str, notes: list[str]) -> ByteSource:
    """Give the text of a stream, whatever it is packed in.

    Args:
        stream: read once, never sought.
        name: what to call it in messages.
        notes: takes a note where the input was unpacked, converted, or breaks off.

    Raises:
        BadInput: it is a kind of file that is no log, or was packed in a way that cannot be read here.
    """
    head = b""
    while len(head) < MIN_SAMPLE_BYTES and (part := stream.read(MIN_SAMPLE_BYTES - len(head))):
        head += part
    for magic, kind in _REFUSED.items():
        if head.startswith(magic):
            raise BadInput(f"{name}: is {kind}, not a log; pass the trainer's console output or trainer_state.json")
    opened = _Pieces(_chain(head, stream))
    packing = next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)
    if packing:
        notes.append(f"unpacked as {packing}")
        opened = _Pieces(_unpack(opened, packing, name, notes))
        head = opened.peek(MIN_SAMPLE_BYTES)
    encoding = _find_encoding(head)
    if encoding:
        notes.append(f"converted from {encoding}")
        opened = _Pieces(_convert(opened, encoding))
    return opened


class _Pieces:
    """A stream over pieces of bytes that are made as they are asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._piece, self._place = pieces, b"", 0

    def peek(self, size: int) -> bytes:
        """Give the beginning without taking it."""
        while len(self._piece) < size and (piece := next(self._pieces, b"")):
            self._piece += piece
        return self._piece[:size]

    def read(self, size: int = MAX_PIECE_BYTES, /) -> bytes:
        """Give at most ``size`` bytes, none at the end."""
        if self._place >= len(self._piece):
            self._piece, self._place = next(self._pieces, b""), 0
        start, self._place = self._place, self._place + size
        return self._piece[start : self._place]


def _chain(head: bytes, stream: ByteSource) -> Iterator[bytes]:
    if head:
        yield head
    while part := stream.read(CHUNK_BYTES):
        yield part


def _unpack(packed: ByteSource, packing: str, name: str, notes: list[str]) -> Iterator[bytes]:
    """Unpack piece by piece; what stands before a damaged place is read, and the damage is noted.

    Raises:
        BadInput: not even the first piece can be unpacked.
    """
    unpacked, damage = _open_packed(packed, packing)
    num_bytes = 0
    while True:
        try:
            piece = unpacked.read(MAX_PIECE_BYTES)
        except damage as error:
            if not num_bytes:
                raise BadInput(f"{name}: is damaged {packing} data ({error}); pass the log unpacked") from None
            notes.append(f"the {packing} data breaks off or is damaged; what stands before was read")
            return
        if not piece:
            return
        num_bytes += len(piece)
        yield piece


def _open_packed(packed: ByteSource, packing: str) -> tuple[IO[bytes], tuple[type[Exception], ...]]:
    """A file object that unpacks, and the errors by which its library tells damaged data."""
    source = cast("Any", packed)
    if packing == "gzip":
        import gzip
        import zlib

        return cast("IO[bytes]", gzip.GzipFile(fileobj=source)), (EOFError, OSError, zlib.error)
    if packing == "bzip2":
        import bz2

        return cast("IO[bytes]", bz2.BZ2File(source)), (EOFError, OSError, ValueError)
    if packing == "xz":
        import lzma

        return cast("IO[bytes]", lzma.LZMAFile(source)), (EOFError, lzma.LZMAError)
    import zstandard

    return cast("IO[bytes]", _Pieces(_unpack_zstd(packed))), (EOFError, zstandard.ZstdError)


def _unpack_zstd(packed: ByteSource) -> Iterator[bytes]:
    """Unpack frame after frame; the library does not say by itself that one breaks off."""
    import zstandard

    frame, is_open = zstandard.ZstdDecompressor().decompressobj(), False
    while fed := packed.read(ZSTD_FED_BYTES):
        while fed:
            is_open = True
            piece = frame.decompress(fed)
            fed = b""
            if frame.eof:
                fed, is_open = frame.unused_data, False
                frame = zstandard.ZstdDecompressor().decompressobj()
            if piece:
                yield piece
    if is_open:
        raise EOFError("it breaks off inside a frame")


def _find_encoding(head: bytes) -> str | None:
    """The encoding of a beginning in which every letter takes two or four bytes, None where one byte serves."""
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "UTF-32"),
        (codecs.BOM_UTF16_LE, "UTF-16"),
        (codecs.BOM_UTF16_BE, "UTF-16"),
    ):
        if head.startswith(mark):
            return encoding
    even, odd = head[0::2], head[1::2]
    if len(head) >= 8 and odd.count(0) > NUL_SHARE * len(head) and even.count(0) < len(even) // 10:
        return "UTF-16-LE"
    if len(head) >= 8 and even.count(0) > NUL_SHARE * len(head) and odd.count(0) < len(odd) // 10:
        return "UTF-16-BE"
    return None


def _convert(stream: ByteSource, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    while part := stream.read(CHUNK_BYTES):
        text = decoder.decode(part)
        if text:
            yield text.encode("utf-8", "surrogatepass")
    rest = decoder.decode(b"", final=True)
    if rest:
        yield rest.encode("utf-8", "surrogatepass")
