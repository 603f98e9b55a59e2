from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from journal import Limits, tail
from journal.errors import JournalCorrupt
from tests.journal.builders import grow, only_tail


def whole(tmp_path: Path, *, batch: int, close: bool, count: int = 6, room: int = 1) -> bytes:
    """Return a file's bytes; in room of one byte there is never one left."""
    limits = Limits(batch=batch, room=room)
    writer = grow(tmp_path, count, limits=limits, close=close)
    data = only_tail(tmp_path).read_bytes()
    writer.close()
    return data


def scanned(data: bytes) -> tail.Scan:
    scan = tail.Scan(data)
    for _ in scan.blocks():
        pass
    return scan


def flips(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the data with one bit flipped, every bit in turn."""
    for bit in range(len(data) * 8):
        at = bit // 8
        yield at, data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1 :]


def last_write(data: bytes) -> int:
    """Return where the last write begins, its mark apart: a mark alone proves nothing."""
    return data.rindex(b"\n ") + 1


@pytest.mark.parametrize("batch", [1, 4, 6])
@pytest.mark.parametrize("close", [True, False])
def test_a_whole_file_is_good_to_its_end(tmp_path: Path, batch: int, close: bool) -> None:
    scan = scanned(whole(tmp_path, batch=batch, close=close))
    assert (scan.bad, scan.next_seq, scan.finished) == (None, 7, close)


def test_every_flipped_bit_of_a_finished_file_is_rot_but_in_the_footer(tmp_path: Path) -> None:
    data = whole(tmp_path, batch=2, close=True, count=5)
    footer = last_write(data)
    for offset, damaged in flips(data):
        bad = scanned(damaged).bad
        assert bad is not None
        assert bad.rotten == (offset < footer), offset


@pytest.mark.parametrize("room", [1, 2000])
def test_every_flipped_bit_before_the_last_write_is_rot_and_none_in_the_room(
    tmp_path: Path, room: int
) -> None:
    data = whole(tmp_path, batch=2, close=False, count=5, room=room)
    last, end = last_write(data), tail.end_of_lines(data)
    assert (len(data) > end) == (room > 1)
    for offset, damaged in flips(data):
        scan = scanned(damaged)
        assert scan.bad is not None
        assert scan.bad.rotten == (offset < last), offset
        assert scan.next_seq == 6 if offset >= end else scan.next_seq <= 5


def test_a_file_cut_at_any_byte_is_torn_and_keeps_what_is_whole(tmp_path: Path) -> None:
    data = whole(tmp_path, batch=2, close=True, count=5)
    ends = [index + 1 for index, byte in enumerate(data) if byte == 10]
    for size in range(len(data)):
        scan = scanned(data[:size])
        lines = sum(end <= size for end in ends)
        assert scan.next_seq == lines, size
        if size in ends:
            assert scan.bad is None, size
        else:
            assert scan.bad is not None, size
            assert not scan.bad.rotten, size


@pytest.mark.parametrize(
    "junk", [b"\0" * 5000, b"\n\n\n\0", b"{}\n", bytes(range(256)) * 4, b" \n", b"\n\n{}\n"]
)
@pytest.mark.parametrize("room", [b"", b"\n", b"\n" * 5000])
def test_zeros_and_garbage_after_the_last_line_are_torn(
    tmp_path: Path, junk: bytes, room: bytes
) -> None:
    data = whole(tmp_path, batch=2, close=False)
    scan = scanned(data + junk + room)
    assert scan.bad is not None
    assert not scan.bad.rotten
    assert (scan.next_seq, scan.bad.offset) == (7, len(data))


def test_a_page_lost_inside_the_last_write_is_torn(tmp_path: Path) -> None:
    data = whole(tmp_path, batch=100, close=False, count=100)
    damaged = data[:8192] + b"\0" * 4096 + data[12288:]
    scan = scanned(damaged)
    assert scan.bad is not None
    assert not scan.bad.rotten


def test_a_page_lost_before_the_last_write_is_rot(tmp_path: Path) -> None:
    data = whole(tmp_path, batch=50, close=False, count=100)
    damaged = data[:4096] + b"\0" * 4096 + data[8192:]
    scan = scanned(damaged)
    assert scan.bad is not None
    assert scan.bad.rotten


def test_swapped_lines_are_rot(tmp_path: Path) -> None:
    grow(tmp_path, 6, limits=Limits(batch=1))
    lines = only_tail(tmp_path).read_bytes().splitlines(keepends=True)
    lines[2], lines[3] = lines[3], lines[2]
    scan = scanned(b"".join(lines))
    assert scan.bad is not None
    assert (scan.bad.rotten, scan.next_seq) == (True, 2)


def test_a_file_of_a_newer_format_is_refused_and_not_taken_for_torn(tmp_path: Path) -> None:
    data = whole(tmp_path, batch=6, close=True)
    header = tail.Header(tail.FORMAT, 2, "run-9", 1, "0" * 32, "")
    with pytest.raises(JournalCorrupt, match="format version 2, this Daybook knows 1"):
        tail.Scan(header.line() + data.partition(b"\n")[2])


def test_unchecked_reading_gives_the_same_bodies(tmp_path: Path) -> None:
    data = whole(tmp_path, batch=3, close=True, count=700)
    checked = [body for _, bodies, _ in tail.Scan(data).blocks() for body in bodies]
    loose = [body for _, bodies, _ in tail.unchecked(data) for body in bodies]
    assert checked == loose
    assert len(loose) == 700
