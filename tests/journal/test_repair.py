from __future__ import annotations

from pathlib import Path

import pytest

from journal import Limits, Writer, read, snapshot, verify
from journal.errors import JournalCorrupt, UsageError
from journal.reader import lines
from journal.repair import SALVAGED, keep_prefix, salvage
from journal.seal import GRACE_NS, SealLimits, seal
from journal.snapshot import Snapshot
from tests.journal.builders import RUN, event, events, grow

FILES_OF_5 = Limits(batch=1, file_events=5)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Segments of 1 to 10 and 11 to 20, tail files 21 to 25, 26 to 30, 31 to 33."""
    directory = tmp_path / "journal"
    grow(directory, 20, limits=FILES_OF_5)
    for now in (0, GRACE_NS):
        seal(directory, limits=SealLimits(events=10), now=lambda now=now: now)  # type: ignore[misc]
    grow(directory, 13, limits=FILES_OF_5)
    return directory


def damage(path: Path, old: bytes = b'"spread":7', new: bytes = b'"spread":8') -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def flip_in_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 8
    path.write_bytes(data)


def test_strict_opening_refuses_a_torn_end_and_changes_nothing(tmp_path: Path) -> None:
    writer = grow(tmp_path, 3, close=False)
    writer._release()
    path = next((tmp_path / "tail").iterdir())
    data = path.read_bytes() + b"torn"
    path.write_bytes(data)
    with pytest.raises(JournalCorrupt, match="strict"):
        Writer.open(tmp_path, run=RUN, strict=True)
    assert path.read_bytes() == data
    Writer.open(tmp_path, run=RUN).close()


def test_a_journal_without_damage_is_left_as_it_is(journal: Path) -> None:
    repaired = keep_prefix(journal)
    assert (repaired.last_good, repaired.moved) == (33, [])
    assert list(read(journal)) == events(33)


@pytest.mark.parametrize(("file", "last_good"), [("000000000021", 20), ("000000000026", 25)])
def test_keeping_the_prefix_cuts_before_damage_in_the_tail(
    journal: Path, file: str, last_good: int
) -> None:
    damage(journal / "tail" / f"{file}.jsonl")
    with pytest.raises(JournalCorrupt):
        Writer.open(journal, run=RUN)
    assert keep_prefix(journal).last_good == last_good
    with Writer.open(journal, run=RUN) as writer:
        assert writer.recovered
        writer.append(event(last_good + 1))
    assert list(read(journal)) == events(last_good + 1)
    assert verify(journal).ok


def test_keeping_the_prefix_cuts_before_a_damaged_segment(journal: Path) -> None:
    (first, second) = sorted((journal / "segments").iterdir())
    flip_in_middle(second)
    assert keep_prefix(journal).last_good == 10
    assert list(read(journal)) == events(10)
    assert (journal / "quarantine" / second.name).exists()
    assert first.exists()
    with Writer.open(journal, run=RUN) as writer:
        assert writer.next_seq == 11
    assert verify(journal).ok


def test_keeping_the_prefix_puts_snapshots_of_what_is_gone_away(journal: Path) -> None:
    for seq in (12, 30):
        (_, _, h) = next(lines(journal, after=seq - 1, until=seq))
        snapshot.save(journal, Snapshot(seq, h.decode(), "orders", 1, b"state"))
    damage(journal / "tail" / "000000000026.jsonl")
    moved = keep_prefix(journal).moved
    assert "snapshots/orders-000000000030.snapshot" in moved
    assert [path.name for path in (journal / "snapshots").iterdir()] == [
        "orders-000000000012.snapshot"
    ]
    Writer.open(journal, run=RUN).close()
    assert verify(journal).ok


def test_a_broken_manifest_keeps_what_its_good_lines_name(journal: Path) -> None:
    path = journal / "manifest.jsonl"
    damage(path, b'"first":1,', b'"first":2,')
    assert keep_prefix(journal).last_good == 0
    assert list(read(journal)) == []
    assert len(list((journal / "quarantine").glob("*.parquet"))) == 2


@pytest.mark.parametrize("where", ["segment", "tail"])
def test_salvage_leaves_the_journal_alone_and_brings_out_what_can_be_read(
    journal: Path, tmp_path: Path, where: str
) -> None:
    if where == "tail":
        damage(journal / "tail" / "000000000021.jsonl")
        kept, loose = 20, [*range(22, 34)]
    else:
        flip_in_middle(sorted((journal / "segments").iterdir())[1])
        kept, loose = 10, [*range(21, 34)]
    before = {path: path.read_bytes() for path in journal.rglob("*") if path.is_file()}
    into = tmp_path / "new"
    repaired = salvage(journal, into)
    assert {path: path.read_bytes() for path in journal.rglob("*") if path.is_file()} == before
    assert repaired.last_good == kept
    assert list(read(into)) == events(kept)
    found = (into / SALVAGED).read_text(encoding="utf-8").splitlines()
    assert repaired.salvaged == len(found)
    seqs = [int(line.split(",")[0].removeprefix('{"seq":')) for line in found]
    assert set(loose) <= set(seqs)
    with Writer.open(into, run=RUN) as writer:
        assert writer.next_seq == kept + 1


def test_salvage_never_writes_into_a_folder_that_holds_something(
    journal: Path, tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").touch()
    with pytest.raises(UsageError, match="not empty"):
        salvage(journal, tmp_path / "new")
