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

_STEP = itemgetter(0)


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
        passage = self._passage
        steps = passage.glide(quiet_until) if passage is not None else ()
        if passage is None or not steps:
            for _, bar in await self._closed(()):
                self._recorder.record(bar)
                self.count += 1
        else:
            await self._follow(passage, steps, most)

    async def _follow(self, passage: Passage, steps: Sequence[int], most: int) -> None:
        """Record each bar at the step that closed it. With the first decision, what came after it
        has not happened yet: the world goes on from that step."""
        recorder, place = self._recorder, 0
        try:
            bars = await self._closed(steps)
        except CallFailed:
            passage.turn_back()  # what nobody could look at has not happened
            raise
        for closed, bar in bars:
            if closed != place:
                if recorder.decided or self.count >= most:
                    break
                passage.stand(closed)
                place = closed
            recorder.record(bar)
            self.count += 1
        if recorder.decided or self.count >= most:
            passage.turn_back()
        else:
            passage.stand(len(steps) - 1)

    async def _closed(self, steps: Sequence[int]) -> list[tuple[int, BarClosed]]:
        """Read the bars that are not known yet, each with the step that closed it, in order."""
        known = self._recorder.state.market.series
        found: list[tuple[int, BarClosed]] = []
        for symbol, timeframe, name in self._series:
            series = known.get(name)
            after = series.last_time if series is not None else 0
            length = LENGTHS_S[timeframe]
            bars = await self._market.bars(symbol, timeframe, after, len(steps) or 1)
            found += [(bisect_left(steps, (bar.time + length) * 1000), bar) for bar in bars]
        if len(self._series) > 1:
            found.sort(key=_STEP)  # of one step in the order of the series
        return found

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
