"""A stream as blocks of whole lines, for readers that look at many lines at once."""

from collections.abc import Iterator

from tools.log_formats.frames import ByteSource

CHUNK_BYTES = 1 << 18
MAX_LINE_BYTES = 1 << 20


class LineBlocks:
    """Reads a stream once, in blocks of whole lines, in constant memory.

    Attributes:
        num_lines, num_bytes: what was read so far.
        num_cut: lines longer than MAX_LINE_BYTES, of which the rest was left out.
        is_open_ended: the last line has no line feed, so it may be cut off.
    """

    def __init__(self, stream: ByteSource) -> None:
        self._stream = stream
        self.num_lines = 0
        self.num_bytes = 0
        self.num_cut = 0
        self.is_open_ended = False

    def __iter__(self) -> Iterator[tuple[int, list[bytes]]]:
        """Give (number of the first line, lines without their line feeds)."""
        carry, is_cut = b"", False
        while chunk := self._stream.read(CHUNK_BYTES):
            self.num_bytes += len(chunk)
            *lines, carry = (carry + chunk).split(b"\n")
            if is_cut and lines:
                lines[0], is_cut = lines[0][:MAX_LINE_BYTES], False
            if lines:
                yield self.num_lines + 1, lines
                self.num_lines += len(lines)
            if len(carry) > MAX_LINE_BYTES:
                self.num_cut += not is_cut
                carry, is_cut = carry[:MAX_LINE_BYTES], True
        if carry:
            self.is_open_ended = True
            yield self.num_lines + 1, [carry]
            self.num_lines += 1
