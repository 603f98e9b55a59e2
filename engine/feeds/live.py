"""Bars as the broker closes them, recorded once each and in order."""

from __future__ import annotations

from engine.broker.gateway import MarketView
from engine.config import Config
from engine.recorder import Recorder
from journal.events import FeedCaughtUp
from projections.market import series_name


class LiveBars:
    """Every series that a strategy is told.

    count  bars recorded in this run
    """

    def __init__(self, recorder: Recorder, market: MarketView, config: Config) -> None:
        self._recorder, self._market = recorder, market
        self._series = [
            (symbol, timeframe, series_name(symbol, timeframe))
            for symbol, timeframe in sorted({(s.symbol, s.timeframe) for s in config.strategies})
        ]
        self.count = 0

    @property
    def symbols(self) -> list[str]:
        """Every symbol that has a series, sorted."""
        return sorted({symbol for symbol, _, _ in self._series})

    async def read(self) -> None:
        """Record the bars that have closed since the last look."""
        recorder = self._recorder
        known = recorder.state.market.series
        for symbol, timeframe, name in self._series:
            series = known.get(name)
            after = series.last_time if series is not None else 0
            for bar in await self._market.bars(symbol, timeframe, after):
                recorder.record(bar)
                self.count += 1

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
