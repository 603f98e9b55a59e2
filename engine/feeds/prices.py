"""Prices between two bars, for positions that a rule protects which cannot wait for a bar.

Of all that is looked at, only a price is recorded at which the kernel would decide something: so
a journal does not fill with ticks, and a rule is as prompt as the looks are frequent.
"""

from __future__ import annotations

from engine.broker.gateway import MarketView
from engine.clock import Clock
from engine.config import Config
from engine.execution.protection.guard import Guard, at_price
from engine.recorder import Recorder


class LivePrices:
    """The symbols of all protected strategies.

    needed  whether there is any
    count   prices recorded in this run
    """

    def __init__(
        self, recorder: Recorder, market: MarketView, clock: Clock, config: Config
    ) -> None:
        self._recorder, self._market, self._clock = recorder, market, clock
        self._guards = [Guard.of(s) for s in config.strategies if s.protection]
        self._strategies = {guard.strategy for guard in self._guards}
        self._interval_ns = int(config.broker.watch_s * 1e9)
        self._due = 0
        self.needed = bool(self._guards)
        self.count = 0

    async def look(self) -> None:
        """Record the newest price of each symbol whose protection has something to decide on it."""
        positions = self._recorder.state.positions.open
        if not positions or self._clock.now_ns() < self._due:
            return
        self._due = self._clock.now_ns() + self._interval_ns
        held = {p.symbol for p in positions.values() if p.strategy in self._strategies}
        for symbol in sorted(held):
            price = await self._market.price(symbol)
            if price is not None and any(at_price(self._recorder.state, self._guards, price)):
                self._recorder.record(price)
                self.count += 1
