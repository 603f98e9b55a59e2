"""The views `events` and one per event type, over segments and tail."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from journal import layout, manifest, recover, schema
from journal.envelope import Event
from journal.events import TYPES
from journal.fs import OS_FS
from journal.promote import BULK, PROMOTED
from journal.sql.questions import QUESTIONS

if TYPE_CHECKING:
    import duckdb
    import pyarrow.dataset

ENVELOPE = {
    "seq": "BIGINT",
    "ts": "BIGINT",
    "type": "VARCHAR",
    "v": "INTEGER",
    "run": "VARCHAR",
    "cause": "BIGINT",
    "corr": "VARCHAR",
}
_DERIVED = ["make_timestamp_ns(ts) AS utc", "nullif(corr, '') AS order_key"]
_ENVELOPE_OF_TYPED = ["seq", "utc", "ts", "v", "run", "cause", "corr"]
_HEAD = ["make_timestamp_ns(ts) AS utc", "seq", "ts", "v", "run", "cause", "corr"]
_OWN = {*ENVELOPE, "utc", "order_key", "data"}
_EVENTS_COLUMNS = {
    **schema.meanings(Event),
    **{name: schema.EVERYWHERE.get(field, "") for name, (_, field) in PROMOTED.items()},
    "utc": "`ts` as a timestamp",
    "order_key": "`corr`, NULL for none",
    "volume": "lots",
    **dict.fromkeys(["profit", "commission", "swap", "fee"], "account currency"),
}


def create_views(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """Create every view over the files that the journal has now."""
    # Over empty tables at first: making a view would look for all of the files, each time.
    connection.execute(f"CREATE TABLE _sealed AS {_sealed([])}")
    connection.execute(f"CREATE TABLE _tail AS {_tail([])}")
    _create_events(connection)
    _create_questions(connection)
    connection.execute("DROP TABLE _sealed; DROP TABLE _tail")
    show_files(connection, directory)


def show_files(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    """Let the views show the files that the journal has now."""
    listed = manifest.load(OS_FS, directory)
    segments = [directory / layout.SEGMENTS / entry.file for entry in listed.segments]
    names = recover.tail_after(OS_FS, directory, listed.last)
    tail = [directory / layout.TAIL / name for name in names]
    connection.execute(f"CREATE OR REPLACE VIEW _sealed AS {_sealed(segments)}")
    connection.execute(f"CREATE OR REPLACE VIEW _tail AS {_tail(tail)}")


def create_views_over(
    connection: duckdb.DuckDBPyConnection, sealed: pyarrow.dataset.Dataset, *, questions: bool
) -> None:
    """Create the views over sealed events from elsewhere.

    questions  the ready ones, too; they ask one journal, for two have the same sequences
    """
    connection.register("_sealed", sealed)
    connection.execute(f"CREATE VIEW _tail AS {_tail([])}")
    _create_events(connection)
    if questions:
        _create_questions(connection)


def _create_events(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute(f"CREATE VIEW events AS {_events('coalesce(data, bulk)', 'true')}")
    few = f"type NOT IN ({', '.join(map(_text, sorted(BULK)))})"
    connection.execute(f"CREATE VIEW _but_bulk AS {_events('data', few)}")
    _comment(connection, "events", "Every event.", _EVENTS_COLUMNS)
    for name, kind in TYPES.items():
        connection.execute(f"CREATE VIEW {view_name(name)} AS {_typed(name)}")
        about = {
            (f"data_{field}" if field in _OWN else field): meaning
            for field, meaning in schema.meanings(kind).items()
        }
        _comment(connection, view_name(name), schema.summary(kind), about)


def _create_questions(connection: duckdb.DuckDBPyConnection) -> None:
    for question in QUESTIONS:
        what = f"VIEW {question.name} AS" if question.is_view else f"MACRO {question.call} AS TABLE"
        connection.execute(f"CREATE {what} {question.query}")
        if question.is_view:
            _comment(connection, question.name, question.meaning, question.columns)


def view_name(type_name: str) -> str:
    """Return the name of an event type's view: `BarClosed` gives `bar_closed`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type_name).lower()


def _comment(
    connection: duckdb.DuckDBPyConnection, view: str, summary: str, columns: dict[str, str]
) -> None:
    """Say what a view and its columns mean: `SELECT * FROM duckdb_columns()` shows it."""
    connection.execute(f"COMMENT ON VIEW {view} IS {_text(summary)}")
    for name, meaning in columns.items():
        connection.execute(f"COMMENT ON COLUMN {view}.{_quoted_name(name)} IS {_text(meaning)}")


def _sealed(segments: list[Path]) -> str:
    """Return the query for what segments hold, their columns as they are."""
    if segments:
        return f"SELECT * FROM read_parquet([{_paths(segments)}])"
    kinds = {**ENVELOPE, **{name: kind for name, (kind, _) in PROMOTED.items()}}
    columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in kinds.items())
    return f"SELECT {columns}, NULL::JSON AS data, NULL::JSON AS bulk LIMIT 0"


def _tail(files: list[Path]) -> str:
    """Return the query for the tail: envelope, and the payload as `data`."""
    if files:
        kinds = ", ".join(f"{name}: '{kind}'" for name, kind in ENVELOPE.items())
        return (
            f"SELECT * FROM read_json([{_paths(files)}], format='newline_delimited', "
            f"ignore_errors=true, columns={{{kinds}, data: 'JSON'}}) "
            "WHERE seq IS NOT NULL"  # header, footer and a line that is being written have none
        )
    columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in ENVELOPE.items())
    return f"SELECT {columns}, NULL::JSON AS data LIMIT 0"


def _from_payload(column: str) -> str:
    kind, field = PROMOTED[column]
    return f"(data ->> '$.{field}')::{kind} AS {column}"


def _events(text: str, which: str) -> str:
    """Return the query for events, one way for all types; `text` is what segments have of them."""
    sealed = [*ENVELOPE, *_DERIVED, *PROMOTED, f"{text} -> '$.data' AS data"]
    tail = [*ENVELOPE, *_DERIVED, *map(_from_payload, PROMOTED), "data"]
    return (
        f"SELECT {', '.join(sealed)} FROM _sealed WHERE {which} UNION ALL "
        f"SELECT {', '.join(tail)} FROM _tail WHERE {which}"
    )


def _typed(name: str) -> str:
    """Return the query for one type: promoted columns as they are, the rest from the payload."""
    info = msgspec.inspect.type_info(TYPES[name])
    assert isinstance(info, msgspec.inspect.StructType)
    ready = {field: column for column, (_, field) in PROMOTED.items()}
    used = [ready[field.name] for field in info.fields if field.name in ready]
    shape = {f.name: _sql_type(f.type) for f in info.fields if f.name not in ready}
    text = "bulk" if name in BULK else "data"
    sealed = [*_HEAD, *used, f"({_parsed(text, {'data': shape or 'JSON'})}).data AS _"]
    tail = [*_HEAD, *map(_from_payload, used), f"{_parsed('data', shape or 'JSON')} AS _"]
    columns = [
        f"{ready[field.name] if field.name in ready else f'_.{_quoted_name(field.name)}'} "
        f"AS {_quoted_name(f'data_{field.name}' if field.name in _OWN else field.name)}"
        for field in info.fields
    ]
    return (
        f"SELECT {', '.join([*_ENVELOPE_OF_TYPED, *columns])} FROM ("
        f"SELECT {', '.join(sealed)} FROM _sealed WHERE type = {_text(name)} UNION ALL "
        f"SELECT {', '.join(tail)} FROM _tail WHERE type = {_text(name)})"
    )


def _parsed(column: str, shape: object) -> str:
    """Return the expression that turns a JSON column into a value of that shape."""
    return f"from_json({column}, {_text(msgspec.json.encode(shape).decode())})"


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


def _paths(files: list[Path]) -> str:
    return ", ".join(_text(str(file)) for file in files)


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted_name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
