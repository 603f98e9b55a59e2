from __future__ import annotations

from pathlib import Path

import pytest

from journal import Limits, Writer, schema, snapshot, verify
from journal.errors import JournalCorrupt
from journal.reader import lines
from journal.seal import GRACE_NS, SealLimits, seal
from journal.snapshot import Snapshot
from tests.journal.builders import RUN, grow


def taken(directory: Path, seq: int, *, projection: str = "orders", version: int = 1) -> Snapshot:
    (_, _, h) = next(lines(directory, after=seq - 1, until=seq))
    return Snapshot(seq, h.decode(), projection, version, b"state after %d" % seq)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    grow(tmp_path, 24, limits=Limits(batch=5, file_events=5))
    return tmp_path


def test_the_newest_snapshot_comes_back_as_it_was(journal: Path) -> None:
    for seq in (7, 12):
        snapshot.save(journal, taken(journal, seq))
    found = snapshot.newest(journal, "orders", 1)
    assert found is not None
    assert (found.seq, found.state, found.schema) == (12, b"state after 12", schema.fingerprint())


def test_a_snapshot_serves_whether_its_event_is_sealed_or_not(journal: Path) -> None:
    snapshot.save(journal, taken(journal, 7))
    for now in (0, GRACE_NS):
        seal(journal, limits=SealLimits(events=10), now=lambda now=now: now)  # type: ignore[misc] # mypy cannot
    assert snapshot.newest(journal, "orders", 1) is not None


def test_another_projection_or_version_or_schema_is_ignored(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot.save(journal, taken(journal, 7))
    assert snapshot.newest(journal, "positions", 1) is None
    assert snapshot.newest(journal, "orders", 2) is None
    monkeypatch.setattr(schema, "fingerprint", lambda: "another")
    assert snapshot.newest(journal, "orders", 1) is None


def test_every_flipped_bit_makes_it_ignored_and_the_one_before_serve(journal: Path) -> None:
    snapshot.save(journal, taken(journal, 7))
    path = snapshot.save(journal, taken(journal, 12))
    data = path.read_bytes()
    for bit in range(0, len(data) * 8, 7):
        at = bit // 8
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1 :])
        found = snapshot.newest(journal, "orders", 1)
        assert found is not None, bit
        assert found.seq == 7, bit


def test_a_snapshot_of_another_history_is_ignored(journal: Path) -> None:
    snapshot.save(journal, Snapshot(7, "0" * 32, "orders", 1, b"state"))
    assert snapshot.newest(journal, "orders", 1) is None


def test_a_snapshot_beyond_the_end_shows_that_the_end_was_cut_off(journal: Path) -> None:
    snapshot.save(journal, taken(journal, 23))
    (journal / "tail" / "000000000021.jsonl").unlink()
    assert snapshot.newest(journal, "orders", 1) is None
    with pytest.raises(JournalCorrupt, match="taken at seq 23, the journal ends at 20"):
        Writer.open(journal, run=RUN)
    assert not verify(journal).ok


def test_old_snapshots_go_and_all_can_be_discarded(journal: Path) -> None:
    for seq in (3, 5, 7, 9):
        snapshot.save(journal, taken(journal, seq))
    snapshot.save(journal, taken(journal, 4, projection="orders-archive"))
    assert [path.name for path in sorted((journal / "snapshots").iterdir())] == [
        "orders-000000000007.snapshot",
        "orders-000000000009.snapshot",
        "orders-archive-000000000004.snapshot",
    ]
    assert snapshot.discard(journal) == 3
    assert snapshot.newest(journal, "orders", 1) is None
