"""Time as the shell needs it: what to stamp events with, and how to wait for the next thing to
look at."""

from __future__ import annotations

import time
from typing import Protocol

import anyio

from engine.broker.server_time import ServerTime


class Clock(Protocol):
    """The only source of time outside the kernel."""

    def now_ns(self) -> int:
        """Return nanoseconds UTC."""

    async def next(self) -> bool:
        """Wait until there may be something new at the broker; False when there never will be."""

    async def sleep(self, seconds: float) -> None:
        """Let time pass."""


class WallClock:
    """Real time, for a real terminal."""

    def __init__(self, poll_s: float) -> None:
        self._poll_s = poll_s

    def now_ns(self) -> int:
        """Return the computer's clock."""
        return time.time_ns()

    async def next(self) -> bool:
        """Wait one polling interval."""
        await anyio.sleep(self._poll_s)
        return True

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await anyio.sleep(seconds)


class SteppedMarket(Protocol):
    """A market that moves when it is told to: the simulated terminal's."""

    def advance(self) -> bool:
        """Take the market's next step; False when its data has ended."""

    @property
    def server_time_msc(self) -> int:
        """Server milliseconds of the last tick."""


class MarketClock:
    """The simulated market's time: it advances as fast as the engine looks, and waiting costs
    nothing."""

    def __init__(self, market: SteppedMarket, server_time: ServerTime) -> None:
        self._market = market
        self._server_time = server_time
        self._now = server_time.utc_ns(market.server_time_msc)

    def now_ns(self) -> int:
        """Return the time of the last tick."""
        return self._now

    async def next(self) -> bool:
        """Advance the market by one step."""
        if not self._market.advance():
            return False
        self._now = self._server_time.utc_ns(self._market.server_time_msc)
        return True

    async def sleep(self, seconds: float) -> None:
        """Return at once: the simulated terminal's lists are complete when a call returns."""
        del seconds
