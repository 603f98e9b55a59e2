"""`daybook status` says when the journal was last held against the broker, and what differed."""

from __future__ import annotations

import json
from pathlib import Path

from journal import Writer, read
from journal.envelope import stamp
from journal.events import (
    BrokerSnapshotTaken,
    DiscrepancyFound,
    Payload,
    TradingHalted,
)
from tests.tools.cli.conftest import Call


def told(journal: Path, *payloads: Payload) -> None:
    """Let the journal go on with these events."""
    last = list(read(journal))[-1]
    with Writer.open(journal, run=last.run) as writer:
        for payload in payloads:
            writer.append(stamp(payload, writer.next_seq, last.ts, last.run))
        writer.commit()


SNAPSHOT = BrokerSnapshotTaken(0.0, 0.0, 0.0, 0.0, 0.0, [])
FOUND = DiscrepancyFound("position missing", "2001", "buy 1 EURUSD", "none")


def test_an_account_that_agrees_is_said_to_agree(call: Call, journal: Path) -> None:
    assert "no difference to the broker" in call("status", journal).out
    value = json.loads(call("status", journal, "--json").out)
    assert value["reconciliation"]["standing"] == []


def test_what_differs_is_named_until_it_is_explained_and_then_only_an_operator_resumes(
    call: Call, journal: Path
) -> None:
    told(journal, SNAPSHOT, FOUND, TradingHalted("discrepancy", "1 found; first: …"))
    out = call("status", journal).out
    assert "1 difference to the broker" in out
    assert "position missing 2001" in out
    told(journal, SNAPSHOT)
    out = call("status", journal).out
    assert "no difference to the broker" in out
    assert "what halted is explained by now" in out
    assert "discrepancy: 1 found" in out
    assert call("resume", journal, "--reason", "a deal came late").code == 0
    assert "explained" not in call("status", journal).out
