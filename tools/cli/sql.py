"""Ask a journal with SQL. It can only be read: nothing but a SELECT is carried out."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from journal.errors import UsageError
from journal.sql import EXAMPLES, connect, show_files
from journal.sql.questions import QUESTIONS, Question
from tools.cli import move, screen
from tools.cli.errors import FINE
from tools.cli.places import existing
from tools.cli.queries import check_select, one_line

MOST_ROWS = 1000
"""Rows that a table on the screen has at most; JSON and CSV have them all."""

CHUNK = 1000


EXAMPLE_DIR = "journals/demo"


class Asked(msgspec.Struct, frozen=True):
    """What is asked: a journal's folder, or URIs of published ones and where their store is."""

    place: str
    others: list[str] = []
    endpoint: str = ""
    region: str = ""

    @property
    def published(self) -> bool:
        """Whether it is in a store, not in a folder of this machine."""
        return "://" in self.place


def sql(
    asked: Asked, query: str | None, *, as_json: bool, as_csv: bool, parquet: Path | None = None
) -> int:
    """Print what the query returns, or write it to a new Parquet file."""
    forms = {"--json": as_json, "--csv": as_csv, "--parquet": parquet is not None}
    given = [name for name, wanted in forms.items() if wanted]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} exclude each other; give one of them")
    if not asked.place or query is None:  # both may be absent, beside --examples
        missing = "SELECT" if asked.place else "DIR"
        raise UsageError(
            f"Missing argument '{missing}'; `daybook sql --help` shows what is possible"
        )
    if parquet is not None:
        return _write_parquet(asked, query, parquet)
    try:
        with _connected(asked) as connection:
            cursor = _carried_out(asked, connection, query)
            print_rows = _print_json if as_json else _print_csv if as_csv else _print_table
            print_rows(_names(cursor), _rows(cursor))
    except duckdb.Error as error:
        raise UsageError(one_line(str(error)) + _hint(asked, error)) from error
    return FINE


def _carried_out(
    asked: Asked, connection: duckdb.DuckDBPyConnection, query: str
) -> duckdb.DuckDBPyConnection:
    """Carry out a query. Where a file of a journal went under it, ask once more: in that moment the
    engine has finished a tail file, or removed one that is sealed."""
    try:
        return connection.execute(check_select(connection, query))
    except duckdb.IOException:
        if asked.published:
            raise
        show_files(connection, Path(asked.place))
        return connection.execute(check_select(connection, query))


def examples(*, as_json: bool) -> int:
    """Print the ready views and macros, and queries to try."""
    if as_json:
        ready = [
            {"name": one.call, "meaning": one.meaning, "columns": one.columns} for one in QUESTIONS
        ]
        asked = [{"question": what, "query": query} for what, query in EXAMPLES]
        screen.json_text({"ready": ready, "examples": asked})
        return FINE
    screen.title("Ready views and macros", "ask them like tables")
    screen.table(
        [("name", "left"), ("what it answers", "left")],
        [(_call(one), one.meaning) for one in QUESTIONS],
    )
    screen.line()
    screen.title("Queries to try", f"daybook sql {EXAMPLE_DIR} …")
    for what, query in EXAMPLES:
        screen.copyable(f"  -- {what}")
        screen.copyable(f"  {query}")
    return FINE


def _connected(asked: Asked) -> duckdb.DuckDBPyConnection:
    if asked.published:
        return move.ask_published([asked.place, *asked.others], asked.endpoint, asked.region)
    if asked.others:
        raise UsageError("--and is for published journals; give their URIs, file:///… or s3://…")
    return connect(existing(Path(asked.place)))


def _hint(asked: Asked, error: duckdb.Error) -> str:
    """Return what to say to somebody who asks several journals a question that is for one."""
    if asked.others and any(f" name {one.name} does" in str(error) for one in QUESTIONS):
        return "; the ready views ask one journal, for two have the same sequences: leave --and out"
    return ""


def _write_parquet(asked: Asked, query: str, target: Path) -> int:
    if asked.published:
        raise UsageError("--parquet is for a journal on this machine; published ones give --csv")
    written = move.to_file(existing(Path(asked.place)), target, "parquet", query)
    screen.line(f"wrote {target}, {screen.size(written)}")
    return FINE


def _call(question: Question) -> str:
    """Return how a ready view is asked: a macro with its arguments in capitals."""
    return question.call.replace("of_seq", "SEQ").replace("last_seq", "SEQ").replace("key", "'KEY'")


def _names(cursor: duckdb.DuckDBPyConnection) -> list[str]:
    """Return the columns' names; one that stands twice gets a number, so that none is lost."""
    names: list[str] = []
    for column in cursor.description:
        name, number = column[0], 1
        while name in names:
            number += 1
            name = f"{column[0]}_{number}"
        names.append(name)
    return names


def _rows(cursor: duckdb.DuckDBPyConnection) -> Iterator[Sequence[Any]]:
    while chunk := cursor.fetchmany(CHUNK):
        yield from chunk


def _print_table(names: list[str], rows: Iterator[Sequence[Any]]) -> None:
    shown: list[Sequence[Any]] = []
    more = 0
    for row in rows:
        if len(shown) < MOST_ROWS:
            shown.append(row)
        else:
            more += 1
    numeric = [
        all(isinstance(row[i], int | float | Decimal | None) for row in shown)
        for i in range(len(names))
    ]
    screen.table(
        [
            (name, "right" if number else "left")
            for name, number in zip(names, numeric, strict=True)
        ],
        [[_cell(value) for value in row] for row in shown],
    )
    if more:
        rest = screen.plural(more, "more row")
        screen.notes().print(f"  … and {rest}; --csv or --json print them all", style="dim")


def _print_csv(names: list[str], rows: Iterator[Sequence[Any]]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([["" if v is None else _cell(v) for v in row] for row in rows])


def _print_json(names: list[str], rows: Iterator[Sequence[Any]]) -> None:
    write = sys.stdout.write
    before = "[\n  "
    for row in rows:
        plain = {name: _plain(value) for name, value in zip(names, row, strict=True)}
        write(before + json.dumps(plain, default=str))
        before = ",\n  "
    write("[]\n" if before.startswith("[") else "\n]\n")


def _cell(value: object) -> str:
    if isinstance(value, list | dict):
        return json.dumps(_plain(value), default=str)
    return "NULL" if value is None else str(value)


def _plain(value: object) -> object:
    """Return a value that JSON can hold: no NaN, no decimals."""
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    return value
