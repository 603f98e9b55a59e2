"""`daybook conformance`: what it prints and records, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tools.cli.conftest import ROOT, Call

DEMO = ROOT / "configs" / "demo.yaml"


def test_the_demo_conforms_and_every_case_is_a_line(call: Call, tmp_path: Path) -> None:
    record = tmp_path / "vectors.json"
    said = call("conformance", "--config", DEMO, "--record", record)
    assert (said.code, said.err) == (0, "")
    assert "\n  301           ok       a market buy" in said.out
    assert "0 failed" in said.out
    vectors = json.loads(record.read_text(encoding="utf-8"))
    assert (vectors["server"], vectors["symbol"]) == ("Daybook-ECN", "EURUSD")
    sent = [
        one
        for outcome in vectors["outcomes"]
        for one in outcome["calls"]
        if one["function"] == "order_send"
    ]
    assert len(sent) > 30


def test_reading_sends_no_order_over_the_connection(call: Call) -> None:
    said = call("conformance", "--config", DEMO, "--reading", "--json")
    assert said.code == 0
    outcomes = json.loads(said.out)["outcomes"]
    assert {outcome["number"] // 100 for outcome in outcomes} == {1, 2}


def test_a_configuration_of_a_real_account_is_refused(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOOK_BROKER__ACCOUNT__TRADE_MODE", "real")
    said = call("conformance", "--config", DEMO)
    assert (said.code, said.out) == (2, "")
    assert "they run on demo accounts only" in said.err


def test_another_account_than_the_configured_one_is_refused(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAYBOOK_BROKER__ACCOUNT__LOGIN", "1")
    said = call("conformance", "--config", DEMO)
    assert said.code == 2
    assert "the configuration pins 1" in said.err
    assert "301" not in said.out
