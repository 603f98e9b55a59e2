from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from journal import Limits, Writer, read
from journal.chain import GENESIS, link
from journal.codec import encode
from journal.errors import InvalidEvent, JournalHalted, JournalLocked
from journal.fs import OsFs
from tests.journal.builders import RUN, event, events, grow, only_tail


class FailingFs(OsFs):
    """The real file system, one of whose operations fails."""

    def __init__(self, operation: str, code: int = 0, taken: int = -1) -> None:
        self.operation, self.code, self.taken = operation, code, taken
        self.calls: list[str] = []

    def _maybe_fail(self, operation: str) -> None:
        self.calls.append(operation)
        if operation == self.operation and self.code:
            raise OSError(self.code, "made to fail")

    def create(self, path: Path) -> int:
        self._maybe_fail("open")
        return super().create(path)

    def write_at(self, handle: int, data: bytes, offset: int, blanks: int = 0) -> int:
        self._maybe_fail("write")
        if self.operation == "write" and self.taken >= 0:
            return super().write_at(handle, data[: self.taken], offset)
        return super().write_at(handle, data, offset, blanks)

    def truncate(self, path: Path, size: int) -> None:
        self._maybe_fail("truncate")
        super().truncate(path, size)

    def sync(self, handle: int) -> None:
        self._maybe_fail("sync")
        super().sync(handle)

    def sync_folder(self, path: Path) -> None:
        if path.name == "tail":
            self._maybe_fail("sync folder")
        super().sync_folder(path)


def test_what_was_committed_is_read_back(tmp_path: Path) -> None:
    grow(tmp_path, 10)
    assert list(read(tmp_path)) == events(10)


def test_the_durable_sequence_follows_commits_and_not_appends(tmp_path: Path) -> None:
    with Writer.open(tmp_path, run=RUN) as writer:
        writer.append(event(1))
        writer.append(event(2))
        assert (writer.next_seq, writer.durable_seq) == (3, 0)
        assert list(read(tmp_path)) == []
        writer.commit()
        assert writer.durable_seq == 2
        assert list(read(tmp_path)) == events(2)


def test_the_head_is_the_chained_hash_of_the_last_appended_event(tmp_path: Path) -> None:
    with Writer.open(tmp_path, run=RUN) as writer:
        assert writer.head == GENESIS
        writer.append(event(1))
        writer.append(event(2))
        assert writer.head == link(link(GENESIS, encode(event(1))), encode(event(2)))


def test_a_full_batch_commits_by_itself(tmp_path: Path) -> None:
    with Writer.open(tmp_path, run=RUN, limits=Limits(batch=3)) as writer:
        for seq in (1, 2):
            writer.append(event(seq))
        assert writer.durable_seq == 0
        writer.append(event(3))
        assert writer.durable_seq == 3


def test_commit_if_due_waits_for_the_oldest_event_and_no_longer(tmp_path: Path) -> None:
    now = [100]
    limits = Limits(delay_ns=50)
    with Writer.open(tmp_path, run=RUN, limits=limits, clock=lambda: now[0]) as writer:
        writer.append(event(1))
        now[0] = 149
        writer.append(event(2))
        writer.commit_if_due()
        assert writer.durable_seq == 0
        now[0] = 150
        writer.commit_if_due()
        assert writer.durable_seq == 2
        now[0] = 10_000
        writer.commit_if_due()
        assert writer.durable_seq == 2


STANDING = (0,) * 100
BACKWARDS = range(0, -1000, -7)
JUMPING = [day * (-1) ** day * 86_400_000_000_000 for day in range(100)]


@pytest.mark.parametrize("times", [STANDING, BACKWARDS, JUMPING])
def test_a_clock_that_stands_jumps_or_runs_backwards_loses_nothing(
    tmp_path: Path, times: Iterable[int]
) -> None:
    clock = iter(times).__next__
    with Writer.open(tmp_path, run=RUN, clock=clock) as writer:
        for seq in range(1, 6):
            writer.append(event(seq))
            writer.commit_if_due()
    assert list(read(tmp_path)) == events(5)


@pytest.mark.parametrize("seq", [0, 1, 3, -1])
def test_an_event_with_another_sequence_is_refused_and_changes_nothing(
    tmp_path: Path, seq: int
) -> None:
    with Writer.open(tmp_path, run=RUN) as writer:
        writer.append(event(1))
        head = writer.head
        with pytest.raises(InvalidEvent, match="the journal goes on with 2"):
            writer.append(event(seq))
        assert (writer.next_seq, writer.head) == (2, head)
        writer.append(event(2))
    assert list(read(tmp_path)) == events(2)


def test_an_event_that_cannot_be_written_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    good = event(1)
    bad = msgspec.structs.replace(good, data=msgspec.structs.replace(good.data, close=float("nan")))
    with Writer.open(tmp_path, run=RUN) as writer:
        with pytest.raises(InvalidEvent, match=r"nan in data\.close"):
            writer.append(bad)
        writer.append(good)
    assert list(read(tmp_path)) == [good]


def test_many_events_are_appended_as_one_after_the_other(tmp_path: Path) -> None:
    limits = Limits(batch=7)
    for folder, sizes in (("singly", (1,) * 20), ("at once", (5, 1, 2, 12))):
        with Writer.open(tmp_path / folder, run=RUN, limits=limits) as writer:
            for size in sizes:
                if size == 1:
                    writer.append(event(writer.next_seq))
                else:
                    writer.append_all(events(writer.next_seq + size - 1, writer.next_seq))
                assert writer.next_seq - 1 - writer.durable_seq < limits.batch
            head = writer.head
        assert list(read(tmp_path / folder)) == events(20)
    with Writer.open(tmp_path / "singly", run=RUN) as writer:
        assert writer.head == head


def test_of_many_events_all_are_appended_or_none(tmp_path: Path) -> None:
    one, two, three = events(3)
    nan = msgspec.structs.replace(two, data=msgspec.structs.replace(two.data, close=float("nan")))
    with Writer.open(tmp_path, run=RUN) as writer:
        with pytest.raises(InvalidEvent, match=r"seq 2 .*nan in data\.close"):
            writer.append_all([one, nan, three])
        with pytest.raises(InvalidEvent, match="bears seq 3, the journal goes on with 2"):
            writer.append_all([one, three])
        writer.append_all([])
        assert writer.next_seq == 1
        writer.append_all([one, two, three])
    assert list(read(tmp_path)) == [one, two, three]


def test_every_opening_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    for _ in range(4):
        grow(tmp_path, 3)
    assert list(read(tmp_path)) == events(12)


def test_opening_and_closing_without_an_event_leaves_no_file(tmp_path: Path) -> None:
    grow(tmp_path, 0)
    assert list((tmp_path / "tail").iterdir()) == []


def test_a_full_file_is_finished_and_the_next_one_begun(tmp_path: Path) -> None:
    grow(tmp_path, 10, limits=Limits(batch=2, file_events=4))
    names = sorted(path.name for path in (tmp_path / "tail").iterdir())
    assert names == ["000000000001.jsonl", "000000000005.jsonl", "000000000009.jsonl"]
    assert list(read(tmp_path)) == events(10)


def test_a_file_is_finished_by_size_too(tmp_path: Path) -> None:
    grow(tmp_path, 10, limits=Limits(batch=1, file_bytes=1000))
    assert len(list((tmp_path / "tail").iterdir())) > 2
    assert list(read(tmp_path)) == events(10)


def test_a_second_writer_is_told_who_holds_the_journal(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, run=RUN)
    with pytest.raises(JournalLocked, match=r"process \d+ of .* since 20.*one writer"):
        Writer.open(tmp_path, run=RUN)
    writer.close()
    Writer.open(tmp_path, run=RUN).close()


FAILURES = [
    ("open", FailingFs("open", errno.EACCES), errno.EACCES, "permissions"),
    ("write", FailingFs("write", errno.ENOSPC), errno.ENOSPC, "Free space"),
    ("write", FailingFs("write", errno.EIO), errno.EIO, "Check the disk"),
    ("write", FailingFs("write", errno.EFBIG), errno.EFBIG, "limit on file size"),
    ("write", FailingFs("write", taken=7), 0, r"only 7 of .* Free space"),
    ("sync", FailingFs("sync", errno.EIO), errno.EIO, "Check the disk"),
    ("sync folder", FailingFs("sync folder", errno.EIO), errno.EIO, "Check the disk"),
]


@pytest.mark.parametrize(("operation", "fs", "code", "advice"), FAILURES)
def test_after_a_failure_the_writer_never_writes_again(
    tmp_path: Path, operation: str, fs: FailingFs, code: int, advice: str
) -> None:
    writer = Writer.open(tmp_path, run=RUN, fs=fs)
    writer.append(event(1))
    with pytest.raises(JournalHalted, match=advice) as halted:
        writer.commit()
    assert (halted.value.operation, halted.value.errno) == (operation, code)
    assert writer.durable_seq == 0
    fs.operation, calls = "", len(fs.calls)  # the disk is well again
    for attempt in (writer.commit, lambda: writer.append(event(2))):
        with pytest.raises(JournalHalted) as again:
            attempt()
        assert again.value is halted.value
    writer.close()
    assert len(fs.calls) == calls
    with Writer.open(tmp_path, run=RUN) as after:
        assert after.next_seq in (1, 2)


def test_a_file_that_cannot_be_cut_halts_the_writer_and_loses_nothing(tmp_path: Path) -> None:
    fs = FailingFs("truncate", errno.EIO)
    writer = Writer.open(tmp_path, run=RUN, fs=fs)
    writer.append(event(1))
    with pytest.raises(JournalHalted, match="Check the disk") as halted:
        writer.close()
    assert (halted.value.operation, writer.durable_seq) == ("truncate", 1)
    grow(tmp_path, 1)
    assert list(read(tmp_path)) == events(2)


def test_an_interrupted_append_is_noticed_before_it_is_written(tmp_path: Path) -> None:
    writer = Writer.open(tmp_path, run=RUN)
    writer.append(event(1))
    writer.commit()
    writer.append(event(2))
    writer.next_seq += 1  # as if a signal had stopped `append` between two statements
    with pytest.raises(JournalHalted, match="interrupted half-way"):
        writer.commit()
    writer.close()
    assert list(read(tmp_path)) == events(1)


def test_a_closed_writer_takes_nothing_more(tmp_path: Path) -> None:
    writer = grow(tmp_path, 1)
    with pytest.raises(JournalHalted, match="closed"):
        writer.append(event(2))
    writer.close()


def test_the_first_line_of_each_write_begins_with_a_space(tmp_path: Path) -> None:
    grow(tmp_path, 5, batch=2)
    lines = only_tail(tmp_path).read_bytes().splitlines()
    begins = [line[:8] for line in lines]
    assert begins == [b'{"format', *[b'{"seq":1', b'{"seq":2', b' {"seq":', b'{"seq":4'],
                      b' {"seq":', b' {"end":']  # fmt: skip
