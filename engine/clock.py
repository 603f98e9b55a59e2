"""Time as the shell needs it: what to stamp events with, and how to wait for the next thing to
look at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import anyio

from engine.broker.server_time import ServerTime

SHORTEST = 16
"""Quiet steps of a simulated market that may pass at once after it was turned back: what passes in
vain is read in vain."""

LONGEST = 64
"""The most that ever pass at once: more gains nothing, and somebody may be waiting."""


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


class Passage(Protocol):
    """Time of which several steps can pass at once where nothing happens in them, each to be looked
    at afterwards, and from each of which the world can go on."""

    def glide(self, until_ns: int) -> Sequence[int]:
        """Let quiet steps pass, all of them before `until_ns` (nanoseconds UTC).

        Returns the server milliseconds of the steps that can be stood at, oldest first: the present
        one, then those that have passed. Empty where none has.
        """

    def stand(self, index: int) -> None:
        """Let it be the time of one of these steps."""

    def turn_back(self) -> None:
        """Make everything after the step that is stood at not to have happened."""


class SteppedMarket(Protocol):
    """A market that moves when it is told to: the simulated terminal's."""

    def advance(self) -> bool:
        """Take the market's next step; False when its data has ended."""

    def glide(self, limit: int) -> list[int]:
        """Take up to `limit` steps in which nothing happens; return the server milliseconds of
        each."""

    def back(self, steps: int) -> None:
        """Undo the last of these steps."""

    @property
    def server_time_msc(self) -> int:
        """Server milliseconds of the last tick."""


class MarketClock:
    """The simulated market's time: it advances as fast as the engine looks, and waiting costs
    nothing."""

    def __init__(
        self, market: SteppedMarket, server_time: ServerTime, longest: int = LONGEST
    ) -> None:
        """`longest`: steps that may pass at once; 0 for each by itself."""
        self._market = market
        self._server_time = server_time
        self._now = server_time.utc_ns(market.server_time_msc)
        self._longest = longest
        self._limit = min(SHORTEST, longest)
        self._moments: list[int] = []
        self._at = 0

    def now_ns(self) -> int:
        """Return the time of the last tick."""
        return self._now

    async def next(self) -> bool:
        """Advance the market by one step."""
        if not self._market.advance():
            return False
        self._now = self._server_time.utc_ns(self._market.server_time_msc)
        return True

    def glide(self, until_ns: int) -> Sequence[int]:
        """Let quiet steps of the market pass: more each time, until somebody turns back."""
        market = self._market
        if self._now >= until_ns or not self._limit:
            return ()
        steps = [market.server_time_msc, *market.glide(self._limit)]
        moments = self._server_time.all_utc_ns(steps)
        while len(steps) > 1 and moments[-1] >= until_ns:
            market.back(1)
            steps.pop()
            moments.pop()
        self._limit = min(2 * self._limit, self._longest)
        self._moments, self._at = moments, 0
        return steps if len(steps) > 1 else ()

    def stand(self, index: int) -> None:
        """Let it be the time of a step of the glide."""
        self._at = index
        self._now = self._moments[index]

    def turn_back(self) -> None:
        """Undo the market's steps after the one that is stood at."""
        self._market.back(len(self._moments) - 1 - self._at)
        self._limit = min(SHORTEST, self._longest)

    async def sleep(self, seconds: float) -> None:
        """Return at once: the simulated terminal's lists are complete when a call returns."""
        del seconds
