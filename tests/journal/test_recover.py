from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from journal import Limits, Writer, read, verify
from journal.chain import digest
from journal.envelope import stamp
from journal.errors import JournalCorrupt, JournalHalted
from journal.events import JournalRecovered
from journal.simfs import Crash, Fault, Kind, SimFs
from tests.journal.builders import RUN, event, events, grow, lines_of, only_tail


def crashed(tmp_path: Path, count: int = 4, junk: bytes = b"", room: bytes = b"") -> Path:
    """Return the journal of a process that died without closing it, what it left, and room."""
    alive = tmp_path / "alive"
    writer = grow(alive, count, limits=Limits(batch=1), close=False)
    dead = tmp_path / "dead"
    shutil.copytree(alive, dead)
    writer.close()
    if count:
        path = only_tail(dead)
        path.write_bytes(lines_of(path) + junk + room)
    return dead


def tree(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "lock"
    }


@pytest.mark.parametrize("junk", [b' {"seq":5,"ts":17\n', b"\n\n{garbage\n", b"\0" * 9 + b"\n"])
@pytest.mark.parametrize("room", [0, 1, 5000])
def test_a_torn_end_goes_to_quarantine_and_the_journal_goes_on(
    tmp_path: Path, junk: bytes, room: int
) -> None:
    dead = crashed(tmp_path, junk=junk, room=b"\n" * room)
    offset = only_tail(dead).stat().st_size - len(junk) - room
    with Writer.open(dead, run=RUN) as writer:
        expected = JournalRecovered("000000000001.jsonl", offset, len(junk), digest(junk), 4)
        assert writer.recovered == [expected]
        assert writer.next_seq == 5
        writer.append(event(5))
    assert list(read(dead)) == events(5)
    (kept,) = (dead / "quarantine").glob("*.bytes")
    assert kept.read_bytes() == junk


def test_a_recovery_is_reported_until_the_journal_holds_its_event(tmp_path: Path) -> None:
    dead = crashed(tmp_path, junk=b"torn")
    for _ in range(2):  # the process may die before it appends the note
        with Writer.open(dead, run=RUN) as writer:
            (note,) = writer.recovered
    with Writer.open(dead, run=RUN) as writer:
        writer.append(stamp(note, seq=writer.next_seq, ts=1, run=RUN))
    for _ in range(2):
        with Writer.open(dead, run=RUN) as writer:
            assert writer.recovered == []


def commit_twice(fs: SimFs) -> None:
    with Writer.open(Path("journal"), run=RUN, fs=fs) as writer:
        for number in (1, 2):
            writer.append(event(number))
            writer.commit()


@pytest.mark.parametrize("kind", ["die before", "fail"])
def test_what_a_writer_had_not_synced_is_durable_before_it_is_built_upon(kind: Kind) -> None:
    """Also after a sync that failed: its pages count as written then, and no sync writes them."""
    well = SimFs()
    commit_twice(well)
    syncs = [at for at, done in enumerate(well.log, 1) if re.match(r"sync \d", done)]
    fs = SimFs(fault=Fault(syncs[1], kind))
    with pytest.raises((Crash, JournalHalted)):
        commit_twice(fs)
    fs.restart(power_lost=False)
    with Writer.open(Path("journal"), run=RUN, fs=fs) as writer:
        writer.append(event(3))
        writer.commit()
    fs.restart(power_lost=True)
    assert list(read(Path("journal"), fs=fs)) == events(3)


def test_a_file_without_a_whole_event_is_quarantined_as_a_whole(tmp_path: Path) -> None:
    dead = crashed(tmp_path, count=1)
    path = only_tail(dead)
    data = path.read_bytes()
    for size in (10, data.index(b"\n") + 1, len(data) - 1):
        path.write_bytes(data[:size])
        with Writer.open(dead, run=RUN) as writer:
            assert writer.next_seq == 1
            assert [(note.offset, note.size) for note in writer.recovered] == [(0, size)]
        assert not path.exists()
        shutil.rmtree(dead / "quarantine", ignore_errors=True)


def test_an_empty_file_disappears_without_a_note(tmp_path: Path) -> None:
    dead = crashed(tmp_path, count=1)
    only_tail(dead).write_bytes(b"")
    with Writer.open(dead, run=RUN) as writer:
        assert (writer.next_seq, writer.recovered) == (1, [])
    assert list((dead / "tail").iterdir()) == []


def test_a_second_tear_in_the_file_after_a_recovery_is_recovered_too(tmp_path: Path) -> None:
    dead = crashed(tmp_path, junk=b"first")
    with Writer.open(dead, run=RUN) as writer:
        writer.append(event(5))
        writer.commit()
        again = tmp_path / "again"
        shutil.copytree(dead, again)
    newest = max((again / "tail").iterdir())
    newest.write_bytes(lines_of(newest) + b"second")
    with Writer.open(again, run=RUN) as writer:
        assert sorted(note.size for note in writer.recovered) == [5, 6]
        assert writer.next_seq == 6


def test_rot_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    grow(tmp_path, 5, batch=1)
    path = only_tail(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"close":1.07013', b'"close":1.07014'))
    before = tree(tmp_path)
    with pytest.raises(JournalCorrupt, match=r"damaged at byte .* Nothing was changed"):
        Writer.open(tmp_path, run=RUN)
    assert tree(tmp_path) == before
    with pytest.raises(JournalCorrupt):
        list(read(tmp_path))
    path.write_bytes(data)
    Writer.open(tmp_path, run=RUN).close()  # the refusal released the lock


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    grow(tmp_path, 9, limits=Limits(batch=1, file_events=3))
    (tmp_path / "tail" / "000000000004.jsonl").unlink()
    with pytest.raises(JournalCorrupt, match=r"begins at seq 7 .* expected seq 4"):
        Writer.open(tmp_path, run=RUN)
    with pytest.raises(JournalCorrupt, match="a file is missing"):
        list(read(tmp_path))
    report = verify(tmp_path)
    assert not report.ok
    assert [finding.seq for finding in report.findings] == [7]


def test_a_torn_end_of_a_file_that_is_not_the_last_is_rot(tmp_path: Path) -> None:
    grow(tmp_path, 9, limits=Limits(batch=1, file_events=3))
    path = tmp_path / "tail" / "000000000004.jsonl"
    path.write_bytes(path.read_bytes()[:-150])
    with pytest.raises(JournalCorrupt):
        Writer.open(tmp_path, run=RUN)
