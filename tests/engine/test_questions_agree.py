"""The questions in SQL and the projections say the same of a run with pending orders, closes and
changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import journal
from journal.events import BrokerReplied, ChangeApplied, ChangeIntended, OrderIntended
from projections.state import State
from tests.engine.rig import Died, Fate, Rig
from tests.engine.test_pending_runs import lying


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Rig:
    run = lying(tmp_path_factory.mktemp("run"))
    run.process()
    return run


@pytest.fixture
def asked(run: Rig) -> Iterator[duckdb.DuckDBPyConnection]:
    with journal.sql(run.journal) as connection:
        yield connection


def state_of(run: Rig) -> State:
    assert run.state is not None
    return run.state


def rows(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def test_every_order_has_the_status_the_fills_and_the_attempt_that_the_projection_has(
    run: Rig, asked: duckdb.DuckDBPyConnection
) -> None:
    query = (
        "SELECT key, action, type, status, coalesce(filled, 0), coalesce(average, 0) FROM orders"
    )
    told = {key: rest for key, *rest in rows(asked, query)}
    orders = state_of(run).orders
    known = [*orders.done, *orders.open.values()]
    assert len(known) > 30
    assert {order.status for order in known} >= {"filled", "expired", "vetoed"}
    for order in known:
        action, kind, status, filled, average = told[order.key]
        assert (action, kind, status) == (order.action, order.type, order.status)
        assert filled == pytest.approx(order.filled)
        assert average == pytest.approx(order.average)


def test_slippage_of_openings_and_closes_is_the_projections(
    run: Rig, asked: duckdb.DuckDBPyConnection
) -> None:
    query = (
        "SELECT key, sum(slipped * volume) / sum(volume), any_value(action) "
        "FROM slippage GROUP BY key"
    )
    told = {key: (slipped, action) for key, slipped, action in rows(asked, query)}
    done = [order for order in state_of(run).orders.done if order.filled]
    assert {told[order.key][1] for order in done} == {"open", "close"}
    for order in done:
        assert told[order.key][0] == pytest.approx(order.slipped, abs=1e-12)


def test_every_sending_has_its_latency_and_the_projections_is_the_same(
    run: Rig, asked: duckdb.DuckDBPyConnection
) -> None:
    told = dict(rows(asked, "SELECT key, reply_ms FROM latency"))
    assert told.keys() == {reply.key for reply in run.recorded(BrokerReplied)}
    for order in state_of(run).orders.done:
        if order.intended:
            assert told[order.key] == pytest.approx(order.replied_ns / 1e6)


def test_changes_and_what_closed_a_position_are_told(
    run: Rig, asked: duckdb.DuckDBPyConnection
) -> None:
    counted = dict(rows(asked, "SELECT status, count(*) FROM changes GROUP BY 1"))
    assert counted["applied"] == len(run.recorded(ChangeApplied))
    assert sum(counted.values()) == len(run.recorded(ChangeIntended))
    query = "SELECT position, closed_by, closing_reason FROM trades"
    told = {position: rest for position, *rest in rows(asked, query)}
    by = set()
    for life in state_of(run).costs.done:
        closed_by, reason = told[life.identifier]
        by.add(closed_by)
        if closed_by == "expert":
            assert reason == life.closed_by
        else:
            assert {"sl": "stop loss", "tp": "take profit"}[closed_by] == life.closed_by
    assert by >= {"sl", "expert"}


def test_what_is_in_doubt_is_found_among_orders_and_changes(tmp_path: Path) -> None:
    fate, seen = Fate(), lying(tmp_path / "undisturbed")
    seen.process(fate)
    kinds = set()
    for moment, name in enumerate(fate.seen, start=1):
        if name != "order_send":
            continue
        run = lying(tmp_path / str(moment))
        with pytest.raises(Died):
            run.process(Fate(moment, "after"))
        with journal.sql(run.journal) as asked:
            [(key, action)] = rows(asked, "SELECT key, action FROM unresolved")
        sent = run.recorded(OrderIntended, ChangeIntended)[-1]
        assert (key, action) == (sent.key, sent.action)
        kinds.add(action)
        if kinds >= {"open", "close", "levels"}:
            return
    raise AssertionError(f"only {kinds} were ever in doubt")
