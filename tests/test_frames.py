"""Bytes to frames: nothing is lost, and it does not matter how the bytes arrive."""

import io
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_factory import SlowReader

from tools.errors import BadInput
from tools.log_formats.frames import MAX_FRAME_BYTES, FrameReader, check_is_text, strip_ansi

PIECES = st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\r", b"loss", b"  3%|", "▎█é".encode(), b"\xff\xfe", b"\x1b[0m"])
STREAMS = st.lists(PIECES, max_size=40).map(b"".join)


def read_frames(data: bytes, piece_bytes: int = 1 << 20) -> tuple[list[tuple[int, bytes]], FrameReader]:
    reader = FrameReader(SlowReader(data, piece_bytes))
    return list(reader), reader


@given(STREAMS)
@settings(derandomize=True, database=None, deadline=None)
def test_every_byte_but_the_breaks_arrives_in_order(data: bytes) -> None:
    frames, reader = read_frames(data)
    assert [frame for _, frame in frames] == [part for part in re.split(rb"[\r\n]", data) if part]
    assert reader.num_bytes == len(data)


@given(STREAMS)
@settings(derandomize=True, database=None, deadline=None)
def test_frames_are_numbered_by_line_feeds(data: bytes) -> None:
    lines = data.split(b"\n")
    frames, _ = read_frames(data)
    assert all(frame in lines[number - 1].split(b"\r") for number, frame in frames)


@given(STREAMS, st.sampled_from([1, 2, 3, 7]))
@settings(derandomize=True, database=None, deadline=None)
def test_the_size_of_the_chunks_does_not_matter(data: bytes, piece_bytes: int) -> None:
    whole, piecewise = read_frames(data), read_frames(data, piece_bytes)
    assert piecewise[0] == whole[0]
    assert piecewise[1].num_lines == whole[1].num_lines


@pytest.mark.parametrize(
    ("data", "num_lines"),
    [
        (b"", 0),
        (b"a", 1),
        (b"a\n", 1),
        (b"a\nb", 2),
        (b"a\n\n", 2),
        (b"a\r\nb\r\n", 2),
        (b"a\rb\rc\n", 1),
        (b"\r\n", 1),
    ],
)
def test_lines_are_counted_by_line_feeds(data: bytes, num_lines: int) -> None:
    assert read_frames(data)[1].num_lines == num_lines


@pytest.mark.parametrize("data", [b"a\nb\r", b"a\n\r", b"a\nb\rc\r"])
def test_a_last_line_that_ends_in_a_carriage_return_counts(data: bytes) -> None:
    assert read_frames(data)[1].num_lines == 2


def test_carriage_returns_share_the_number_of_their_line() -> None:
    assert read_frames(b"a\rb\nc\rd")[0] == [(1, b"a"), (1, b"b"), (2, b"c"), (2, b"d")]


@pytest.mark.parametrize("break_bytes", [b"\n", b"\r"])
def test_a_frame_without_breaks_is_cut_and_what_follows_is_read(break_bytes: bytes) -> None:
    frames, reader = read_frames(b"x" * 3_000_000 + break_bytes + b"after", 1 << 16)
    assert reader.num_cut == 1
    assert [len(frame) for _, frame in frames] == [MAX_FRAME_BYTES, len(b"after")]


def test_lines_are_still_counted_after_a_cut() -> None:
    frames, _ = read_frames(b"a\n" + b"x" * 3_000_000 + b"\nafter\n")
    assert frames[-1] == (3, b"after")


def test_a_cut_frame_at_the_end_counts_as_a_line() -> None:
    assert read_frames(b"a\n" + b"x" * 3_000_000)[1].num_lines == 2


def test_every_frame_that_is_cut_is_counted() -> None:
    long = b"x" * 3_000_000
    assert read_frames(long + b"\n" + long + b"\r" + long)[1].num_cut == 3


@pytest.mark.parametrize("num_bytes", [MAX_FRAME_BYTES - 1, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, 1_900_000])
@pytest.mark.parametrize("lead", [b"", b"y" * 600_000 + b"\n"])
def test_where_the_chunks_end_does_not_decide_what_is_cut(num_bytes: int, lead: bytes) -> None:
    data = lead + b"x" * num_bytes + b"\nafter\n"
    assert read_frames(data)[0] == read_frames(data, 1 << 14)[0]


def test_a_carriage_return_and_its_line_feed_may_come_in_two_chunks() -> None:
    assert read_frames(b"a\r\nb", 2)[0] == [(1, b"a"), (2, b"b")]


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        (b"plain", b"plain"),
        (b"\x1b[31mred\x1b[0m", b"red"),
        (b"\x1b[0;31mRuntimeError\x1b[0m: x", b"RuntimeError: x"),
        (b"\x1b[38;5;28mprint\x1b[39m", b"print"),
        (b"\x1b[A{'loss'", b"{'loss'"),
        (b"bar\x1b[K", b"bar"),
        (b"\x1b[?25lhidden", b"hidden"),
    ],
)
def test_colours_and_cursor_movements_are_taken_out(raw: bytes, plain: bytes) -> None:
    assert strip_ansi(raw) == plain


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"(\xb5/\xfd\x04", "zstd"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"BZh91AY", "bzip2"),
        (b"PK\x03\x04\x14", "zip"),
        (bytes(range(256)) * 4 + bytes(400), "binary"),
    ],
)
def test_what_is_not_text_is_refused_by_its_kind(head: bytes, kind: str) -> None:
    with pytest.raises(BadInput, match=f"^run.log: is {kind} data"):
        check_is_text("run.log", head)


@pytest.mark.parametrize(
    "head",
    [
        b"{'loss': 1.0}\n",
        "Umlaute äöü, 日本語 and ▏▎▍\n".encode(),
        b"\xff\xfe latin and others \xe9\xe8\n",
        b"\x1b[31mcoloured\x1b[0m\r\x1b[A\tbar\x08\x08\n",
        b"a line\x00with a stray zero byte\n",
    ],
)
def test_text_with_odd_bytes_is_accepted(head: bytes) -> None:
    check_is_text("run.log", head)
    assert list(FrameReader(io.BytesIO(head)))
