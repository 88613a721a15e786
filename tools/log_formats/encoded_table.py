"""A table of metrics that is one base64 line, as OpenAI hands the result file of a fine-tuning job back."""

import binascii
from typing import TYPE_CHECKING

from tools.errors import BadInput
from tools.lazy_pattern import lazy_pattern
from tools.log_formats.frames import ByteSource
from tools.log_formats.record import FileFormat
from tools.log_formats.table_files import read_table
from tools.log_formats.table_header import is_table

if TYPE_CHECKING:
    from tools.run_builder import RunBuilder

MIN_ENCODED_BYTES = 16

_ALPHABET = lazy_pattern(rb"[A-Za-z0-9+/]+={0,2}")


class _DecodedStream:
    """Decodes base64 while it is read."""

    def __init__(self, stream: ByteSource) -> None:
        self._stream, self._carry = stream, b""
        self.num_bytes = 0

    def read(self, size: int, /) -> bytes:
        """Give at most ``size`` decoded bytes, none at the end.

        Raises:
            BadInput: what comes is not base64.
        """
        while chunk := self._stream.read(size):
            self.num_bytes += len(chunk)
            plain = self._carry + chunk.translate(None, b"\r\n ")
            whole = len(plain) // 4 * 4
            self._carry = plain[whole:]
            if decoded := _decode(plain[:whole]):
                return decoded
        rest, self._carry = self._carry, b""
        return _decode(rest + b"=" * (-len(rest) % 4)) if len(rest) > 1 else b""


def _decode(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text)
    except binascii.Error:
        raise BadInput("the base64 text is damaged; fetch the result file again, or decode it first") from None


def is_encoded_table(head: bytes) -> bool:
    """Tell from its beginning whether a file is a table of metrics in base64."""
    plain = head.translate(None, b"\r\n ")
    if len(plain) < MIN_ENCODED_BYTES or not _ALPHABET.fullmatch(plain):
        return False
    try:
        return is_table(binascii.a2b_base64(plain[: len(plain) // 4 * 4]) + b"\n")
    except binascii.Error:
        return False


def read_encoded_table(stream: ByteSource, builder: "RunBuilder") -> None:
    """Read the table inside.

    Raises:
        BadInput: the file stops being base64 somewhere.
    """
    decoded = _DecodedStream(stream)
    read_table(decoded, builder)
    builder.num_bytes = decoded.num_bytes
    builder.notes.append("the file is base64; its lines are those of the text inside")


ENCODED_TABLE = FileFormat(
    name="encoded_table",
    title="table of values as one base64 line",
    source="result files of OpenAI fine-tuning jobs, files API",
    detect=is_encoded_table,
    read=read_encoded_table,
    samples=(
        (
            binascii.b2a_base64(b"step,train_loss,valid_loss\n1,1.5,\n2,1.25,\n3,1.125,\n"),
            {"step": 1.0, "loss": 1.5},
        ),
    ),
)
