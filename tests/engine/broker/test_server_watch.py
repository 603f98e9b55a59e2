"""Looking at the broker's clock: as often as needed, as seldom as enough."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import anyio
import pytest

from engine.broker.gateway import MarketView
from engine.broker.server_watch import LOOK_S, LOOKS, find_rule, measure_offset
from engine.broker.zones import HOUR_S, ZoneUnknown
from journal.events import BarClosed
from tests.engine.broker.test_zones import Q4_2023, hours_of

NOW_S = 1_700_000_000


@dataclass
class Market:
    """A market and a clock in one: ticks come while it is waited, `late` of them only after some
    looks."""

    offset_s: int = 2 * HOUR_S
    moving: tuple[str, ...] = ("EURUSD", "GBPUSD", "USDJPY")
    late: int = 0
    hours: list[int] = field(default_factory=list)
    waited: float = 0.0

    def now_ns(self) -> int:
        return int((NOW_S + self.waited) * 1e9)

    async def sleep(self, seconds: float) -> None:
        self.waited += seconds

    async def tick_times(self) -> dict[str, int]:
        moved = self.waited if self.waited > self.late * LOOK_S else 0.0
        stamp = int((NOW_S + self.offset_s + moved) * 1000)
        still = (NOW_S + self.offset_s) * 1000
        return {"STILL": still} | dict.fromkeys(self.moving, stamp)

    async def latest_bars(self, symbol: str, timeframe: str, count: int) -> list[BarClosed]:
        assert timeframe == "H1"
        return [
            BarClosed(symbol, "H1", time, 1.0, 1.0, 1.0, 1.0, 1, 1, 0)
            for time in self.hours[-count:]
        ]

    @property
    def view(self) -> MarketView:
        return cast(MarketView, self)


def test_two_looks_are_enough_when_three_symbols_move() -> None:
    market = Market()
    measured = anyio.run(measure_offset, market.view, market)
    assert measured is not None
    assert (measured.offset_s, measured.symbols) == (2 * HOUR_S, 3)
    assert market.waited == LOOK_S


def test_a_slow_market_is_waited_for() -> None:
    market = Market(late=4)
    measured = anyio.run(measure_offset, market.view, market)
    assert measured is not None
    assert market.waited == 5 * LOOK_S


def test_few_moving_symbols_are_taken_in_the_end() -> None:
    market = Market(moving=("EURUSD",))
    measured = anyio.run(measure_offset, market.view, market)
    assert measured is not None
    assert measured.symbols == 1
    assert market.waited == (LOOKS - 1) * LOOK_S


def test_a_market_that_stands_still_is_not_waited_for_without_end() -> None:
    market = Market(moving=())
    assert anyio.run(measure_offset, market.view, market) is None
    assert market.waited == (LOOKS - 1) * LOOK_S


def test_the_rule_is_found_from_the_bars_of_the_broker() -> None:
    market = Market(hours=hours_of(Q4_2023))
    rule = anyio.run(find_rule, market.view, market, ["BTCUSD", "EURUSD"])
    assert rule.rule == "new-york+7"


def test_ticks_that_contradict_the_bars_leave_no_rule() -> None:
    market = Market(offset_s=5 * HOUR_S, hours=hours_of(Q4_2023))
    with pytest.raises(ZoneUnknown, match=r"\+5 h from UTC fit no rule"):
        anyio.run(find_rule, market.view, market, ["EURUSD"])
