from __future__ import annotations

from itertools import product
from pathlib import Path

import duckdb
import msgspec
import pytest

import journal
from journal.envelope import stamp
from journal.errors import JournalMissing
from journal.events import TYPES, EvidenceGathered, RunStarted
from journal.sql import view_name
from tests.journal.builders import RUN, bar, event, grow, lines_of, only_tail, sample


def test_events_and_their_typed_view_hold_the_same_figures(tmp_path: Path) -> None:
    grow(tmp_path, 5, batch=2)
    connection = journal.sql(tmp_path)
    assert connection.sql("SELECT seq, type FROM events ORDER BY seq").fetchall() == [
        (seq, "BarClosed") for seq in range(1, 6)
    ]
    rows = connection.sql("SELECT seq, symbol, close, tick_volume FROM bar_closed").fetchall()
    assert rows == [(n, "EURUSD", bar(n).close, bar(n).tick_volume) for n in range(1, 6)]


def test_every_event_type_has_a_view(tmp_path: Path) -> None:
    grow(tmp_path, 1)
    connection = journal.sql(tmp_path)
    for name in TYPES:
        connection.table(view_name(name)).fetchall()
    assert view_name("BrokerSnapshotTaken") == "broker_snapshot_taken"


def test_lists_and_free_objects_are_columns_too(tmp_path: Path) -> None:
    grow(tmp_path, 0)
    with journal.Writer.open(tmp_path, run=RUN) as writer:
        evidence = EvidenceGathered(key="K", polls=2, orders=[7, 8], deals=[], suspects=[9])
        writer.append(stamp(evidence, seq=1, ts=1, run=RUN))
        start = msgspec.structs.replace(sample(RunStarted), config={"risk": {"percent": 1.0}})
        writer.append(stamp(start, seq=2, ts=2, run=RUN))
    connection = journal.sql(tmp_path)
    assert connection.sql("SELECT orders, deals FROM evidence_gathered").fetchall() == [
        ([7, 8], [])
    ]
    query = "SELECT config ->> '$.risk.percent' FROM run_started"
    assert connection.sql(query).fetchall() == [("1.0",)]


def test_a_connection_made_while_the_engine_writes_sees_whole_lines_only(tmp_path: Path) -> None:
    writer = grow(tmp_path, 3, batch=1, close=False)
    path = only_tail(tmp_path)
    data = path.read_bytes()
    lines = lines_of(path)
    for cut, room in product((2, 40, 150), (b"", b"\n" * 1000)):
        path.write_bytes(lines[:-cut] + room)
        assert journal.sql(tmp_path).sql("SELECT max(seq) FROM events").fetchall() == [(2,)]
    path.write_bytes(data)
    connection = journal.sql(tmp_path)
    assert connection.sql("SELECT count(*) FROM bar_closed").fetchall() == [(3,)]
    writer.append(event(4))
    writer.commit()
    assert connection.sql("SELECT count(*) FROM bar_closed").fetchall() == [(4,)]
    writer.close()


def test_an_empty_journal_has_empty_views(tmp_path: Path) -> None:
    grow(tmp_path, 0)
    assert journal.sql(tmp_path).sql("SELECT * FROM deal_recorded").fetchall() == []


def test_sql_cannot_change_the_journal(tmp_path: Path) -> None:
    grow(tmp_path, 2)
    before = only_tail(tmp_path).read_bytes()
    with pytest.raises(duckdb.Error):
        journal.sql(tmp_path).execute("DELETE FROM events")
    assert only_tail(tmp_path).read_bytes() == before


def test_no_extension_is_fetched(tmp_path: Path) -> None:
    grow(tmp_path, 1)
    settings = journal.sql(tmp_path).sql(
        "SELECT value FROM duckdb_settings() WHERE name LIKE 'auto%known_extensions'"
    )
    assert settings.fetchall() == [("false",), ("false",)]


def test_no_journal_is_said(tmp_path: Path) -> None:
    with pytest.raises(JournalMissing):
        journal.sql(tmp_path)
