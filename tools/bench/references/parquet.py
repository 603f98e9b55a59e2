"""DuckDB by itself on one Parquet file with the columns that the journal's segments promote."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import duckdb

import journal
from journal.promote import PROMOTED
from tools.bench.rows import Round, Sample, Setting
from tools.bench.store import SUMS

ENVELOPE = ("seq", "ts", "type", "v", "run", "cause", "corr")


def summed(setting: Setting) -> Round:
    """Copy the columns of all events into one file, and ask it what the journal is asked."""
    file = Path(setting.folder) / "events.parquet"
    columns = ", ".join((*ENVELOPE, *PROMOTED))
    with journal.sql(Path(setting.corpus)) as source:
        chosen = source.view("events").project(columns).order("seq")
        chosen.write_parquet(str(file), compression="zstd")
    connection = duckdb.connect(":memory:")
    connection.execute("SET parquet_metadata_cache = true")  # as the journal's connection has it
    connection.read_parquet(str(file)).create_view("events")
    query = SUMS.format(source="events")

    def run() -> Sample:
        begun = perf_counter()
        connection.execute(query).fetchall()
        return {"ms": 1e3 * (perf_counter() - begun)}

    return run
