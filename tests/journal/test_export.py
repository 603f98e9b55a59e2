from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.fs
import pyarrow.ipc
import pyarrow.parquet
import pytest

from journal import Limits, snapshot, sql
from journal.errors import JournalMissing, UsageError
from journal.export import connect_published, export, publish, published
from journal.keep import retain
from journal.reader import lines
from journal.seal import SealLimits, seal
from journal.snapshot import Snapshot
from tests.journal.builders import grow

TEN = SealLimits(events=10)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    directory = tmp_path / "journal"
    grow(directory, 24, limits=Limits(batch=5, file_events=5))
    seal(directory, limits=TEN, now=lambda: 0)
    return directory


def test_parquet_arrow_and_csv_hold_every_event(journal: Path, tmp_path: Path) -> None:
    export(journal, tmp_path / "a.parquet", form="parquet")
    export(journal, tmp_path / "a.arrow", form="arrow")
    export(journal, tmp_path / "a.csv", form="csv")
    rows = pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert [row["seq"] for row in rows] == list(range(1, 25))
    with pyarrow.ipc.open_file(str(tmp_path / "a.arrow")) as file:
        assert file.read_all().to_pylist() == rows
    counted = duckdb.execute(
        "SELECT count(*), sum(seq) FROM read_csv(?)", [str(tmp_path / "a.csv")]
    )
    assert counted.fetchall() == [(24, 300)]


def test_a_query_chooses_what_is_exported(journal: Path, tmp_path: Path) -> None:
    query = "SELECT seq, close FROM bar_closed WHERE seq > 22"
    export(journal, tmp_path / "a.csv", form="csv", query=query)
    assert len((tmp_path / "a.csv").read_text(encoding="utf-8").splitlines()) == 3


def test_an_export_overwrites_nothing(journal: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    with pytest.raises(UsageError, match="exists"):
        export(journal, tmp_path / "a.csv", form="csv")


def test_a_query_that_fails_half_way_leaves_no_file(journal: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    query = "SELECT CASE seq WHEN 20 THEN error('no') ELSE 'x' END AS x FROM events"
    with pytest.raises(duckdb.Error):
        export(journal, tmp_path / "a.csv", form="csv", query=query)
    assert sorted(tmp_path.iterdir()) == before


Store = tuple[pyarrow.fs.FileSystem, str]


@pytest.fixture(params=["folder", "S3"])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "folder":
        yield pyarrow.fs.LocalFileSystem(), (tmp_path / "store").as_posix()
        return
    server: Any = pytest.importorskip("moto.server", reason="moto serves S3 on the loopback")
    s3 = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    s3.start()
    host, port = s3.get_host_and_port()
    yield (
        pyarrow.fs.S3FileSystem(
            access_key="test",
            secret_key="test",
            endpoint_override=f"http://{host}:{port}",
            allow_bucket_creation=True,
            region="us-east-1",
        ),
        f"journals/{tmp_path.name}",  # all servers of a process share what they hold
    )
    s3.stop()


def test_many_journals_are_published_and_queried_together(
    journal: Path, tmp_path: Path, store: Store
) -> None:
    filesystem, base = store
    other = tmp_path / "other"
    grow(other, 10, limits=Limits(batch=5, file_events=5))
    seal(other, limits=TEN, now=lambda: 0)
    assert len(publish(journal, filesystem, f"{base}/one")) == 2
    assert len(publish(other, filesystem, f"{base}/two")) == 1
    grow(journal, 10, limits=Limits(batch=5, file_events=5))
    seal(journal, limits=TEN, now=lambda: 0)
    assert len(publish(journal, filesystem, f"{base}/one")) == 1  # only what is new
    events = published(filesystem, [f"{base}/one", f"{base}/two"])
    connection = duckdb.connect()
    connection.register("events", events)
    query = "SELECT symbol, count(*), max(seq) FROM events GROUP BY symbol"
    assert connection.execute(query).fetchall() == [("EURUSD", 44, 34)]
    with connect_published(filesystem, [f"{base}/one", f"{base}/two"]) as both:
        counted = both.execute("SELECT count(close), max(seq) FROM bar_closed")
        assert counted.fetchall() == [(44, 34)]
        with pytest.raises(duckdb.CatalogException):
            both.execute("FROM why(3)")
    with connect_published(filesystem, [f"{base}/one"]) as one, sql(journal) as here:
        for query in (
            "FROM why(30)",
            "SELECT * EXCLUDE data FROM events WHERE seq < 31 ORDER BY seq",
            "FROM gaps()",
        ):
            assert one.execute(query).fetchall() == here.execute(query).fetchall()
    with pytest.raises(JournalMissing, match="no journal is published"):
        published(filesystem, [f"{base}/three"])


def test_a_journal_is_never_published_over_another(
    journal: Path, tmp_path: Path, store: Store
) -> None:
    filesystem, base = store
    other = tmp_path / "other"
    grow(other, 10, batch=1, limits=Limits(batch=1, file_events=5))
    seal(other, limits=TEN, now=lambda: 1)
    publish(journal, filesystem, f"{base}/one")
    with pytest.raises(UsageError, match="holds what another journal published"):
        publish(other, filesystem, f"{base}/one")
    with connect_published(filesystem, [f"{base}/one"]) as one:
        assert one.execute("SELECT max(seq) FROM events").fetchall() == [(20,)]


def test_what_was_published_stays_there_when_the_journal_drops_it(
    journal: Path, store: Store
) -> None:
    filesystem, base = store
    publish(journal, filesystem, f"{base}/before")
    (_, _, h) = next(lines(journal, after=21, until=22))
    snapshot.save(journal, Snapshot(22, h.decode(), "orders", 1, b"state"))
    assert retain(journal, {"orders": 1}, keep=0).through == 10
    for place, first in (("before", 1), ("after", 11)):
        publish(journal, filesystem, f"{base}/{place}")
        with connect_published(filesystem, [f"{base}/{place}"]) as asked:
            found = asked.execute("SELECT min(seq), max(seq), count(*) FROM events").fetchall()
        assert found == [(first, 20, 21 - first)]
