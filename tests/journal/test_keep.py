from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from journal import Limits, Writer, manifest, read, snapshot, sql, verify
from journal.errors import JournalCorrupt, JournalLocked, JournalMissing, UsageError
from journal.fs import OS_FS, OsFs
from journal.keep import backup, plan, restore, retain
from journal.reader import lines
from journal.seal import GRACE_NS, SealLimits, seal
from journal.snapshot import Snapshot
from tests.journal.builders import RUN, event, events, grow

LIMITS = Limits(batch=1, file_events=5)
ORDERS = {"orders": 1}


def seal_tens(directory: Path) -> None:
    for now in (0, GRACE_NS):
        seal(directory, limits=SealLimits(events=10), now=lambda now=now: now)  # type: ignore[misc] # mypy cannot


def snap(directory: Path, seq: int, projection: str = "orders") -> None:
    (_, _, h) = next(lines(directory, after=seq - 1, until=seq))
    snapshot.save(directory, Snapshot(seq, h.decode(), projection, 1, b"state"))


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Segments 1-10, 11-20, 21-30 and a tail to 33."""
    directory = tmp_path / "journal"
    grow(directory, 33, limits=LIMITS)
    seal_tens(directory)
    return directory


def files(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.endswith("lock")
    }


def test_a_backup_is_the_same_journal(journal: Path, tmp_path: Path) -> None:
    snap(journal, 25)
    assert backup(journal, tmp_path / "copy").last_seq == 33
    assert files(tmp_path / "copy") == files(journal)


def test_a_second_backup_copies_what_is_new_and_drops_what_was_sealed(
    journal: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    backup(journal, copy)
    old = (copy / "segments").iterdir().__next__()
    stamp = old.stat().st_mtime_ns
    grow(journal, 20, limits=LIMITS)
    seal_tens(journal)
    backup(journal, copy)
    assert old.stat().st_mtime_ns == stamp
    assert list(read(copy)) == events(53)


def test_a_backup_of_a_journal_that_is_being_written_ends_in_a_whole_event(
    journal: Path, tmp_path: Path
) -> None:
    with Writer.open(journal, run=RUN) as writer:
        writer.append(event(34))
        writer.commit()
        newest = max((journal / "tail").iterdir())
        data = newest.read_bytes()
        newest.write_bytes(data + b' {"seq":35,"ts"')
        report = backup(journal, tmp_path / "copy")
        newest.write_bytes(data)
    assert (report.last_seq, report.findings) == (34, [])


def test_a_damaged_journal_gives_no_backup_that_calls_itself_whole(
    journal: Path, tmp_path: Path
) -> None:
    path = next((journal / "segments").iterdir())
    path.write_bytes(path.read_bytes()[:-9] + b"012345678")
    with pytest.raises(JournalCorrupt, match="is not whole"):
        backup(journal, tmp_path / "copy")


def test_a_backup_is_brought_back_from_a_medium_that_cannot_be_written_to(
    journal: Path, tmp_path: Path
) -> None:
    class ReadOnly(OsFs):
        def lock(self, path: Path) -> Callable[[], None]:
            raise OSError(errno.EROFS, "Read-only file system", str(path))

    report = restore(journal, tmp_path / "restored", fs=ReadOnly())
    assert report.ok
    assert list(read(tmp_path / "restored")) == list(read(journal))


def test_a_backup_never_overwrites_another_journal(journal: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    with Writer.open(other, run="another", limits=LIMITS) as writer:
        for seq in range(1, 12):
            writer.append(msgspec.structs.replace(event(seq), run="another"))
    seal_tens(other)
    with pytest.raises(UsageError, match="another journal"):
        backup(journal, other)
    (tmp_path / "stuff").mkdir()
    (tmp_path / "stuff" / "file").touch()
    with pytest.raises(UsageError, match="holds no journal"):
        backup(journal, tmp_path / "stuff")


def test_a_backup_never_overwrites_a_young_journal_that_has_nothing_sealed(
    journal: Path, tmp_path: Path
) -> None:
    young = tmp_path / "young"
    with Writer.open(young, run="another") as writer:
        writer.append(msgspec.structs.replace(event(1), run="another"))
    before = files(young)
    with pytest.raises(UsageError, match="another journal"):
        backup(journal, young)
    assert files(young) == before


def test_a_backup_that_was_mistaken_for_the_journal_overwrites_nothing(
    journal: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    backup(journal, copy)
    grow(journal, 3, limits=LIMITS)
    before = files(journal)
    with pytest.raises(UsageError, match="or events that"):
        backup(copy, journal)
    assert files(journal) == before


def test_a_damaged_tail_leaves_the_last_backup_as_it_was(journal: Path, tmp_path: Path) -> None:
    grow(journal, 4, batch=1)
    copy = tmp_path / "copy"
    backup(journal, copy)
    before = files(copy)
    path = max((journal / "tail").iterdir())
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"seq":35', b'"seq":95'))
    for target in (copy, tmp_path / "new"):
        with pytest.raises(JournalCorrupt, match="is damaged at byte"):
            backup(journal, target)
    assert files(copy) == before


def test_a_backup_keeps_only_the_snapshots_that_the_journal_keeps(
    journal: Path, tmp_path: Path
) -> None:
    for seq in (21, 25, 31):
        snap(journal, seq)
        backup(journal, tmp_path / "copy")
    assert files(tmp_path / "copy") == files(journal)


def test_a_restored_journal_goes_on(journal: Path, tmp_path: Path) -> None:
    backup(journal, tmp_path / "copy")
    again = tmp_path / "again"
    restore(tmp_path / "copy", again)
    with Writer.open(again, run=RUN) as writer:
        writer.append(event(34))
    assert list(read(again)) == events(34)
    with pytest.raises(UsageError, match="not empty"):
        restore(tmp_path / "copy", again)


def test_without_a_valid_snapshot_nothing_may_go(journal: Path) -> None:
    assert plan(journal, ORDERS, keep=0).through == 0
    snapshot.save(journal, Snapshot(25, "0" * 32, "orders", 1, b"of another history"))
    assert "no valid snapshot" in plan(journal, ORDERS, keep=0).why


def test_a_snapshot_that_todays_code_does_not_read_is_not_counted(journal: Path) -> None:
    snap(journal, 32)
    assert plan(journal, ORDERS, keep=0).through == 20
    assert plan(journal, {"orders": 2}, keep=0).through == 0
    assert retain(journal, {**ORDERS, "positions": 1}, keep=0).through == 0
    snap(journal, 12, "positions")
    assert plan(journal, {**ORDERS, "positions": 1}, keep=0).through == 10


def test_nothing_goes_that_the_oldest_of_the_newest_snapshots_needs(journal: Path) -> None:
    snap(journal, 32)
    snap(journal, 25, "positions")
    snap(journal, 12, "positions")
    both = {**ORDERS, "positions": 1}
    assert plan(journal, both, keep=0).through == 20
    assert plan(journal, both, keep=20).through == 10
    assert plan(journal, both, keep=30).through == 0
    assert len(list((journal / "segments").iterdir())) == 3  # a plan is only a plan


def test_nothing_goes_that_a_caller_knows_to_be_needed(journal: Path) -> None:
    snap(journal, 32)
    assert plan(journal, ORDERS, keep=0, until=19).through == 10
    assert retain(journal, ORDERS, keep=0, until=9).through == 0


def test_a_retained_journal_verifies_reads_and_goes_on(journal: Path, tmp_path: Path) -> None:
    snap(journal, 25)
    assert retain(journal, ORDERS, keep=0, now=lambda: 5).through == 20
    assert len(list((journal / "segments").iterdir())) == 1
    report = verify(journal)
    assert (report.ok, report.first_seq, report.last_seq, report.events) == (True, 21, 33, 13)
    assert list(read(journal, after=20)) == events(33, 21)
    for check in (True, False):
        with pytest.raises(JournalMissing, match="no longer holds seq 1"):
            list(read(journal, verify=check))
    assert sql(journal).execute("SELECT min(seq) FROM events").fetchall() == [(21,)]
    assert snapshot.newest(journal, "orders", 1) is not None
    grow(journal, 20, limits=LIMITS)
    seal_tens(journal)
    assert list(read(journal, after=20)) == events(53, 21)
    backup(journal, tmp_path / "copy")
    assert manifest.load(OS_FS, tmp_path / "copy").dropped == 20


def test_dropping_that_was_cut_short_is_finished_by_the_next(journal: Path) -> None:
    snap(journal, 25)
    old = (journal / "segments" / "000000000001-000000000010.parquet").read_bytes()
    retain(journal, ORDERS, keep=0)
    (journal / "segments" / "000000000001-000000000010.parquet").write_bytes(old)
    assert verify(journal).ok
    retain(journal, ORDERS, keep=0)
    assert len(list((journal / "segments").iterdir())) == 1


def test_nothing_is_dropped_or_copied_while_a_sealing_is_under_way(
    journal: Path, tmp_path: Path
) -> None:
    release = OS_FS.lock(journal / "seal.lock")
    for act in (
        lambda: retain(journal, ORDERS, keep=0),
        lambda: backup(journal, tmp_path / "copy"),
    ):
        with pytest.raises(JournalLocked):
            act()
    release()
