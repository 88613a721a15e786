"""The two layers of a TensorBoard event file: TFRecord framing, and the wire format of protocol buffers in it."""

import struct
from collections.abc import Iterator
from functools import cache, lru_cache

from tools.log_formats.frames import ByteSource

CHUNK_BYTES = 1 << 20
HEADER_BYTES = 12
FOOTER_BYTES = 4
MAX_RECORD_BYTES = 1 << 20
MAX_CHECKED_BYTES = 1 << 10
"""The checksum of a longer record is not verified: it costs a tenth of a microsecond a byte here."""

_MASK_DELTA = 0xA282EAD8
_POLYNOMIAL = 0x82F63B78
_WORD = struct.Struct("<I")
_LENGTH = struct.Struct("<Q")
_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")

Field = int | float | bytes


@cache
def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return tuple(table)


def masked_crc(data: bytes) -> int:
    """The checksum that a TFRecord carries: CRC-32C, rotated by 15 bits, plus a constant.

    Source:
        tensorflow/core/lib/hash/crc32c.h, Mask; the polynomial is that of RFC 3720, appendix B.4.

    Example:
        >>> hex(masked_crc(bytes(32)))
        '0xfd7fffa'
    """
    table, value = _crc_table(), 0xFFFFFFFF
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + _MASK_DELTA) & 0xFFFFFFFF


@lru_cache(maxsize=256)
def read_length(header: bytes) -> int | None:
    """The length of the record that this header begins, None where its checksum is wrong."""
    if len(header) < HEADER_BYTES or _WORD.unpack_from(header, 8)[0] != masked_crc(header[:8]):
        return None
    length: int = _LENGTH.unpack_from(header)[0]
    return length


class RecordFile:
    """Reads the records of a TFRecord file once, in constant memory.

    Attributes:
        num_records, num_bytes: what was read so far.
        num_damaged: records whose checksum is wrong; num_large: records left out because of their size.
        fault: why the file ends where it does, "" where it is whole.
    """

    def __init__(self, stream: ByteSource) -> None:
        self._stream = stream
        self._data, self._place = b"", 0
        self.num_records = self.num_bytes = self.num_damaged = self.num_large = 0
        self.fault = ""

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Give (number of the record, its content), the number counted from 1."""
        while header := self._take(HEADER_BYTES):
            length = read_length(header)
            if length is None:
                self.fault = "breaks off inside" if len(header) < HEADER_BYTES else "is damaged at"
                return
            if length > MAX_RECORD_BYTES:
                if not self._skip(length + FOOTER_BYTES):
                    self.fault = "breaks off inside"
                    return
                self.num_records, self.num_large = self.num_records + 1, self.num_large + 1
                continue
            content = self._take(length + FOOTER_BYTES)
            if len(content) < length + FOOTER_BYTES:
                self.fault = "breaks off inside"
                return
            self.num_records += 1
            content, checksum = content[:length], _WORD.unpack_from(content, length)[0]
            if length <= MAX_CHECKED_BYTES and masked_crc(content) != checksum:
                self.num_damaged += 1
                continue
            yield self.num_records, content

    def _take(self, size: int) -> bytes:
        while len(self._data) - self._place < size:
            chunk = self._stream.read(CHUNK_BYTES)
            if not chunk:
                break
            self.num_bytes += len(chunk)
            self._data, self._place = self._data[self._place :] + chunk, 0
        taken = self._data[self._place : self._place + size]
        self._place += len(taken)
        return taken

    def _skip(self, size: int) -> bool:
        while size > 0:
            taken = self._take(min(size, CHUNK_BYTES))
            if not taken:
                return False
            size -= len(taken)
        return True


def read_varint(data: bytes, place: int) -> tuple[int, int]:
    """Read a number of variable length; gives it and the place behind it.

    Raises:
        ValueError: it has no end.
    """
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            break
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ValueError("a number without an end")


def read_fields(data: bytes) -> Iterator[tuple[int, Field]]:
    """Give (field number, value) of every field of a message; what has a length comes as bytes.

    Raises:
        ValueError: this is no message.

    Source:
        protobuf.dev, Encoding.

    Example:
        >>> list(read_fields(bytes.fromhex("089601120274 65")))
        [(1, 150), (2, b'te')]
    """
    place, length = 0, len(data)
    while place < length:
        key, place = (data[place], place + 1) if data[place] < 0x80 else read_varint(data, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = read_varint(data, place)
            yield number, value
            continue
        if kind == 2:
            is_short = place < length and data[place] < 0x80
            size, place = (data[place], place + 1) if is_short else read_varint(data, place)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError("a field of unknown kind")
        end = place + size
        if end > length:
            raise ValueError("a field longer than its message")
        part = data[place:end]
        yield number, part if kind == 2 else (_DOUBLE if kind == 1 else _FLOAT).unpack(part)[0]
        place = end
