"""What a person's query may be, and how DuckDB's complaints about it are put."""

from __future__ import annotations

import duckdb

from journal.errors import UsageError


def check_select(connection: duckdb.DuckDBPyConnection, query: str) -> duckdb.Statement:
    """Return the one SELECT that a query is. Raises UsageError for anything else."""
    statements = connection.extract_statements(query)
    if len(statements) != 1:
        raise UsageError(f"expected one SELECT, found {len(statements)} statements")
    # COPY and EXPORT could overwrite the journal's own files.
    if statements[0].type != duckdb.StatementType.SELECT:
        raise UsageError(f"expected a SELECT, found {statements[0].type.name}; this only reads")
    return statements[0]


def one_line(message: str) -> str:
    """Return DuckDB's message without its picture of the query."""
    said = message.partition("\n\nLINE ")[0].partition("\nLINE ")[0]
    return "; ".join(part.strip() for part in said.splitlines() if part.strip())
