from __future__ import annotations

from pathlib import Path

import msgspec
import polars as pl
import pytest

import journal
from journal import Limits, manifest
from journal.frames import COLUMNS
from journal.fs import OS_FS, Fs
from journal.seal import SealLimits, seal
from tests.journal.builders import bar, grow


@pytest.fixture(params=[0, 10, 20])
def directory(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """24 events of which none, some or most are sealed."""
    grow(tmp_path, 24, limits=Limits(batch=5, file_events=5))
    if request.param:
        seal(tmp_path, limits=SealLimits(events=request.param), now=lambda: 0)
    return tmp_path


def test_arrow_streams_all_events_in_order(directory: Path) -> None:
    table = journal.arrow(directory, batch=7).read_all()
    assert table.column_names == list(COLUMNS)
    assert table.column("seq").to_pylist() == list(range(1, 25))
    assert table.column("data").to_pylist() == [
        msgspec.json.encode(bar(seq)).decode() for seq in range(1, 25)
    ]


def test_scan_gives_the_same_rows_as_arrow(directory: Path) -> None:
    frame = journal.scan(directory)
    assert frame.collect_schema().names() == list(COLUMNS)
    assert frame.collect().to_arrow().to_pylist() == journal.arrow(directory).read_all().to_pylist()


def test_scan_filters_lazily(directory: Path) -> None:
    found = journal.scan(directory).filter(pl.col("seq") > 22).select("seq", "symbol").collect()
    assert found.rows() == [(23, "EURUSD"), (24, "EURUSD")]


def test_an_empty_journal_is_an_empty_frame(tmp_path: Path) -> None:
    grow(tmp_path, 0)
    assert journal.scan(tmp_path).collect().height == 0
    assert journal.arrow(tmp_path).read_all().num_rows == 0


def test_what_is_sealed_while_a_scan_is_made_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grow(tmp_path, 24, limits=Limits(batch=5, file_events=5))
    load = manifest.load

    def load_and_seal(fs: Fs, directory: Path) -> manifest.Manifest:
        listed = load(fs, directory)
        monkeypatch.setattr(manifest, "load", load)
        seal(tmp_path, limits=SealLimits(events=10), now=lambda: 0)
        return listed

    monkeypatch.setattr(manifest, "load", load_and_seal)
    assert journal.scan(tmp_path).collect()["seq"].to_list() == list(range(1, 25))
    assert len(manifest.load(OS_FS, tmp_path).segments) == 2
