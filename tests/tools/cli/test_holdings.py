"""`status` shows how what is held is protected, and what each strategy has cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from journal import Writer
from tests.engine.execution.protection.test_guard import holding, seen
from tests.engine.execution.protection.test_outlook import RULES
from tests.given import MAGIC
from tests.tools.cli.conftest import Call


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """A journal with one protected position that has gained 1 R."""
    directory = tmp_path / "held"
    story = holding(*RULES).given(seen(1.0511))
    with Writer.open(directory, run=story.events[0].run) as writer:
        for event in story.events:
            writer.append(event)
    return directory


def test_status_shows_each_positions_protection(held: Path, call: Call) -> None:
    said = call("status", held)
    assert (said.code, said.err) == (0, "")
    [row] = [line for line in said.out.splitlines() if line.split()[:2] == ["2001", "baseline"]]
    for word in ("1.0491", "1 R", "trail-atr, trail-bar", "trail-r (waits)", "waits",
                 "1 R reached, 3 R", "2023-10-02 01:01"):  # fmt: skip
        assert word in row
    value = json.loads(call("status", held, "--json").out)
    [one] = value["protection"]
    assert (one["position"], one["sl"], one["trails"]) == (2001, 1.0491, ["trail-atr", "trail-bar"])
    assert (one["break_even"], one["targets"]) == ("waits", [[1.0, True], [3.0, False]])


def test_status_shows_the_costs_of_each_strategy(journal: Path, call: Call) -> None:
    value = json.loads(call("status", journal, "--json").out)
    [one] = value["costs"]
    account = value["account"]
    assert one["strategy"]
    for name in ("profit", "commission", "swap", "fee"):
        assert one[name] == pytest.approx(account[name])
    assert one["net"] == pytest.approx(sum(one[n] for n in ("profit", "commission", "swap", "fee")))
    assert one["commission"] < 0.0
    shown = call("status", journal).out
    begins = [one["strategy"], str(one["magic"])]
    [row] = [line for line in shown.splitlines() if line.split()[:2] == begins]
    assert f"{one['commission']:,.2f}" in row


def test_a_strategy_without_a_deal_yet_costs_nothing(held: Path, call: Call) -> None:
    [one] = json.loads(call("status", held, "--json").out)["costs"]
    assert (one["strategy"], one["magic"], one["positions"], one["net"]) == (
        "baseline",
        MAGIC,
        1,
        0.0,
    )
