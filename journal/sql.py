"""SQL over a journal: an in-memory DuckDB whose views read the journal's files.

It can change nothing. The views know the files that exist when the connection is made; a tail file
that the writer begins later is seen by the next connection.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from journal import layout, recover
from journal.errors import JournalMissing
from journal.events import TYPES
from journal.fs import OS_FS

if TYPE_CHECKING:
    import duckdb

_ENVELOPE = {
    "seq": "BIGINT",
    "ts": "BIGINT",
    "type": "VARCHAR",
    "v": "INTEGER",
    "run": "VARCHAR",
    "cause": "BIGINT",
    "corr": "VARCHAR",
    "data": "JSON",
    "h": "VARCHAR",
}


def connect(directory: Path) -> duckdb.DuckDBPyConnection:
    """Return a DuckDB connection with a view `events` and one typed view per event type.

    `BarClosed` is the view `bar_closed`. Column `utc` is `ts` as a UTC timestamp. Nothing is
    downloaded, and the engine may be writing.
    Raises JournalMissing.
    """
    import duckdb  # noqa: PLC0415 (loading it takes a tenth of a second, and most users ask no SQL)

    if not (directory / layout.TAIL).is_dir():
        raise JournalMissing(f"there is no journal in {directory}; check the path")
    connection = duckdb.connect(
        ":memory:",
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False},
    )
    connection.execute(_events_view(directory))
    for name in TYPES:
        connection.execute(_typed_view(name))
    return connection


def view_name(type_name: str) -> str:
    """Return the name of an event type's view: `BarClosed` gives `bar_closed`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type_name).lower()


def _events_view(directory: Path) -> str:
    files = [str(directory / layout.TAIL / name) for name in recover.tail_names(OS_FS, directory)]
    if not files:
        columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in _ENVELOPE.items())
        return f"CREATE VIEW events AS SELECT {columns}, NULL::TIMESTAMP_NS AS utc WHERE false"
    paths = ", ".join(_quoted(path) for path in files)
    columns = ", ".join(f"{name}: {_quoted(kind)}" for name, kind in _ENVELOPE.items())
    return f"""
        CREATE VIEW events AS SELECT *, make_timestamp_ns(ts) AS utc
        FROM read_json([{paths}], format='newline_delimited', ignore_errors=true,
                       columns={{{columns}}})
        WHERE seq IS NOT NULL"""  # header, footer and a line that is being written have no seq


def _typed_view(name: str) -> str:
    info = msgspec.inspect.type_info(TYPES[name])
    assert isinstance(info, msgspec.inspect.StructType)
    fields = {field.name: _sql_type(field.type) for field in info.fields}
    shape = _quoted(msgspec.json.encode(fields).decode())
    columns = ", ".join(
        f"data.{_identifier(field)} AS {_identifier(_column(field))}" for field in fields
    )
    return f"""
        CREATE VIEW {view_name(name)} AS SELECT seq, utc, ts, v, run, cause, corr, {columns}
        FROM (
            SELECT * REPLACE (from_json(data, {shape}) AS data)
            FROM events WHERE type = {_quoted(name)})"""


def _column(field: str) -> str:
    """The envelope's names come first: a payload's own `type` or `ts` gets a prefix."""
    return f"data_{field}" if field in _ENVELOPE else field


def _sql_type(kind: msgspec.inspect.Type) -> object:
    match kind:
        case msgspec.inspect.StructType():
            return {field.name: _sql_type(field.type) for field in kind.fields}
        case msgspec.inspect.ListType():
            return [_sql_type(kind.item_type)]
        case msgspec.inspect.IntType():
            return "BIGINT"
        case msgspec.inspect.FloatType():
            return "DOUBLE"
        case msgspec.inspect.StrType():
            return "VARCHAR"
        case _:
            return "JSON"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
