"""What an operator asked for is in the journal, and the screens show it."""

from __future__ import annotations

import json
from pathlib import Path

from journal import read
from journal.events import ReconcileRequested
from projections.orders import unresolved
from projections.state import fold
from tests.tools.cli.conftest import Call
from tests.tools.cli.test_operate import doubtful  # noqa: F401 (a fixture)
from tests.tools.cli.test_reconcile import World
from tools.cli.operate import operator


def test_a_comparison_that_may_heal_is_recorded_with_who_asked(journal: Path, call: Call) -> None:
    world = World(journal, call)
    assert world.reconcile("--since", "2d").code == 0
    [asked] = world.recorded(ReconcileRequested)
    assert (asked.by, asked.since_s, asked.dry_run) == (operator(), 172_800, False)
    assert "reconcile" in call("status", journal).out
    value = json.loads(call("status", journal, "--json").out)
    assert value["asked"]["reconcile"]["by"] == operator()
    assert value["asked"]["stop"] is None
    said = call("sql", journal, "from commands select command, asked_by")
    assert ("reconcile" in said.out, operator() in said.out) == (True, True)


def test_a_dry_run_without_an_engine_writes_nothing(journal: Path, call: Call) -> None:
    world = World(journal, call)
    before = world.files()
    assert world.reconcile("--since", "2d", "--dry-run").code == 0
    assert world.files() == before


def test_what_stays_blocked_after_resuming_is_named_with_what_ends_it(
    doubtful: Path,  # noqa: F811 (the fixture)
    call: Call,
) -> None:
    [order] = unresolved(fold(read(doubtful)).orders)
    said = call("resume", doubtful, "--reason", "the others shall trade").out
    assert f"nothing is sent for EURUSD until {order.key} is settled" in said
    shown = call("status", doubtful).out
    assert "not halted" in shown
    assert f"`daybook resolve {doubtful} {order.key}` ends it" in shown
    value = json.loads(call("status", doubtful, "--json").out)
    [one] = value["blocked"]
    assert (one["symbol"], one["key"]) == ("EURUSD", order.key)
    assert call("resolve", doubtful, order.key, "--not-executed", "--reason", "desk").code == 0
    assert json.loads(call("status", doubtful, "--json").out)["blocked"] == []
