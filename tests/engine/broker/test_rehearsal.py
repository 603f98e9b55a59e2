"""A whole engine against the simulated terminal in a worker that is really killed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from engine.broker.fault import Fault
from engine.broker.gateway import CallFailed
from engine.broker.supervisor import Backoff, Launch, Supervisor, supervise
from engine.config import Account, Config, Worker
from engine.settings import load
from journal import read
from journal.events import (
    BrokerReplied,
    DealRecorded,
    DiscrepancyFound,
    EvidenceGathered,
    OrderIntended,
    TerminalLost,
)
from tools.cli import brokers
from tools.cli.compose import Summary, run_engine

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
BARS = 700


class Killing:
    """Calls over a supervisor whose process is killed at one order, before or after it is sent."""

    def __init__(self, calls: Supervisor, at: int, *, sent: bool) -> None:
        self._calls, self._at, self._sent, self._orders = calls, at, sent, 0

    async def call(self, function: str, *args: Any, **kwargs: Any) -> Any:
        self._orders += function == "order_send"
        if function != "order_send" or self._orders != self._at:
            return await self._calls.call(function, *args, **kwargs)
        if not self._sent:
            await self._kill()
            return await self._calls.call(function, *args, **kwargs)
        await self._calls.call(function, *args, **kwargs)
        await self._kill()
        raise CallFailed(function, Fault.DIED, "killed after the broker had it")

    async def _kill(self) -> None:
        os.kill(self._calls.pid, 9)
        while self._calls.alive:  # noqa: ASYNC110 # the operating system sets no event of ours
            await anyio.sleep(0.001)


def run(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    worker: Worker | None,
    faults: str = "",
    **kill: Any,
) -> tuple[Summary, list[Any]]:
    @asynccontextmanager
    async def killing(
        launch: Launch, account: Account, **settings: Any
    ) -> AsyncIterator[Killing | Supervisor]:
        async with supervise(launch, account, backoff=Backoff(0.01, 0.01), **settings) as calls:
            yield Killing(calls, **kill) if kill else calls

    monkeypatch.setattr(brokers, "supervise", killing)
    config: Config = load(CONFIGS / "demo.yaml", environ={})
    broker = replace(config.broker, worker=worker)
    assert config.terminal is not None
    terminal = replace(config.terminal, faults=faults)
    journal = str(folder / "journal")
    config = replace(config, journal=journal, broker=broker, terminal=terminal)
    summary = run_engine(config, base=CONFIGS, max_bars=BARS)
    return summary, [event.data for event in read(folder / "journal")]


def of(kind: type[Any], events: list[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_the_worker_changes_nothing_but_the_speed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here, events = run(monkeypatch, tmp_path / "here", None)
    there, others = run(monkeypatch, tmp_path / "there", Worker())
    assert here.fills == there.fills > 0
    assert [event.profit for event in of(DealRecorded, events)] == [
        event.profit for event in of(DealRecorded, others)
    ]
    assert here.balance == there.balance


@pytest.mark.parametrize("sent", [False, True], ids=["before it is sent", "after it is sent"])
def test_an_order_at_which_the_worker_is_killed_has_at_most_one_effect(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sent: bool
) -> None:
    summary, events = run(monkeypatch, tmp_path, Worker(), at=3, sent=sent)
    intents = of(OrderIntended, events)
    assert len(intents) > 3, "the run went on after the worker's end"
    lost = intents[2].key
    entries = Counter(deal.comment for deal in of(DealRecorded, events) if deal.comment)
    assert entries[lost] == int(sent)
    assert max(entries[intent.key] for intent in intents) == 1
    replies = {reply.key: reply for reply in of(BrokerReplied, events)}
    searches = [evidence.key for evidence in of(EvidenceGathered, events)]
    if sent:
        assert replies[lost].error == Fault.DIED
        assert searches == [lost]
    else:
        assert replies[lost].error != Fault.DIED
        assert searches == []
    assert len(of(TerminalLost, events)) >= 1
    assert of(DiscrepancyFound, events) == []
    assert summary.halted == ""


PLANS = {
    "dies before the broker hears of it": "{fault: process_death, when: {number: 2}}",
    "dies after the broker has answered": "{fault: process_death, after: true, when: {number: 2}}",
    "blocks for a minute": "{fault: block, seconds: 60.0, when: {number: 2}}",
}


@pytest.mark.parametrize("plan", PLANS)
def test_a_terminal_that_dies_or_blocks_in_an_order_is_survived(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, plan: str
) -> None:
    """The counting begins anew in each process, so every worker ends at its second order."""
    faults = tmp_path / "faults.yaml"
    faults.write_text(f"faults:\n  - {PLANS[plan]}\n", encoding="utf-8")
    worker = Worker(deadline_s=1.0) if "blocks" in plan else Worker()
    summary, events = run(monkeypatch, tmp_path, worker, faults=str(faults))
    replies = [reply.error for reply in of(BrokerReplied, events)]
    expected = Fault.STUCK if "blocks" in plan else Fault.DIED
    lost = [error for error in replies if error != 1]
    assert lost
    assert set(lost) == {expected}
    entries = Counter(deal.comment for deal in of(DealRecorded, events) if deal.comment)
    assert max(entries[intent.key] for intent in of(OrderIntended, events)) == 1
    assert of(DiscrepancyFound, events) == []
    assert summary.halted == ""
