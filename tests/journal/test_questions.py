from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

import journal
from journal import Limits, Writer
from journal.envelope import stamp
from journal.events import (
    TYPES,
    BarClosed,
    BrokerReplied,
    CancelRequested,
    DealRecorded,
    FlattenRequested,
    OperatorHalted,
    OrderAccepted,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderResolved,
    OrderUnresolved,
    OrderVetoed,
    Payload,
    ReconcileRequested,
    StopRequested,
    SymbolSpecified,
    TradingPaused,
    TradingResumed,
)
from journal.seal import GRACE_NS, SealLimits, seal
from journal.sql import EXAMPLES, view_name
from journal.sql.questions import QUESTIONS
from journal.sql.views import ENVELOPE
from tests.journal.builders import RUN, bar, sample

RISK = "account currency lost if the stop is hit at its level, costs apart"
SECOND = 1_000_000_000
DAY = 1_700_000_000


def told(kind: type[Payload], **fields: object) -> Payload:
    return msgspec.structs.replace(sample(kind), **fields)


def deal(ticket: int, key: str, *, position: int, **fields: object) -> tuple[Payload, str]:
    figures = {"commission": -0.5, "swap": 0.0, "fee": 0.0, "profit": 0.0, "symbol": "EURUSD"}
    common = {"ticket": ticket, "order": ticket + 100, "position_id": position, "comment": key}
    return told(DealRecorded, **{**common, **figures, **fields}), key


def story() -> list[tuple[Payload, str, int]]:
    """Payload, order key and cause of each event: one trade, and one order of each other fate."""
    wish = {"strategy": "cross", "magic": 7, "symbol": "EURUSD", "side": "buy"}

    def proposed(key: str, cause: int) -> tuple[Payload, str, int]:
        return told(OrderProposed, key=key, reason="crossed", **wish), key, cause

    def intended(key: str, cause: int) -> tuple[Payload, str, int]:
        return told(OrderIntended, key=key, volume=0.2, price=1.1, **wish), key, cause

    def at(offset: int) -> dict[str, object]:
        return {"time": DAY + offset, "time_msc": (DAY + offset) * 1000}

    entry = deal(501, "A", position=9, type=0, entry=0, volume=0.2, price=1.1003, **at(0))
    leave = deal(502, "", position=9, type=1, entry=1, volume=0.2, price=1.1020, profit=34.0,
                 **at(90_000))  # fmt: skip
    return [
        (told(SymbolSpecified, symbol="EURUSD", point=0.0001), "", 0),
        (bar(1), "", 0),
        proposed("A", 2),
        intended("A", 3),
        (told(BrokerReplied, key="A", retcode=10009), "A", 4),
        (told(OrderAccepted, key="A", order=601), "A", 5),
        (*entry, 4),
        (*entry, 4),  # seen a second time
        proposed("B", 2),
        (told(OrderVetoed, key="B", rule="spread", reason="too wide"), "B", 9),
        proposed("C", 2),
        intended("C", 11),
        (told(OrderUnresolved, key="C", reason="no answer"), "C", 12),
        intended("D", 2),
        (told(OrderRefused, key="D", retcode=10019, reason="no money"), "D", 14),
        (*leave, 0),
        (msgspec.structs.replace(bar(1), time=bar(4).time), "", 0),
        (bar(5), "", 0),
    ]


def build(directory: Path) -> None:
    with Writer.open(directory, run=RUN, limits=Limits(batch=1, file_events=6)) as writer:
        for seq, (payload, key, cause) in enumerate(story(), 1):
            writer.append(stamp(payload, seq=seq, ts=seq * SECOND, run=RUN, cause=cause, corr=key))


@pytest.fixture(params=["tail", "sealed and tail"])
def asked(tmp_path: Path, request: pytest.FixtureRequest) -> duckdb.DuckDBPyConnection:
    build(tmp_path)
    if request.param != "tail":
        for now in (0, GRACE_NS):
            seal(tmp_path, limits=SealLimits(events=12), now=lambda now=now: now)  # type: ignore[misc] # mypy cannot
    return journal.sql(tmp_path)


def rows(
    connection: duckdb.DuckDBPyConnection, query: str, *values: object
) -> list[tuple[Any, ...]]:
    return connection.execute(query, values).fetchall()


def test_a_deal_that_was_recorded_twice_is_one_fill(asked: duckdb.DuckDBPyConnection) -> None:
    found = rows(asked, "SELECT ticket, side, entry, net FROM fills ORDER BY ticket")
    assert found == [(501, "buy", "in", -0.5), (502, "sell", "out", 33.5)]


def test_orders_say_what_became_of_each(asked: duckdb.DuckDBPyConnection) -> None:
    found = rows(asked, "SELECT key, status, ticket, filled, note FROM orders ORDER BY key")
    assert found == [
        ("A", "filled", 601, 0.2, None),
        ("B", "vetoed", None, None, "spread: too wide"),
        ("C", "unresolved", None, None, "no answer"),
        ("D", "refused", None, None, "no money"),
    ]


def test_an_orders_story_ends_with_the_deal_that_closed_it(
    asked: duckdb.DuckDBPyConnection,
) -> None:
    assert [seq for (seq, *_) in rows(asked, "FROM order_story('A')")] == [3, 4, 5, 6, 7, 8, 16]


def test_an_orders_story_is_of_one_order_however_its_key_is_asked_for(
    asked: duckdb.DuckDBPyConnection,
) -> None:
    any_key = "(SELECT key FROM order_intended ORDER BY random() LIMIT 1)"
    for _ in range(20):
        story = [seq for (seq, *_) in rows(asked, f"FROM order_story({any_key})")]
        whole = [[seq for (seq, *_) in rows(asked, f"FROM order_story('{key}')")] for key in "ACD"]
        assert story in whole


def test_an_orders_story_need_not_look_into_segments_without_it(tmp_path: Path) -> None:
    build(tmp_path)
    for now in (0, GRACE_NS):
        seal(tmp_path, limits=SealLimits(events=6), now=lambda now=now: now)  # type: ignore[misc] # mypy cannot
    segments = sorted((tmp_path / "segments").iterdir())
    asked = journal.sql(tmp_path)
    query = "SELECT bloom_filter_excludes FROM parquet_bloom_probe(?, ?, ?)"
    for column, value in (("corr", "C"), ("position", 9)):  # neither is in the first of three
        excluded = [rows(asked, query, str(file), column, value) for file in segments]
        assert excluded == [[(True,)], [(False,)], [(False,)]]


def test_positions_are_those_of_that_moment(asked: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT position, side, volume, price_open FROM positions_at({})"
    assert rows(asked, query.format(6)) == []
    assert rows(asked, query.format(15)) == [(9, "buy", 0.2, pytest.approx(1.1003))]
    assert rows(asked, query.format(16)) == []


def test_slippage_is_positive_when_it_hurts(asked: duckdb.DuckDBPyConnection) -> None:
    assert rows(asked, "SELECT key, points FROM slippage") == [("A", 3.0)]


def test_vetoes_and_unresolved(asked: duckdb.DuckDBPyConnection) -> None:
    assert rows(asked, "SELECT key, rule, reason FROM vetoes") == [("B", "spread", "too wide")]
    assert rows(asked, "SELECT key, reason FROM unresolved") == [("C", "no answer")]


def test_trades_and_days(asked: duckdb.DuckDBPyConnection) -> None:
    (trade,) = rows(asked, "SELECT side, volume, price_out, profit, costs, net FROM trades")
    assert trade == ("buy", 0.2, pytest.approx(1.102), 34.0, -1.0, 33.0)
    days = rows(asked, "SELECT day::VARCHAR, exits, net, running FROM daily_pnl")
    assert days == [("2023-11-14", 0, -0.5, -0.5), ("2023-11-15", 1, 33.5, 33.0)]


def test_commands_are_those_of_operators_with_who_and_why(tmp_path: Path) -> None:
    given = (
        TradingPaused("anna", "news"),
        OperatorHalted("bert", "it doubles"),
        TradingResumed("anna", "fine"),
        FlattenRequested("anna", "out", "EURUSD", ""),
        CancelRequested("anna", "the level is gone", "K1", "", ""),
        OrderResolved("anna", "the desk", "K2", True, 7, 0.1, 1.1, 7),
        ReconcileRequested("anna", "", 60, 0, True),
        StopRequested("anna", "holiday"),
    )
    with Writer.open(tmp_path, run=RUN) as writer:
        for seq, payload in enumerate((bar(1), *given), 1):
            writer.append(stamp(payload, seq=seq, ts=seq, run=RUN))
    found = rows(
        journal.sql(tmp_path),
        "SELECT command, asked_by, reason, order_key, symbol, dry_run FROM commands ORDER BY seq",
    )
    assert found == [
        ("pause", "anna", "news", None, None, None),
        ("halt", "bert", "it doubles", None, None, None),
        ("resume", "anna", "fine", None, None, None),
        ("flatten", "anna", "out", None, "EURUSD", None),
        ("cancel", "anna", "the level is gone", "K1", None, None),
        ("resolve", "anna", "the desk", "K2", None, None),
        ("reconcile", "anna", "", None, None, True),
        ("stop", "anna", "holiday", None, None, None),
    ]


def test_latency_is_told_in_milliseconds(asked: duckdb.DuckDBPyConnection) -> None:
    assert rows(asked, "SELECT key, reply_ms, deal_ms FROM latency") == [("A", 1000.0, 2000.0)]


def test_gaps_count_the_missing_bars(asked: duckdb.DuckDBPyConnection) -> None:
    assert rows(asked, "SELECT symbol, missing FROM gaps()") == [("EURUSD", 2)]


def test_why_goes_back_to_what_came_first(asked: duckdb.DuckDBPyConnection) -> None:
    found = rows(asked, "SELECT depth, seq, type FROM why(6)")
    assert found == [
        (0, 6, "OrderAccepted"),
        (1, 5, "BrokerReplied"),
        (2, 4, "OrderIntended"),
        (3, 3, "OrderProposed"),
        (4, 2, BarClosed.__name__),
    ]
    assert [seq for (_, seq, *_) in rows(asked, "FROM why(16)")] == [16]


def test_every_example_runs_on_a_full_and_on_an_empty_journal(tmp_path: Path) -> None:
    build(tmp_path / "full")
    Writer.open(tmp_path / "empty", run=RUN).close()
    for directory in ("full", "empty"):
        connection = journal.sql(tmp_path / directory)
        for _, query in EXAMPLES:
            rows(connection, query)


def test_units_are_written_beside_the_columns(asked: duckdb.DuckDBPyConnection) -> None:
    query = "SELECT comment FROM duckdb_columns() WHERE table_name = ? AND column_name = ?"
    for view, column, comment in (
        ("order_intended", "risk", RISK),
        ("symbol_specified", "volume_step", "lots"),
        ("trades", "net", "profit after costs, account currency"),
        ("deal_recorded", "data_type", "MT5's integers (`journal.events.mt5`)"),
    ):  # fmt: skip
        assert asked.execute(query, [view, column]).fetchall() == [(comment,)]


def test_no_field_is_without_a_meaning_and_no_figure_without_its_unit(
    asked: duckdb.DuckDBPyConnection,
) -> None:
    query = """
        SELECT view_name, column_name, data_type
        FROM duckdb_views() v JOIN duckdb_columns() c ON c.table_name = v.view_name
        WHERE NOT v.internal AND view_name NOT LIKE '$_%' ESCAPE '$' AND c.comment IS NULL"""
    typed = {view_name(name) for name in TYPES}
    for view, column, kind in rows(asked, query):
        assert view not in typed or column in ("utc", *ENVELOPE), (view, column)
        assert view != "events", column
        assert kind != "DOUBLE", (view, column)


def test_every_question_is_documented(asked: duckdb.DuckDBPyConnection) -> None:
    for question in QUESTIONS:
        assert question.meaning.endswith(".")
        if question.is_view:
            names = {name for (name, *_) in rows(asked, f"DESCRIBE {question.name}")}
            assert set(question.columns) <= names, question.name
