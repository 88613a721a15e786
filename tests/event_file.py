"""TensorBoard event files made byte by byte, as the writers make them."""

import json
import struct
from collections.abc import Sequence

from tools.log_formats.wire import masked_crc

FLOAT, DOUBLE, INT32, STRING, INT64, BFLOAT16, HALF = 1, 2, 3, 7, 9, 14, 19
PACKED = {FLOAT: (5, "<f"), DOUBLE: (6, "<d")}
CONTENTS = {FLOAT: "<f", DOUBLE: "<d", INT32: "<i", INT64: "<q", HALF: "<e"}


def varint(value: int) -> bytes:
    """A number of variable length, as protocol buffers write it."""
    value &= (1 << 64) - 1
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def part(number: int, content: bytes) -> bytes:
    """A field that has a length."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def frame(content: bytes) -> bytes:
    """A TFRecord."""
    length = struct.pack("<Q", len(content))
    return length + struct.pack("<I", masked_crc(length)) + content + struct.pack("<I", masked_crc(content))


def event(step: int, *values: bytes) -> bytes:
    """A record with the values of a step."""
    place = varint(2 << 3) + varint(step) if step else b""
    return frame(b"\x09" + struct.pack("<d", 1.7e9 + step) + place + part(5, b"".join(values)))


def scalar(tag: str, value: float) -> bytes:
    """A value as torch.utils.tensorboard writes it."""
    return part(1, part(1, tag.encode()) + b"\x15" + struct.pack("<f", value))


def tensor(tag: str, value: float, kind: int = FLOAT, in_content: bool = False) -> bytes:
    """A value as TensorFlow 2 writes it, in a list of one or in the raw content."""
    if in_content:
        number = int(value) if kind in (INT32, INT64) else value
        bits = struct.pack("<f", value)[2:] if kind == BFLOAT16 else struct.pack(CONTENTS[kind], number)
        held = part(4, bits)
    elif kind in PACKED:
        number, packing = PACKED[kind]
        held = part(number, struct.pack(packing, value))
    else:
        held = part(7 if kind == INT32 else 10, varint(int(value)))
    return part(1, part(1, tag.encode()) + part(8, varint(1 << 3) + varint(kind) + held))


def text(tag: str, settings: dict[str, object]) -> bytes:
    """A text summary, as Hugging Face writes its arguments."""
    held = varint(1 << 3) + varint(STRING) + part(8, json.dumps(settings, indent=2).encode())
    return part(1, part(1, tag.encode()) + part(8, held))


def event_file(records: Sequence[bytes]) -> bytes:
    """A whole file, which begins with the version."""
    version = frame(b"\x09" + struct.pack("<d", 1.7e9) + part(3, b"brain.Event:2"))
    return version + b"".join(records)
