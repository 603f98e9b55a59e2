"""`sql` prints what a SELECT returns, and can do nothing else."""

from __future__ import annotations

import csv
import io
import json
import re
from importlib import import_module
from pathlib import Path

import duckdb
import pytest

from journal.seal import SealLimits, seal
from journal.sql import connect
from tests.tools.cli.conftest import BARS, Call, tail_file

COUNT = "select type, count(*) as events from events where type = 'BarClosed' group by type"


def test_rows_are_a_table(call: Call, recorded: Path) -> None:
    said = call("sql", recorded, COUNT)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"  type        events\n  BarClosed   {BARS:>6}\n"


def test_rows_are_json(call: Call, recorded: Path) -> None:
    said = call("sql", recorded, COUNT, "--json")
    assert json.loads(said.out) == [{"type": "BarClosed", "events": BARS}]


def test_rows_are_csv(call: Call, recorded: Path) -> None:
    query = "select seq, close, null as nothing, 'a,\"b' as text from bar_closed order by seq"
    said = call("sql", recorded, query, "--csv")
    rows = list(csv.reader(io.StringIO(said.out)))
    assert rows[0] == ["seq", "close", "nothing", "text"]
    assert len(rows) == BARS + 1
    assert rows[1][2:] == ["", 'a,"b']


def test_a_question_whose_files_are_sealed_under_it_is_asked_once_more(
    call: Call, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(directory: Path) -> duckdb.DuckDBPyConnection:
        """Connect; before anything is asked, the engine seals what it has finished."""
        connection = connect(directory)
        assert seal(directory, limits=SealLimits(events=1))
        tail_file(directory).unlink()  # as the next sealing does
        return connection

    before = call("sql", journal, COUNT, "--json").out
    monkeypatch.setattr(import_module("tools.cli.sql"), "connect", overtaken)

    said = call("sql", journal, COUNT, "--json")

    assert (said.code, said.out, said.err) == (0, before, "")


def test_every_event_type_has_a_view(call: Call, recorded: Path) -> None:
    tables = json.loads(call("sql", recorded, "show tables", "--json").out)
    assert {"events", "bar_closed", "deal_recorded", "order_intended"} <= {
        row["name"] for row in tables
    }


def test_values_that_json_lacks_are_still_json(call: Call, recorded: Path) -> None:
    query = (
        "select 'nan'::double as n, 1.5 as d, 170141183460469231731687303715884105727 as big, "
        "[1, null] as l, {'a': 1.5} as s, date '2023-10-02' as day, null as nothing, 1 as d"
    )
    (row,) = json.loads(call("sql", recorded, query, "--json").out)
    assert row == {
        "n": None,
        "d": 1.5,
        "big": 2**127 - 1,
        "l": [1, None],
        "s": {"a": 1.5},
        "day": "2023-10-02",
        "nothing": None,
        "d_2": 1,
    }
    table = call("sql", recorded, query).out
    assert re.search(r"nan +1\.5 .* \[1, null\] +\{\"a\": 1\.5\} +2023-10-02 +NULL +1\n", table)


def test_no_rows_are_no_rows(call: Call, recorded: Path) -> None:
    query = "select seq from events where seq < 0"
    assert call("sql", recorded, query).out == "  seq\n"
    assert json.loads(call("sql", recorded, query, "--json").out) == []
    assert call("sql", recorded, query, "--csv").out == "seq\n"


def test_a_table_stops_at_a_thousand_rows_and_says_so(call: Call, recorded: Path) -> None:
    said = call("sql", recorded, "select seq from bar_closed")
    assert said.out.count("\n") == 1001
    assert "and 1,000 more rows; --csv or --json print them all" in said.err


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("selec 1", 'Parser Error: syntax error at or near "selec"'),
        ("select clos from bar_closed", 'Binder Error: Referenced column "clos" not found'),
        ("select * from bars_closed", "Catalog Error: Table with name bars_closed does not exist"),
        ("select 1/0::int + 'a'::int", "Conversion Error: Could not convert string 'a' to INT32"),
        ("", "expected one SELECT, found 0 statements"),
        ("select 1; select 2", "expected one SELECT, found 2 statements"),
        ("drop view events", "expected a SELECT, found DROP; this only reads"),
        ("attach 'x.db'", "expected a SELECT, found ATTACH; this only reads"),
    ],
)
def test_a_mistake_in_sql_is_one_line(call: Call, recorded: Path, query: str, message: str) -> None:
    said = call("sql", recorded, query)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"daybook: {message}")
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "query", ["copy (select 1) to '{}'", "explain analyze copy (select 1) to '{}'"]
)
def test_the_journals_files_cannot_be_overwritten(call: Call, journal: Path, query: str) -> None:
    before = tail_file(journal).read_bytes()
    said = call("sql", journal, query.format(tail_file(journal)))
    assert said.code == 2
    assert "expected a SELECT" in said.err
    assert tail_file(journal).read_bytes() == before
