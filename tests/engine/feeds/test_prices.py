"""Prices are looked at while a rule waits for one, and recorded where something is decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import anyio
import msgspec

from engine.broker.gateway import MarketView
from engine.config import Config
from engine.execution.protection.rules import BreakEven, Protection, TrailAtr
from engine.feeds.prices import LivePrices
from engine.kernel import Kernel
from engine.recorder import Recorder
from journal.envelope import AnyEvent
from journal.events import ChangeIntended, JournalRecovered, PriceSeen
from tests.engine.execution.protection.test_guard import holding, protected, seen

SECOND = 1_000_000_000


class Memory:
    """A journal that only remembers."""

    def __init__(self, next_seq: int) -> None:
        self.events: list[AnyEvent] = []
        self.recovered: list[JournalRecovered] = []
        self.next_seq, self.head = next_seq, b""

    def append(self, event: AnyEvent) -> None:
        self.events.append(event)
        self.next_seq += 1

    def append_all(self, events: Sequence[AnyEvent]) -> None:
        for event in events:
            self.append(event)

    def commit(self) -> None: ...
    def commit_if_due(self) -> None: ...


class World:
    """A market with one price, a clock that is set by hand, and a kernel that holds a position."""

    def __init__(self, *rules: Protection, watch_s: float = 1.0) -> None:
        kernel: Kernel = holding(*rules).kernel
        self.journal = Memory(kernel.state.seq + 1)
        self.now, self.calls = 0, 0
        self.price_now: PriceSeen | None = seen(1.0505)
        config = protected(*rules)
        config = msgspec.structs.replace(
            config, broker=msgspec.structs.replace(config.broker, watch_s=watch_s)
        )
        clock = cast(Any, self)
        self.kernel, self.recorder = kernel, Recorder(self.journal, kernel, clock, "R")
        self.prices = self.watching(config)

    def watching(self, config: Config) -> LivePrices:
        return LivePrices(self.recorder, cast(MarketView, self), cast(Any, self), config)

    def now_ns(self) -> int:
        return self.now

    async def price(self, symbol: str) -> PriceSeen | None:
        assert symbol == "EURUSD"
        self.calls += 1
        return self.price_now

    def look(self, bid: float | None, second: float) -> list[type]:
        """Look at a price at a time; return the types of what was recorded."""
        before = len(self.journal.events)
        self.now = int(second * SECOND)
        self.price_now = seen(bid, int(second)) if bid is not None else None
        anyio.run(self.prices.look)
        return [type(event.data) for event in self.journal.events[before:]]


def test_a_price_at_which_nothing_is_decided_is_not_recorded() -> None:
    world = World(BreakEven())
    assert [world.look(1.0505 + i / 100_000, 30 + i) for i in range(20)] == [[]] * 20
    assert (world.calls, world.prices.count) == (20, 0)


def test_the_price_that_reaches_a_level_is_recorded_and_decided_on() -> None:
    world = World(BreakEven())
    assert world.look(1.0511, 30) == [PriceSeen, ChangeIntended]
    assert [type(decision.data) for decision in world.recorder.decided] == [ChangeIntended]
    assert world.look(1.0512, 31) == [], "one change is under way already"
    assert world.prices.count == 1


def test_prices_are_looked_at_no_more_often_than_was_configured() -> None:
    world = World(BreakEven(), watch_s=2.0)
    for tenth in range(40):
        world.look(1.0505, 30 + tenth / 10)
    assert world.calls == 2


def test_a_rule_that_waits_for_bars_does_not_record_prices() -> None:
    world = World(TrailAtr(period=2, multiple=1.0))
    assert world.look(1.2, 30) == []


def test_without_a_position_or_without_a_rule_nobody_asks_for_a_price() -> None:
    world = World(BreakEven())
    world.kernel.state.positions.open.clear()
    others = World(BreakEven())
    others.kernel.state.positions.open[2001].strategy = "another"
    for one in (world, others):
        assert one.look(1.0511, 30) == []
        assert one.calls == 0
        assert one.prices.needed
    assert not World().prices.needed


def test_a_tick_that_is_no_price_is_passed_over() -> None:
    assert World(BreakEven()).look(None, 30) == []
