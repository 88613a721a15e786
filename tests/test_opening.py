"""Packed and converted input is read as the text inside it; what breaks off is read up to there."""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from run_factory import SlowReader, add_evals, descend, make_rows, parse, render

from tools.errors import BadInput
from tools.log_parser import parse_log, parse_path
from tools.opening import open_text

LOG = render(add_evals(make_rows(descend(40)), [1.9, 1.5, 1.3]))
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "two gzip members": lambda data: gzip.compress(data[:900]) + gzip.compress(data[900:]),
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}
ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS.keys())
@pytest.mark.parametrize("piece_bytes", [3, 1 << 20])
def test_a_packed_log_is_read_like_the_log_inside(pack: Callable[[bytes], bytes], piece_bytes: int) -> None:
    run = parse_log(SlowReader(pack(LOG), piece_bytes))
    assert repr(run.series) == repr(parse(LOG).series)
    assert run.notes[0].startswith("unpacked as")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_log_in_another_encoding_is_read_like_its_text(encoding: str) -> None:
    run = parse(LOG.decode().encode(encoding))
    assert [point.value for point in run.points("loss")] == [point.value for point in parse(LOG).points("loss")]


def test_a_packed_log_in_utf_16_is_unpacked_and_converted() -> None:
    run = parse(gzip.compress(LOG.decode().encode("utf-16")))
    assert (len(run.points("loss")), run.notes[:2]) == (40, ("unpacked as gzip", "converted from UTF-16"))


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS.keys())
def test_a_packed_log_that_breaks_off_is_read_up_to_there_or_refused(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(LOG * 200)
    try:
        run = parse(packed[: len(packed) * 2 // 3])
    except BadInput as error:
        assert "is damaged" in str(error)
    else:
        assert any("breaks off" in note for note in run.notes)
        assert 0 < run.num_records < 43 * 200


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"PK\x03\x04", "a zip archive"),
        (b"GGUF", "a GGUF model"),
        (b"\x80\x04\x95", "a Python pickle"),
        (b"%PDF-1.7", "a PDF"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_its_kind(head: bytes, kind: str) -> None:
    with pytest.raises(BadInput, match=f"stdin: is {kind}, not a log; pass"):
        parse(head + bytes(100))


def test_text_is_handed_on_unchanged_and_without_a_note() -> None:
    notes: list[str] = []
    opened = open_text(io.BytesIO(LOG), "log", notes)
    assert (b"".join(iter(lambda: opened.read(1000), b"")), notes) == (LOG, [])


def test_a_packed_file_is_read_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "train.log.gz").write_bytes(gzip.compress(LOG))
    assert len(parse_path(tmp_path / "train.log.gz").points("eval_loss")) == 3
