"""Looks at the broker's clock through a gateway, and finds the rule it keeps."""

from __future__ import annotations

from typing import Protocol

from engine.broker.gateway import MarketView
from engine.broker.server_time import ServerTime
from engine.broker.zones import Look, Measured, detect, measure, weekly_closes

LOOKS = 10
"""Looks at the ticks at the most; one that is not renewed within them is not fresh."""
LOOK_S = 1.0
"""Seconds between two looks."""
ENOUGH = 3
"""Symbols with fresh ticks that are enough."""
YEAR_OF_H1 = 6_500
"""Bars of a little more than a year."""


class Time(Protocol):
    """What is needed of a clock (`engine.clock.Clock`)."""

    def now_ns(self) -> int:
        """Return nanoseconds UTC."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""


async def measure_offset(market: MarketView, time: Time) -> Measured | None:
    """Return the server's offset by fresh ticks; None when the market stands still meanwhile.

    The gateway's known symbols are looked at. Raises CallFailed.
    """
    looks: list[Look] = []
    measured = None
    for number in range(LOOKS):
        if number:
            await time.sleep(LOOK_S)
        ticks = await market.tick_times()
        looks.append(Look(time.now_ns(), ticks))
        measured = measure(looks)
        if measured is not None and measured.symbols >= min(ENOUGH, len(ticks)):
            break
    return measured


async def read_weeks(market: MarketView, symbol: str) -> list[int]:
    """Return the weekly closes of the last year, server seconds. Raises CallFailed."""
    bars = await market.latest_bars(symbol, "H1", YEAR_OF_H1)
    return weekly_closes(bar.time for bar in bars)


async def find_rule(market: MarketView, time: Time, symbols: list[str]) -> ServerTime:
    """Return the rule of the broker's clock, from fresh ticks and a year of the symbols' H1 bars.

    Raises ZoneUnknown when it cannot be told, CallFailed.
    """
    measured = await measure_offset(market, time)
    longest: list[int] = []
    for symbol in symbols:
        longest = max(longest, await read_weeks(market, symbol), key=len)
    return ServerTime(detect(longest, measured).rule)
