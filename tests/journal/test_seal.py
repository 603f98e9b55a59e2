from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow.parquet as pq
import pytest

import journal
from journal import Limits, Writer, codec, manifest, read, upcast, verify
from journal.codec import encode
from journal.envelope import Event, stamp
from journal.errors import JournalCorrupt
from journal.events import TYPES
from journal.events.base import Input
from journal.fs import OS_FS
from journal.promote import _fields as promoted_fields
from journal.reader import lines
from journal.seal import GRACE_NS, SealLimits, seal
from tests.journal.builders import RUN, event, events, grow

TEN = SealLimits(events=10)
FILES_OF_5 = Limits(batch=5, file_events=5)


def tail_files(directory: Path) -> list[str]:
    return sorted(path.name for path in (directory / "tail").iterdir())


def sealed(directory: Path, count: int = 24, now: int = 0) -> list[manifest.Segment]:
    grow(directory, count, limits=FILES_OF_5)
    return seal(directory, limits=TEN, now=lambda: now)


def test_whole_tail_files_become_segments_when_enough_events_wait(tmp_path: Path) -> None:
    made = sealed(tmp_path)
    assert [(entry.first, entry.last) for entry in made] == [(1, 10), (11, 20)]
    assert seal(tmp_path, limits=TEN, now=lambda: 0) == []
    assert manifest.load(OS_FS, tmp_path).segments == tuple(made)
    assert made[0].types == {"BarClosed": 10}


def test_the_file_that_is_being_written_is_never_sealed(tmp_path: Path) -> None:
    writer = grow(tmp_path, 11, limits=Limits(batch=1, file_events=10), close=False)
    (entry,) = seal(tmp_path, limits=SealLimits(events=1), now=lambda: 0)
    assert (entry.first, entry.last) == (1, 10)
    writer.append(event(12))
    writer.close()
    assert list(read(tmp_path)) == events(12)


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize(
    ("after", "until"), [(0, None), (3, 17), (9, 10), (10, 11), (19, 22), (24, None)]
)
def test_ranges_pass_from_segments_to_the_tail_without_gap_or_duplicate(
    tmp_path: Path, after: int, until: int | None, verify: bool
) -> None:
    sealed(tmp_path)
    found = list(read(tmp_path, after=after, until=until, verify=verify))
    assert found == events(until or 24, after + 1)


def test_sealing_keeps_every_byte_and_hash(tmp_path: Path) -> None:
    grow(tmp_path, 24, limits=FILES_OF_5)
    before = list(lines(tmp_path))
    seal(tmp_path, limits=TEN, now=lambda: 0)
    assert list(lines(tmp_path)) == before


def test_sealed_tail_files_stay_a_minute_for_readers_and_then_go(tmp_path: Path) -> None:
    sealed(tmp_path)
    assert len(tail_files(tmp_path)) == 5
    seal(tmp_path, limits=TEN, now=lambda: GRACE_NS - 1)
    assert len(tail_files(tmp_path)) == 5
    seal(tmp_path, limits=TEN, now=lambda: GRACE_NS)
    assert tail_files(tmp_path) == ["000000000021.jsonl"]
    assert list(read(tmp_path)) == events(24)
    assert verify(tmp_path, deep=True).findings == []


def test_a_journal_whose_every_file_is_sealed_and_still_there_reads_once(tmp_path: Path) -> None:
    sealed(tmp_path, count=20)
    for check in (True, False):
        assert list(read(tmp_path, until=20, verify=check)) == events(20)
        assert list(read(tmp_path, verify=check)) == events(20)


def test_the_writer_goes_on_after_the_sealed_events_when_no_tail_is_left(tmp_path: Path) -> None:
    sealed(tmp_path, count=20)
    seal(tmp_path, limits=TEN, now=lambda: GRACE_NS)
    assert tail_files(tmp_path) == []
    with Writer.open(tmp_path, run=RUN) as writer:
        assert writer.next_seq == 21
        writer.append(event(21))
    assert list(read(tmp_path)) == events(21)


def test_a_segment_is_parquet_with_promoted_columns_and_page_checksums(tmp_path: Path) -> None:
    (entry, _) = sealed(tmp_path)
    path = tmp_path / "segments" / entry.file
    table = pq.read_table(path, page_checksum_verification=True)
    assert table.column("seq").to_pylist() == list(range(1, 11))
    assert table.column("symbol").to_pylist() == ["EURUSD"] * 10
    assert table.column("bulk").to_pylist() == [(encode(e) + b"}").decode() for e in events(10)]
    query = f"SELECT sum((bulk ->> '$.data.close')::DOUBLE) FROM '{path}'"  # noqa: S608
    assert duckdb.execute(query).fetchall()[0][0] == pytest.approx(
        sum(e.data.close for e in events(10))  # type: ignore[attr-defined] # all are bars
    )


def test_the_same_events_give_the_same_segment(tmp_path: Path) -> None:
    first = sealed(tmp_path / "a")
    second = sealed(tmp_path / "b")
    assert [entry.sha256 for entry in first] == [entry.sha256 for entry in second]


def test_any_changed_byte_of_a_segment_is_found(tmp_path: Path) -> None:
    (entry, _) = sealed(tmp_path)
    path = tmp_path / "segments" / entry.file
    data = path.read_bytes()
    for offset in range(0, len(data), 23):
        path.write_bytes(data[:offset] + bytes([data[offset] ^ 4]) + data[offset + 1 :])
        assert not verify(tmp_path).ok, offset
    path.write_bytes(data)
    assert verify(tmp_path).ok


def test_a_changed_event_in_a_whole_parquet_file_breaks_the_chain(tmp_path: Path) -> None:
    (entry, _) = sealed(tmp_path)
    path = tmp_path / "segments" / entry.file
    table = pq.read_table(path)
    texts = table.column("bulk").to_pylist()
    texts[3] = texts[3].replace('"spread":7', '"spread":8')
    forged = table.set_column(table.column_names.index("bulk"), "bulk", [texts])
    pq.write_table(forged, path, store_schema=False)
    with pytest.raises(JournalCorrupt, match="the manifest says 10 with"):
        list(read(tmp_path))


def test_a_changed_promoted_column_is_found_by_a_deep_look(tmp_path: Path) -> None:
    (entry, _) = sealed(tmp_path)
    path = tmp_path / "segments" / entry.file
    table = pq.read_table(path)
    symbols = ["EURUSD"] * 9 + ["GBPUSD"]
    at = table.column_names.index("symbol")
    pq.write_table(table.set_column(at, "symbol", [symbols]), path, store_schema=False)
    whats = [finding.what for finding in verify(tmp_path, deep=True).findings]
    assert "column symbol has 'GBPUSD', the event says 'EURUSD'" in whats


def _rot_of_column(path: Path, name: str) -> None:
    """Flip a bit in a column's data."""
    group = pq.ParquetFile(path).metadata.row_group(0)
    (chunk,) = [
        column
        for column in map(group.column, range(group.num_columns))
        if column.path_in_schema == name
    ]
    data = bytearray(path.read_bytes())
    data[chunk.data_page_offset + chunk.total_compressed_size - 1] ^= 1
    path.write_bytes(data)


def test_a_rotten_column_is_a_finding_of_a_deep_look_and_stops_no_other(tmp_path: Path) -> None:
    (entry, other) = sealed(tmp_path)
    _rot_of_column(tmp_path / "segments" / entry.file, "price")
    report = verify(tmp_path, deep=True)
    whats = [finding.what for finding in report.findings]
    assert [finding.seq for finding in report.findings] == [1, 1]
    assert "its bytes are not those that were sealed" in whats
    assert any("cannot be read" in what for what in whats)
    assert report.last_seq == 24
    with pytest.raises(JournalCorrupt, match="cannot be read"):
        list(read(tmp_path, verify=False, where={"price": [1.0]}))
    assert next(iter(read(tmp_path, after=other.first - 1, verify=False))).seq == other.first


class ThingSeen(Input, frozen=True, gc=False):
    """A type as it was once."""

    symbol: str
    units: float


class ThingSeenAgain(Input, frozen=True, gc=False):
    """And in its second shape."""

    VERSION = 2

    symbol: str
    volume: float


def _know(patch: pytest.MonkeyPatch, kind: type[ThingSeen | ThingSeenAgain] | None) -> None:
    """Let the type have that shape, or be unknown."""
    patch.delitem(TYPES, "ThingSeen", raising=False)
    patch.delitem(codec.WHOLE, "ThingSeen", raising=False)
    if kind:
        patch.setitem(TYPES, "ThingSeen", kind)
        patch.setitem(codec.WHOLE, "ThingSeen", msgspec.json.Decoder(Event[kind]).decode)  # type: ignore[valid-type] # as in `journal.codec`


def _write_things(directory: Path, patch: pytest.MonkeyPatch) -> None:
    _know(patch, ThingSeen)
    with Writer.open(directory, run=RUN) as writer:
        for seq in (1, 2):
            writer.append(stamp(ThingSeen("EURUSD", 20_000), seq=seq, ts=seq, run=RUN))


@pytest.mark.parametrize("sealed_by", [ThingSeen, ThingSeenAgain])
def test_an_older_version_is_read_from_a_segment_whoever_sealed_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sealed_by: type[ThingSeen | ThingSeenAgain],
) -> None:
    _write_things(tmp_path, monkeypatch)

    def second(data: dict[str, Any]) -> dict[str, Any]:
        return {"symbol": data["symbol"], "volume": data["units"] / 100_000}

    monkeypatch.setitem(upcast.UPCASTERS, ("ThingSeen", 1), second)
    promoted_fields.cache_clear()
    _know(monkeypatch, sealed_by)
    (entry,) = seal(tmp_path, limits=SealLimits(events=1), now=lambda: 0)
    promoted_fields.cache_clear()
    _know(monkeypatch, ThingSeenAgain)
    for check in (True, False):
        found = [event.data for event in read(tmp_path, verify=check)]
        assert found == [ThingSeenAgain("EURUSD", 0.2)] * 2
    assert verify(tmp_path, deep=True).findings == []
    assert pq.read_table(tmp_path / "segments" / entry.file)["v"].to_pylist() == [1, 1]
    promoted_fields.cache_clear()


def test_a_deep_look_passes_over_an_event_that_nobody_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _write_things(tmp_path, monkeypatch)
    seal(tmp_path, limits=SealLimits(events=1), now=lambda: 0)
    _know(monkeypatch, None)
    findings = verify(tmp_path, deep=True).findings
    assert [(one.seq, "unknown event type 'ThingSeen'" in one.what) for one in findings] == [
        (1, True),
        (2, True),
    ]


def test_a_missing_or_shortened_segment_is_refused_by_the_writer(tmp_path: Path) -> None:
    (entry, _) = sealed(tmp_path)
    path = tmp_path / "segments" / entry.file
    data = path.read_bytes()
    path.write_bytes(data[:-1])
    with pytest.raises(JournalCorrupt, match="instead of"):
        Writer.open(tmp_path, run=RUN)
    path.unlink()
    with pytest.raises(JournalCorrupt, match="is missing"):
        Writer.open(tmp_path, run=RUN)
    with pytest.raises(JournalCorrupt, match="a file is missing"):
        list(read(tmp_path))
    assert [f.what for f in verify(tmp_path).findings] == ["is missing"]


def test_a_torn_manifest_line_is_quarantined_and_its_segment_sealed_again(tmp_path: Path) -> None:
    made = sealed(tmp_path)
    path = tmp_path / "manifest.jsonl"
    data = path.read_bytes()
    for size in range(data.index(b"\n") + 1, len(data)):
        path.write_bytes(data[:size])
        assert list(read(tmp_path)) == events(24)
        assert verify(tmp_path).ok
    assert seal(tmp_path, limits=TEN, now=lambda: 0) == made[1:]
    assert path.read_bytes() == data
    assert len(list((tmp_path / "quarantine").iterdir())) == 1


def test_every_flipped_bit_of_the_manifest_is_noticed(tmp_path: Path) -> None:
    sealed(tmp_path)
    path = tmp_path / "manifest.jsonl"
    data = path.read_bytes()
    first_line = data.index(b"\n")
    for bit in range(0, len(data) * 8, 5):
        at = bit // 8
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << bit % 8]) + data[at + 1 :])
        try:
            found = manifest.load(OS_FS, tmp_path)
        except JournalCorrupt:
            continue
        assert at > first_line, at
        assert found.torn, at


def test_a_lost_manifest_line_is_noticed_when_the_tail_is_gone(tmp_path: Path) -> None:
    sealed(tmp_path, count=20)
    seal(tmp_path, limits=TEN, now=lambda: GRACE_NS)
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(JournalCorrupt, match="holds events after seq 10"):
        Writer.open(tmp_path, run=RUN)
    assert not verify(tmp_path).ok


def test_damage_in_the_tail_stops_sealing_and_changes_nothing(tmp_path: Path) -> None:
    grow(tmp_path, 24, limits=FILES_OF_5)
    path = tmp_path / "tail" / "000000000006.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"spread":7', b'"spread":8'))
    with pytest.raises(JournalCorrupt):
        seal(tmp_path, limits=TEN, now=lambda: 0)
    assert manifest.load(OS_FS, tmp_path).segments == ()
    assert len(tail_files(tmp_path)) == 5


def test_one_process_seals_at_a_time(tmp_path: Path) -> None:
    grow(tmp_path, 24, limits=FILES_OF_5)
    release = OS_FS.lock(tmp_path / "seal.lock")
    assert seal(tmp_path, limits=TEN, now=lambda: 0) == []
    release()
    assert len(seal(tmp_path, limits=TEN, now=lambda: 0)) == 2


def test_types_and_values_select_in_segments_as_in_the_tail(tmp_path: Path) -> None:
    sealed(tmp_path)
    for check in (True, False):
        some = read(tmp_path, where={"seq": [4, 14, 23], "symbol": ["EURUSD"]}, verify=check)
        assert [e.seq for e in some] == [4, 14, 23]
        assert list(read(tmp_path, types={"DealRecorded"}, verify=check)) == []
        assert len(list(read(tmp_path, types={"BarClosed"}, after=8, verify=check))) == 16
        assert list(read(tmp_path, where={"symbol": ["GBPUSD"]}, verify=check)) == []


def test_sql_hides_what_is_both_sealed_and_still_in_the_tail(tmp_path: Path) -> None:
    sealed(tmp_path)
    connection = journal.sql(tmp_path)
    rows = connection.sql("SELECT seq, close FROM bar_closed ORDER BY seq").fetchall()
    assert rows == [(e.seq, e.data.close) for e in events(24)]  # type: ignore[attr-defined] # bars
    assert connection.sql("SELECT symbol, count(*) FROM events GROUP BY 1").fetchall() == [
        ("EURUSD", 24)
    ]
