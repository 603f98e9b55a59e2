"""Bars as the broker closes them, recorded once each and in order."""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter

from engine.broker.gateway import CallFailed, MarketView
from engine.broker.mt5 import LENGTHS_S
from engine.clock import Passage
from engine.config import Config
from engine.recorder import Recorder
from journal.events import BarClosed, FeedCaughtUp
from projections.market import series_name

Closed = tuple[Sequence[int], list[BarClosed]]
"""Bars of one series, no two of which closed at the same step of a glide; and each one's step."""

_PLACE = itemgetter(0)


class LiveBars:
    """Every series that a strategy is told.

    count  bars recorded in this run
    """

    def __init__(
        self,
        recorder: Recorder,
        market: MarketView,
        config: Config,
        passage: Passage | None = None,
    ) -> None:
        """`passage`: lets quiet time pass, where that is possible."""
        self._recorder, self._market, self._passage = recorder, market, passage
        self._series = [
            (symbol, timeframe, series_name(symbol, timeframe))
            for symbol, timeframe in sorted({(s.symbol, s.timeframe) for s in config.strategies})
        ]
        self.count = 0

    @property
    def symbols(self) -> list[str]:
        """Every symbol that has a series, sorted."""
        return sorted({symbol for symbol, _, _ in self._series})

    async def read(self, quiet_until: int = 0, most: int = sys.maxsize) -> None:
        """Record the bars that have closed since the last look.

        quiet_until  nanoseconds UTC up to which the engine has nothing else to look at: while
                     nothing happens in the market either, it passes, and its bars are read at once
        most         bars of this run; time stands still where they are reached
        """
        if not await self.glide(quiet_until, most):
            for _, bars in await self._closed(()):
                for bar in bars:
                    self._recorder.record(bar)
                    self.count += 1

    async def glide(self, quiet_until: int, most: int = sys.maxsize) -> bool:
        """Let quiet time pass, as `read` does, until something is decided; return whether any
        has."""
        passage = self._passage
        steps = passage.glide(quiet_until) if passage is not None else []
        if passage is None or not steps:
            return False
        while steps and await self._follow(passage, steps, most):
            steps = passage.glide(quiet_until)
        return True

    async def _follow(self, passage: Passage, steps: Sequence[int], most: int) -> bool:
        """Record each bar at the step of a glide that closed it. With the first decision that is to
        be carried out, what came after it has not happened yet: the world goes on from that step.
        Return whether there was none."""
        recorder, place = self._recorder, 0
        try:
            found = await self._closed(steps)
        except CallFailed:
            passage.turn_back()  # what nobody could look at has not happened
            raise
        last = len(steps) - 1
        for places, bars in found:
            while bars:
                left = 0 if recorder.decided else most - self.count
                if places[0] != place and left <= 0:
                    break
                count = recorder.record_bars(bars[: max(left, 1)], passage.moments(places))
                self.count += count
                place = places[count - 1]
                passage.stand(place)
                places, bars = places[count:], bars[count:]
        if recorder.decided or self.count >= most:
            passage.turn_back()
            return False
        if place != last:
            passage.stand(last)
        return True

    async def _closed(self, steps: Sequence[int]) -> list[Closed]:
        """Read the bars that are not known yet, in the order in which they closed."""
        known = self._recorder.state.market.series
        found: list[Closed] = []
        for symbol, timeframe, name in self._series:
            series = known.get(name)
            after = series.last_time if series is not None else 0
            bars = await self._market.bars(symbol, timeframe, after, len(steps) or 1)
            if bars:
                found.append((_places(bars, LENGTHS_S[timeframe], steps), bars))
        if len(found) == 1 and _are_distinct(found[0][0]):
            return found
        single: list[Closed] = [
            ([place], [bar]) for closed in found for place, bar in zip(*closed, strict=True)
        ]
        single.sort(key=_PLACE)  # of one step in the order of the series
        return single

    async def catch_up(self) -> None:
        """Record the bars that were missed; at a first start, those that the strategies need to be
        warm."""
        before = self.count
        market = self._recorder.state.market
        for symbol, timeframe, name in self._series:
            if name not in market.series:
                bars = await self._market.latest_bars(symbol, timeframe, market.keep)
                for bar in bars:
                    self._recorder.record(bar)
                self.count += len(bars)
        await self.read()
        self._recorder.record(FeedCaughtUp(self.count - before))


def _places(bars: Sequence[BarClosed], length_s: int, steps: Sequence[int]) -> Sequence[int]:
    """Return the step of a glide (server milliseconds, ascending) at which each bar had closed."""
    closes = [(bar.time + length_s) * 1000 for bar in bars]
    first = bisect_left(steps, closes[0])
    end = first + len(closes)
    if closes == steps[first:end]:  # a bar a step, as nearly always
        return range(first, end)
    return [bisect_left(steps, close) for close in closes]


def _are_distinct(places: Sequence[int]) -> bool:
    return isinstance(places, range) or len(set(places)) == len(places)
