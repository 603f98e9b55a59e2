"""A server's clock that is set back stamps new deals before known ones; none may be missed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import anyio

from engine.broker.gateway import NONE_KNOWN, Gateway, Stamps
from engine.kernel import Kernel
from engine.reconciler import Reconciler
from engine.recorder import Recorder
from journal.envelope import AnyEvent
from journal.events import DealRecorded, JournalRecovered
from tests.given import CONFIG, RUN, a, manifest

HOUR_MSC = 3_600_000
BEFORE = 1_699_178_399_000
"""The last second before the hour that a New York clock shows twice."""


class Broker:
    """A broker's deal list, read as MT5 reads it: by the stamps of the server's own clock."""

    def __init__(self) -> None:
        self.all: list[DealRecorded] = []

    async def deals(self, since_msc: int, known: Stamps = NONE_KNOWN) -> list[DealRecorded]:
        seen = [deal for deal in self.all if deal.time_msc >= since_msc]
        return [deal for deal in seen if known.get(deal.ticket) != deal.time_msc]


class Memory:
    """A journal in a list."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []
        self.next_seq = 1
        self.head = b""
        self.recovered: list[JournalRecovered] = []

    def append(self, event: AnyEvent) -> None:
        self.events.append(event)
        self.next_seq += 1

    def append_all(self, events: Sequence[AnyEvent]) -> None:
        for event in events:
            self.append(event)

    def commit(self) -> None: ...
    def commit_if_due(self) -> None: ...


class Still:
    def now_ns(self) -> int:
        return 1_700_000_000_000_000_000

    async def next(self) -> bool:
        return False

    async def sleep(self, seconds: float) -> None: ...


def deal(ticket: int, time_msc: int) -> DealRecorded:
    changes: dict[str, Any] = {"ticket": ticket, "time": time_msc // 1000, "time_msc": time_msc}
    return a(DealRecorded, **changes)


def test_a_deal_stamped_an_hour_before_a_known_one_is_read() -> None:
    broker, journal = Broker(), Memory()
    recorder = Recorder(journal, Kernel(), Still(), RUN)
    reconciler = Reconciler(recorder, cast(Gateway, broker), Still(), CONFIG)

    async def body() -> None:
        recorder.record(manifest())
        broker.all = [deal(7, BEFORE)]
        await reconciler.read()
        broker.all.append(deal(8, BEFORE - HOUR_MSC + 1000))  # a second later, by UTC
        await reconciler.read()

    anyio.run(body)
    found = [event.data.ticket for event in journal.events if isinstance(event.data, DealRecorded)]
    assert found == [7, 8]
