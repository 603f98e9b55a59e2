from __future__ import annotations

from pathlib import Path

import pytest

from journal import Limits, Writer, snapshot, verify
from journal.chain import link
from journal.codec import encode, frame
from journal.envelope import stamp
from journal.errors import JournalMissing, UsageError
from journal.fs import OsFs
from journal.keep import retain
from journal.reader import lines
from journal.seal import GRACE_NS, SealLimits, seal
from journal.snapshot import Snapshot
from tests.journal.builders import RUN, event, grow, lines_of, only_tail


def test_a_whole_journal_has_no_findings(tmp_path: Path) -> None:
    writer = grow(tmp_path, 12, limits=Limits(batch=2, file_events=4))
    report = verify(tmp_path)
    assert (report.ok, report.findings) == (True, [])
    assert (report.first_seq, report.last_seq, report.events, report.files) == (1, 12, 12, 3)
    assert report.head == writer.head.decode()


def test_an_empty_journal_verifies(tmp_path: Path) -> None:
    grow(tmp_path, 0)
    assert verify(tmp_path).events == 0


def test_a_journal_that_is_being_written_verifies(tmp_path: Path) -> None:
    writer = grow(tmp_path, 3, close=False)
    assert verify(tmp_path).findings == []
    writer.close()


def test_a_torn_end_is_reported_with_its_place_and_is_no_problem(tmp_path: Path) -> None:
    writer = grow(tmp_path, 3, batch=1, close=False)
    path = only_tail(tmp_path)
    lines = lines_of(path)
    path.write_bytes(lines + b"\0" * 100 + b"\n" * 1000)
    report = verify(tmp_path)
    (found,) = report.findings
    assert report.ok
    assert (found.severity, found.offset, found.seq) == ("torn", len(lines), 4)
    assert found.file == "tail/000000000001.jsonl"
    writer.close()


def test_a_changed_byte_is_reported_with_its_place(tmp_path: Path) -> None:
    grow(tmp_path, 3, batch=1)
    path = only_tail(tmp_path)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"1.07012", b"1.07013"))
    report = verify(tmp_path)
    (found,) = report.findings
    assert not report.ok
    assert (found.severity, found.seq, report.last_seq) == ("corrupt", 2, 1)
    assert data[found.offset :].startswith(b' {"seq":2,')
    assert path.read_bytes() != data


def test_bytes_that_chain_but_do_not_decode_are_reported(tmp_path: Path) -> None:
    grow(tmp_path, 1, batch=1)
    path = only_tail(tmp_path)
    header, first, _ = path.read_bytes().splitlines(keepends=True)
    body = encode(event(2)).replace(b"BarClosed", b"BarOpened")
    line = frame(body, link(first[-35:-3], body))
    path.write_bytes(header + first + b" " + line)
    (found,) = verify(tmp_path).findings
    assert "unknown event type 'BarOpened'" in found.what
    assert found.seq == 2


def test_a_known_hash_shows_a_cut_off_end_and_a_rewritten_journal(tmp_path: Path) -> None:
    writer = grow(tmp_path, 3)
    head = writer.head.decode()
    assert verify(tmp_path, expect=(3, head)).findings == []
    (rewritten,) = verify(tmp_path, expect=(2, head)).findings
    assert "rewritten" in rewritten.what
    (cut,) = verify(tmp_path, expect=(4, head)).findings
    assert "cut off" in cut.what
    assert not verify(tmp_path, expect=(4, head)).ok


def test_damage_is_not_taken_for_a_cut_off_end(tmp_path: Path) -> None:
    writer = grow(tmp_path, 3, batch=1)
    head = writer.head.decode()
    snapshot.save(tmp_path, Snapshot(3, head, "orders", 1, b"state"))
    path = only_tail(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"1.07012", b"1.07013"))
    (found,) = verify(tmp_path, expect=(3, head)).findings
    assert (found.severity, found.seq) == ("corrupt", 2)


def test_what_was_dropped_can_no_longer_be_expected_but_for_its_last_event(tmp_path: Path) -> None:
    known = dict(_dropped_up_to_20(tmp_path))
    assert verify(tmp_path, expect=(20, known[20])).ok
    (rewritten,) = [
        finding
        for finding in verify(tmp_path, expect=(20, known[19])).findings
        if finding.severity == "corrupt"
    ]
    assert "rewritten" in rewritten.what
    with pytest.raises(UsageError, match="seq 19 cannot be compared: events up to 20 were dropped"):
        verify(tmp_path, expect=(19, known[19]))


def _dropped_up_to_20(directory: Path) -> list[tuple[int, str]]:
    """Grow a journal of 24 events, drop all up to 20, and return the hashes that there were."""
    grow(directory, 24, limits=Limits(batch=5, file_events=5))
    seal(directory, limits=SealLimits(events=10), now=lambda: 0)
    hashes = [(seq, h.decode()) for seq, _, h in lines(directory)]
    grow(directory, 6, limits=Limits(batch=5, file_events=5))
    seal(directory, limits=SealLimits(events=10), now=lambda: 0)
    snapshot.save(directory, Snapshot(*hashes[-1], "orders", 1, b"state"))
    assert retain(directory, {"orders": 1}, keep=0).through == 20
    return hashes


class _Busy(OsFs):
    """A disk on which an engine seals, and sealed files go, whenever somebody reads a segment."""

    def read(self, path: Path, offset: int = 0) -> bytes:
        if path.suffix == ".parquet":
            for now in (0, GRACE_NS):
                seal(path.parents[1], limits=SealLimits(events=5), now=lambda now=now: now)  # type: ignore[misc] # mypy cannot
        return super().read(path, offset)


def test_a_look_that_outlasts_sealings_finds_nothing(tmp_path: Path) -> None:
    grow(tmp_path, 40, limits=Limits(batch=5, file_events=5))
    seal(tmp_path, limits=SealLimits(events=20), now=lambda: 0)
    grow(tmp_path, 19, limits=Limits(batch=5, file_events=5))
    report = verify(tmp_path, fs=_Busy())
    assert (report.findings, report.events, report.last_seq) == ([], 59, 59)


class _Dropping(OsFs):
    """A disk on which old segments are dropped while somebody looks at the first."""

    def read(self, path: Path, offset: int = 0) -> bytes:
        if path.suffix == ".parquet":
            retain(path.parents[1], {"orders": 1}, keep=0)
        return super().read(path, offset)


def test_what_is_dropped_on_purpose_meanwhile_is_not_missing(tmp_path: Path) -> None:
    grow(tmp_path, 24, limits=Limits(batch=5, file_events=5))
    seal(tmp_path, limits=SealLimits(events=5), now=lambda: 0)
    (_, _, h) = next(lines(tmp_path, after=21, until=22))
    snapshot.save(tmp_path, Snapshot(22, h.decode(), "orders", 1, b"state"))
    report = verify(tmp_path, fs=_Dropping())
    assert (report.ok, report.first_seq, report.last_seq) == (True, 16, 24)


def test_a_recovery_not_yet_in_the_journal_is_noted(tmp_path: Path) -> None:
    grow(tmp_path, 3)
    path = only_tail(tmp_path)
    path.write_bytes(path.read_bytes()[:-100] + b"?")
    Writer.open(tmp_path, run=RUN).close()
    (found,) = verify(tmp_path).findings
    assert found.severity == "note"
    with Writer.open(tmp_path, run=RUN) as writer:
        (note,) = writer.recovered
        writer.append(stamp(note, seq=writer.next_seq, ts=0, run=RUN))
    assert verify(tmp_path).findings == []


def test_no_journal_is_said(tmp_path: Path) -> None:
    with pytest.raises(JournalMissing):
        verify(tmp_path)
