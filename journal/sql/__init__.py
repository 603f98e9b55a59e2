"""SQL over a journal: an in-memory DuckDB whose views read the journal's files, and nothing else.

It can change nothing and needs no extension beyond DuckDB's own wheel. The views know the files
that exist when the connection is made; what the writer begins later is seen by the next connection,
or after `show_files`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from journal import layout
from journal.errors import JournalMissing
from journal.sql.questions import EXAMPLES
from journal.sql.views import create_views, show_files, view_name

if TYPE_CHECKING:
    import duckdb

__all__ = ["EXAMPLES", "connect", "show_files", "view_name"]

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
}
"""Settings of every connection: nothing is ever downloaded."""


def connect(directory: Path) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection with a view `events` and one typed view per event type.

    `BarClosed` is the view `bar_closed`. Column `utc` is `ts` as a UTC timestamp. `EXAMPLES` lists
    questions and how to ask them. The engine may be writing. Raises JournalMissing,
    JournalCorrupt for a damaged manifest.
    """
    import duckdb  # noqa: PLC0415 (loading it takes a tenth of a second, and most users ask no SQL)

    if not (directory / layout.TAIL).is_dir():
        raise JournalMissing(f"there is no journal in {directory}; check the path")
    connection = duckdb.connect(":memory:", config=CONFIG)
    # Segments never change, and their metadata is a third of the time of a query of sums.
    connection.execute("SET parquet_metadata_cache = true")
    create_views(connection, directory)
    return connection
