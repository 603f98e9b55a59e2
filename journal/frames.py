"""A journal as a polars LazyFrame or an Arrow stream, with the columns of the view `events`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from journal import layout, manifest
from journal.fs import OS_FS
from journal.promote import PROMOTED
from journal.sql import connect
from journal.sql.views import ENVELOPE

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    import pyarrow as pa

COLUMNS = (*ENVELOPE, *PROMOTED, "data")
"""Envelope, promoted columns and the payload as JSON text, in this order."""


def arrow(directory: Path, *, batch: int = 65_536) -> pa.RecordBatchReader:
    """Return all events in order as a stream of record batches. Raises JournalMissing."""
    return _select(connect(directory), "true").to_arrow_reader(batch)


def scan(directory: Path) -> pl.LazyFrame:
    """Return all events as a LazyFrame; sealed columns are read only as far as a query needs them.

    Raises JournalMissing.
    """
    import polars as pl  # noqa: PLC0415 (loading it takes a third of a second)

    listed = manifest.load(OS_FS, directory)
    tail = pl.DataFrame(_after(directory, listed.last)).lazy()
    if not listed.segments:
        return tail
    files = [directory / layout.SEGMENTS / entry.file for entry in listed.segments]
    payload = (
        pl.coalesce("data", "bulk").cast(pl.String).str.extract(r'"data":(\{.*\})\}$').alias("data")
    )
    sealed = pl.scan_parquet(files).select(*COLUMNS[:-1], payload)
    return pl.concat([sealed, tail])


def _after(directory: Path, last: int) -> pa.Table:
    """Return what comes after a sequence, sealed meanwhile or not."""
    with connect(directory) as connection:
        return _select(connection, f"seq > {last}").to_arrow_table()


def _select(connection: duckdb.DuckDBPyConnection, which: str) -> duckdb.DuckDBPyRelation:
    names = ", ".join(COLUMNS[:-1])
    query = f"SELECT {names}, data::VARCHAR AS data FROM events WHERE {which}"  # noqa: S608 (ours)
    relation = connection.sql(query)
    assert relation is not None  # a SELECT always has a result
    return relation
