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

from journal.errors import UsageError
from journal.sql import connect
from tools.cli import screen
from tools.cli.errors import FINE
from tools.cli.places import existing

MOST_ROWS = 1000
"""Rows that a table on the screen has at most; JSON and CSV have them all."""

CHUNK = 1000


def sql(directory: Path, query: str, *, as_json: bool, as_csv: bool) -> int:
    """Print what the query returns."""
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other; give one of them")
    connection = connect(existing(directory))
    try:
        cursor = _execute(connection, query)
        print_rows = _print_json if as_json else _print_csv if as_csv else _print_table
        print_rows(_names(cursor), _rows(cursor))
    except duckdb.Error as error:
        raise UsageError(_one_line(str(error))) from error
    finally:
        connection.close()
    return FINE


def _execute(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.DuckDBPyConnection:
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise UsageError(f"expected one SELECT, found {len(statements)} statements")
    # COPY and EXPORT could overwrite the journal's own files.
    if statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError(f"expected a SELECT, found {statements[0].type.name}; this only reads")
    return connection.execute(statements[0])


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


def _one_line(message: str) -> str:
    """Return DuckDB's message without its picture of the query."""
    said = message.partition("\n\nLINE ")[0].partition("\nLINE ")[0]
    return "; ".join(part.strip() for part in said.splitlines() if part.strip())
