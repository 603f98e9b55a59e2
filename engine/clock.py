"""Time as the shell needs it: what to stamp events with, and how to wait for the next thing to
look at."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence
from typing import Protocol

import anyio

from engine.broker.server_time import ServerTime

LONGEST = 32
"""Quiet steps of a simulated market that may pass at once: more gains nothing, for where something
is decided, what passed in vain was read in vain."""


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

    def glide(self, until_ns: int) -> list[int]:
        """Let quiet steps pass, all of them before `until_ns` (nanoseconds UTC); return the server
        milliseconds of each step that can be stood at, oldest first: the present one, then those
        that have passed. Nothing where none has."""

    def moments(self, places: Sequence[int]) -> list[int]:
        """Return the time of some of these steps, ascending, in nanoseconds UTC."""

    def stand(self, place: int) -> None:
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
        self._quiet = longest > 0  # as far as it is known, the next step is
        self._steps: list[int] = []
        self._at = 0

    def now_ns(self) -> int:
        """Return the time of the last tick."""
        return self._now

    async def next(self) -> bool:
        """Advance the market by one step."""
        if not self._market.advance():
            return False
        self._now = self._server_time.utc_ns(self._market.server_time_msc)
        self._quiet = self._longest > 0
        return True

    def glide(self, until_ns: int) -> list[int]:
        """Let quiet steps of the market pass."""
        market, utc_ns = self._market, self._server_time.utc_ns
        if self._now >= until_ns or not self._quiet:
            return []
        steps = [market.server_time_msc, *market.glide(self._longest)]
        self._quiet = len(steps) > self._longest
        if utc_ns(steps[-1]) >= until_ns:
            early = bisect_left(steps, until_ns, key=utc_ns)
            market.back(len(steps) - early)
            del steps[early:]
        self._steps, self._at = steps, 0
        return steps if len(steps) > 1 else []

    def moments(self, places: Sequence[int]) -> list[int]:
        """Return the time of some steps of the glide."""
        steps = self._steps
        if isinstance(places, range):  # as nearly always
            return self._server_time.all_utc_ns(steps[places.start : places.stop])
        return self._server_time.all_utc_ns([steps[place] for place in places])

    def stand(self, place: int) -> None:
        """Let it be the time of a step of the glide."""
        self._at = place
        self._now = self._server_time.utc_ns(self._steps[place])

    def turn_back(self) -> None:
        """Undo the market's steps after the one that is stood at."""
        self._market.back(len(self._steps) - 1 - self._at)
        self._quiet = True

    async def sleep(self, seconds: float) -> None:
        """Return at once: the simulated terminal's lists are complete when a call returns."""
        del seconds
