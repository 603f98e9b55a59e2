"""Room: the blank lines that a writer keeps behind its last line, to fill them in place."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from journal import Limits, Writer, read, sql, tail, verify
from journal.chain import GENESIS
from journal.codec import encode
from journal.envelope import AnyEvent
from journal.errors import JournalCorrupt
from journal.fs import OsFs
from journal.keep import backup
from journal.reader import lines
from journal.repair import keep_prefix, salvage
from journal.seal import SealLimits, seal
from journal.subscribe import Subscription
from tests.journal.builders import RUN, event, events, grow, lines_of, only_tail

ROOM = 2000
SMALL = Limits(batch=1, room=ROOM)
SECTOR = 512


def scanned(data: bytes) -> tail.Scan:
    scan = tail.Scan(data)
    for _ in scan.blocks():
        pass
    return scan


def killed(directory: Path, count: int = 4, limits: Limits = SMALL) -> Path:
    """Return the tail file of a process that was killed, its lock released by the system."""
    grow(directory, count, limits=limits, close=False)._release()
    return only_tail(directory)


def texts(*said: str, batch: int = 1024) -> tuple[list[bytes], bytes]:
    """Return the writes of some events that say something, in batches, and a header before them."""
    header = tail.Header(tail.FORMAT, tail.VERSION, RUN, 1, GENESIS.decode(), "")
    writes, head = [], GENESIS
    for first in range(0, len(said), batch):
        some = [encode(telling(seq, said[seq])) for seq in range(first, len(said))[:batch]]
        data, head = tail.linked(some, head)
        writes.append(tail.NEW_WRITE + data if first else data)
    return writes, header.line()


def telling(index: int, text: str) -> AnyEvent:
    made = event(index + 1)
    return msgspec.structs.replace(made, data=msgspec.structs.replace(made.data, symbol=text))


def test_a_file_grows_by_room_and_is_filled_in_place(tmp_path: Path) -> None:
    sizes: list[int] = []
    with Writer.open(tmp_path, run=RUN, limits=SMALL) as writer:
        for seq in range(1, 20):
            writer.append(event(seq))
            data = only_tail(tmp_path).read_bytes()
            sizes.append(len(data))
            assert data[tail.end_of_lines(data) :].strip(b"\n") == b""
            assert list(read(tmp_path)) == events(seq)
    assert {size % ROOM for size in sizes} == {0}
    assert len(set(sizes)) < len(sizes) / 3


@pytest.mark.parametrize("file_bytes", [16 << 20, 1500])
def test_finished_files_hold_no_room_and_are_what_they_always_were(
    tmp_path: Path, file_bytes: int
) -> None:
    found = []
    for room in (1, ROOM, 256 << 10):
        directory = tmp_path / str(room)
        grow(directory, 20, limits=Limits(batch=3, file_bytes=file_bytes, room=room))
        found.append({file.name: file.read_bytes() for file in (directory / "tail").iterdir()})
    assert found[0] == found[1] == found[2]
    assert all(b"\n\n" not in data for data in found[0].values())


def test_each_commit_is_one_write_where_the_lines_end(tmp_path: Path) -> None:
    class Counting(OsFs):
        def write_at(self, handle: int, data: bytes, offset: int, blanks: int = 0) -> int:
            assert offset == tail.end_of_lines(only_tail(tmp_path).read_bytes())
            assert data.startswith(tail.NEW_WRITE) or not offset
            calls.append("write")
            return super().write_at(handle, data, offset, blanks)

        def sync(self, handle: int) -> None:
            calls.append("sync")
            super().sync(handle)

    calls: list[str] = []
    with Writer.open(tmp_path, run=RUN, fs=Counting(), limits=SMALL) as writer:
        for seq in range(1, 10):
            writer.append(event(seq))
    assert calls == ["write", "sync"] * 10


def test_what_a_killed_writer_leaves_is_whole_and_is_cut_without_a_note(tmp_path: Path) -> None:
    path = killed(tmp_path)
    lines_before = lines_of(path)
    assert path.stat().st_size > len(lines_before)
    assert verify(tmp_path).findings == []
    with Writer.open(tmp_path, run=RUN, strict=True) as writer:
        assert (writer.next_seq, writer.recovered) == (5, [])
        assert path.read_bytes() == lines_before
        writer.append(event(5))
    assert path.read_bytes() == lines_before
    assert not (tmp_path / "quarantine").exists()
    assert list(read(tmp_path)) == events(5)


@pytest.mark.parametrize("blanks", [1, 2, 200])
def test_a_blank_line_before_an_event_of_a_later_write_is_rot(tmp_path: Path, blanks: int) -> None:
    path = killed(tmp_path)
    data = lines_of(path)
    at = data.index(b"\n ") + 1  # before the second event
    for damaged in (
        data[:at] + b"\n" * blanks + data[at:],
        data[:at] + b"\n" * blanks + data[at + blanks :],
    ):
        path.write_bytes(damaged + b"\n" * ROOM)
        scan = scanned(path.read_bytes())
        assert scan.bad is not None
        assert (scan.bad.offset, scan.bad.rotten, scan.next_seq) == (at, True, 2)
        assert "a blank line where seq 2 should be" in scan.bad.what
        for act in (lambda: list(read(tmp_path)), lambda: Writer.open(tmp_path, run=RUN)):
            with pytest.raises(JournalCorrupt):
                act()


def test_a_footer_with_room_behind_it_is_rot(tmp_path: Path) -> None:
    grow(tmp_path, 3)
    scan = scanned(only_tail(tmp_path).read_bytes() + b"\n")
    assert scan.bad is not None
    assert (scan.bad.what, scan.bad.rotten) == ("there are bytes after the footer", True)


def test_a_space_in_a_text_behind_a_lost_sector_is_no_later_write() -> None:
    """The last write, of which a sector still is blank; the next begins with a text's space."""
    (write,), header = texts("first", "a text that is cut", *["more"] * 3)
    begin, space = write.index(b'{"seq":2'), write.index(b" that")
    lost = write[: begin + 5].ljust(space, b"\n") + write[space:]
    scan = scanned(header + lost + b"\n" * ROOM)
    assert scan.bad is not None
    assert (scan.bad.rotten, scan.next_seq) == (False, 2)


def test_a_read_that_writes_overtook_is_no_rot() -> None:
    """Old bytes of an early page and new ones of a later page: the bytes are read once more."""
    writes, header = texts(*["text"] * 12, batch=3)
    now = header + b"".join(writes) + b"\n" * ROOM
    first = len(header + writes[0])
    hole = now[:first] + b"\n" * 700 + now[first + 700 :]
    assert scanned(hole).bad == tail.Bad(first, "a blank line where seq 4 should be", rotten=True)
    asked: list[int] = []

    def again(offset: int) -> bytes:
        asked.append(offset)
        return now[offset:]

    scan = tail.Scan(hole, again)
    assert sum(len(bodies) for _, bodies, _ in scan.blocks()) == 12
    assert (scan.bad, scan.next_seq, scan.good) == (None, 13, now.rstrip(b"\n") + b"\n")
    assert asked == [first]
    still = tail.Scan(hole, lambda offset: hole[offset:])
    assert sum(len(bodies) for _, bodies, _ in still.blocks()) == 3
    assert still.bad is not None
    assert still.bad.rotten


def test_every_reader_looks_again_before_it_calls_a_live_file_rotten(tmp_path: Path) -> None:
    class Overtaken(OsFs):
        """Each read of a whole tail file is overtaken by writes."""

        def read(self, path: Path, offset: int = 0) -> bytes:
            data = super().read(path, offset)
            if path.suffix != ".jsonl" or offset:
                return data
            at = data.index(b"\n ") + 1
            return data[:at] + b"\n" * 500 + data[at + 500 :]

    writer = grow(tmp_path / "journal", 9, limits=SMALL, close=False)
    directory, fs = tmp_path / "journal", Overtaken()
    assert list(read(directory, fs=fs)) == events(9)
    assert list(Subscription(directory, fs=fs).poll()) == events(9)
    assert verify(directory, fs=fs).findings == []
    assert seal(directory, fs=fs, limits=SealLimits(events=1)) == []
    assert backup(directory, tmp_path / "copy", fs=fs).findings == []
    assert list(read(tmp_path / "copy")) == events(9)
    assert salvage(directory, tmp_path / "new", fs=fs).last_good == 9
    writer.close()


def test_a_subscription_waits_at_the_first_blank_byte_and_goes_on(tmp_path: Path) -> None:
    writer = grow(tmp_path, 1, limits=SMALL, close=False)
    subscription = Subscription(tmp_path)
    assert list(subscription.poll()) == events(1)
    for seq in range(2, 40):
        assert list(subscription.poll()) == []
        writer.append(event(seq))
        assert list(subscription.poll()) == [event(seq)]
    writer.close()
    assert list(subscription.poll()) == []
    grow(tmp_path, 1)
    assert list(subscription.poll()) == [event(40)]


def test_a_backup_of_a_live_journal_holds_no_room_and_a_later_one_goes_on(tmp_path: Path) -> None:
    live, copy = tmp_path / "live", tmp_path / "copy"
    writer = grow(live, 4, limits=SMALL, close=False)
    assert backup(live, copy).findings == []
    assert only_tail(copy).read_bytes() == lines_of(only_tail(live))
    writer.append(event(5))
    assert backup(live, copy).last_seq == 5
    writer.close()
    assert backup(live, copy).last_seq == 5
    assert only_tail(copy).read_bytes() == only_tail(live).read_bytes()


def test_a_copy_of_the_files_by_other_means_may_hold_room(tmp_path: Path) -> None:
    killed(tmp_path / "journal")
    shutil.copytree(tmp_path / "journal", tmp_path / "copy")
    grow(tmp_path / "journal", 3)
    assert backup(tmp_path / "journal", tmp_path / "copy").last_seq == 7


def test_strict_json_lines_readers_read_a_live_tail(tmp_path: Path) -> None:
    writer = grow(tmp_path, 3, limits=SMALL, close=False)
    path = only_tail(tmp_path)
    query = "SELECT max(seq) FROM read_json(?, format='newline_delimited')"  # ignores nothing
    assert duckdb.execute(query, [str(path)]).fetchall() == [(3,)]
    connection = sql(tmp_path)
    assert connection.sql("SELECT count(*) FROM events").fetchall() == [(3,)]
    writer.append(event(4))
    assert connection.sql("SELECT count(*) FROM events").fetchall() == [(4,)]
    writer.close()
    assert connection.sql("SELECT count(*) FROM events").fetchall() == [(4,)]


@pytest.mark.parametrize("damage", [b"\0", b"x", b' {"seq":9'])
def test_damage_within_the_room_loses_no_event(tmp_path: Path, damage: bytes) -> None:
    path = killed(tmp_path)
    data = path.read_bytes()
    for at in (len(lines_of(path)), len(data) - 300, len(data) - len(damage)):
        path.write_bytes(data[:at] + damage + data[at + len(damage) :])
        for checked in (True, False):
            assert list(read(tmp_path, verify=checked)) == events(4)
        assert verify(tmp_path).ok
    with Writer.open(tmp_path, run=RUN) as writer:
        assert (writer.next_seq, len(writer.recovered)) == (5, 1)
        assert path.read_bytes() == lines_of(path)


def test_repair_and_salvage_leave_room_behind(tmp_path: Path) -> None:
    path = killed(tmp_path / "journal")
    whole = lines_of(path)
    assert keep_prefix(tmp_path / "journal").moved == []
    assert salvage(tmp_path / "journal", tmp_path / "new").salvaged == 0
    assert only_tail(tmp_path / "new").read_bytes() == whole
    rotten = path.read_bytes().replace(b'"seq":2,', b'"seq":7,')
    path.write_bytes(rotten)
    assert salvage(tmp_path / "journal", tmp_path / "newer").salvaged == 3
    assert keep_prefix(tmp_path / "journal").last_good == 1
    (kept,) = (tmp_path / "journal" / "quarantine").glob("*.bytes")
    assert kept.read_bytes() == lines_of(kept)
    assert list(read(tmp_path / "journal")) == events(1)


def sectors(offset: int, size: int) -> Iterator[int]:
    """Yield where the sectors begin that some bytes lie in."""
    yield from range(offset - offset % SECTOR, offset + size, SECTOR)


def torn(before: bytes, write: bytes, offset: int, kept: Iterable[bool]) -> bytes:
    """Return what a disk holds that kept only some sectors of its last write."""
    whole = bytearray(before.ljust(offset + len(write), b"\0"))
    after = before[:offset] + write + before[offset + len(write) :]
    for sector, keep in zip(sectors(offset, len(write)), kept, strict=False):
        if keep:
            whole[sector : sector + SECTOR] = after[sector : sector + SECTOR]
    return bytes(whole)


WORDS = st.text(alphabet=' {":seqn\\\n', max_size=300)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_what_is_recovered_is_a_prefix_with_everything_acknowledged(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever is written in whatever batches, and whichever sectors of the last write are kept."""
    directory = tmp_path_factory.mktemp("journal")
    calls: list[tuple[bytes, bytes, int]] = []

    class Recording(OsFs):
        def write_at(self, handle: int, data: bytes, offset: int, blanks: int = 0) -> int:
            before = only_tail(directory).read_bytes()
            calls.append((before, data + b"\n" * blanks, offset))
            return super().write_at(handle, data, offset, blanks)

    said = data.draw(st.lists(WORDS, min_size=1, max_size=12))
    limits = Limits(room=data.draw(st.sampled_from([1, 700, 4096])))
    written, durable = [], [0]
    with Writer.open(directory, run=RUN, fs=Recording(), limits=limits) as writer:
        for index, text in enumerate(said):
            written.append(telling(index, text))
            writer.append(written[-1])
            if data.draw(st.booleans()):
                writer.commit()
                durable.append(writer.durable_seq)
    at = data.draw(st.integers(0, len(calls) - 1))
    kept = data.draw(st.lists(st.booleans(), min_size=40, max_size=40))
    before, write, offset = calls[at]
    only_tail(directory).write_bytes(torn(before, write, offset, kept))
    acknowledged = durable[at] if at < len(durable) else len(said)
    seen = list(read(directory)) if offset else None
    with Writer.open(directory, run=RUN) as again:
        found = list(read(directory)) if again.next_seq > 1 else []
        assert acknowledged <= len(found) == again.next_seq - 1
        assert found == written[: len(found)]
        assert seen is None or seen == found
    assert verify(directory).ok
    assert [seq for seq, _, _ in lines(directory)] == [event.seq for event in found]
