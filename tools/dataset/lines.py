"""Lines of a text, numbered, of any length up to a bound."""

from collections.abc import Iterator

from tools.dataset.rows import CHUNK_BYTES, MAX_ROW_BYTES, Opened, Row
from tools.log_formats.frames import ByteSource

BOM = b"\xef\xbb\xbf"
TOO_LONG = f"longer than {MAX_ROW_BYTES >> 20} MiB"


def read_lines(source: ByteSource) -> Iterator[tuple[int, bytes | None]]:
    """Give (number, line) without terminators; None stands for a line that is longer than MAX_ROW_BYTES."""
    number, carry, num_carried, is_cut = 1, list[bytes](), 0, False
    while chunk := source.read(CHUNK_BYTES):
        if number == 1 and not carry:
            chunk = chunk.removeprefix(BOM)
        first, *rest = chunk.split(b"\n")
        is_cut = is_cut or num_carried + len(first) > MAX_ROW_BYTES
        if not is_cut:
            carry.append(first)
            num_carried += len(first)
        if rest:
            yield number, None if is_cut else b"".join(carry)
            for line in rest[:-1]:
                number += 1
                yield number, line
            number, carry, num_carried, is_cut = number + 1, [rest[-1]], len(rest[-1]), False
        elif is_cut:
            carry, num_carried = [], 0
    if carry or is_cut:
        yield number, None if is_cut else b"".join(carry)


def read_plain(opened: Opened) -> Iterator[Row]:
    """Read a plain text, one row a line; empty lines are no rows."""
    for number, line in read_lines(opened.source):
        if line is None:
            yield Row(number, None, TOO_LONG)
        elif line.strip():
            text, is_damaged = decode(line)
            yield Row(number, text.rstrip("\r"), is_damaged=is_damaged)


def decode(raw: bytes) -> tuple[str, bool]:
    r"""Read bytes as UTF-8, and say whether they were not.

    Example:
        >>> decode(b"caf\xe9")
        ('caf\ufffd', True)
    """
    try:
        return raw.decode(), False
    except UnicodeDecodeError:
        return raw.decode(errors="replace"), True
