"""A live-like market out of nothing: a seeded random walk with a breathing spread and weekend
gaps."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from engine.terminal.errors import MarketError
from engine.terminal.market.base import Table
from engine.terminal.market.ticks import TickMarket
from engine.terminal.profile import Profile
from engine.terminal.records import TICKS

_MONDAY = 1_704_672_000_000  # 2024-01-08 00:00 server time, a Monday
_DAY_MSC = 86_400_000
_FRIDAY_END = 5 * _DAY_MSC
_WEEK = 7 * _DAY_MSC

#: Prices to begin with where a caller names none.
_TYPICAL = {
    "EURUSD": 1.1,
    "GBPUSD": 1.27,
    "USDJPY": 145.0,
    "USDCHF": 0.86,
    "AUDUSD": 0.67,
    "XAUUSD": 2050.0,
    "US500": 4750.0,
    "ES": 4750.0,
    "BTCUSD": 43_000.0,
}


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """How one symbol's price moves.

    `spread` and `tick` (the step of the price; the last digit's by default) are in price.
    `volatility` is the standard deviation of a tick in parts of the price; `gap` the same for a
    weekend.
    """

    price: float
    digits: int
    spread: float
    tick: float = 0.0
    volatility: float = 2e-5
    gap: float = 2e-3
    around_the_clock: bool = False


class RandomMarket(TickMarket):
    """Random ticks, the same for the same seed.

    Args:
        walks: what to draw, by symbol.
        ticks: how many ticks of each symbol.
        seed: of everything drawn.
        interval_msc: mean time between two ticks of a symbol, in milliseconds.
        start: how many ticks are already history at the beginning; without it, as few as possible.
    """

    def __init__(
        self,
        walks: Mapping[str, Walk],
        ticks: int = 100_000,
        seed: int = 0,
        interval_msc: int = 500,
        start: int | None = None,
    ) -> None:
        if ticks < 1 or interval_msc < 1:
            raise MarketError(
                "a random market needs at least one tick and one millisecond between two"
            )
        data = {
            name: _walk(walk, ticks, np.random.default_rng([seed, number]), interval_msc)
            for number, (name, walk) in enumerate(sorted(walks.items()))
        }
        super().__init__(data, "server", start)

    @classmethod
    def of(cls, profile: Profile, ticks: int = 100_000, seed: int = 0) -> RandomMarket:
        """A random market of every symbol in a profile, at typical prices."""
        walks = {}
        for name, symbol in profile.symbols.items():
            spread = symbol.spread.points or max(symbol.spread.minimum, 2.0)
            walks[name] = Walk(
                price=_TYPICAL.get(name, 100.0),
                digits=symbol.digits,
                tick=symbol.tick,
                spread=spread * symbol.point,
                around_the_clock=bool(symbol.sessions and "saturday" in symbol.sessions),
            )
        return cls(walks, ticks, seed)


def _walk(walk: Walk, count: int, draw: np.random.Generator, interval_msc: int) -> Table:
    rows: Table = np.zeros(count, dtype=TICKS)
    times = _MONDAY + np.cumsum(draw.integers(1, 2 * interval_msc, count))
    steps = draw.normal(0.0, walk.volatility, count)
    if not walk.around_the_clock:
        # The market is shut from Friday's end to Monday: that time is skipped, and the price jumps.
        weeks = (times - _MONDAY) // _FRIDAY_END
        times = times + weeks * (_WEEK - _FRIDAY_END)
        opened = np.flatnonzero(np.diff(weeks)) + 1
        steps[opened] += draw.normal(0.0, walk.gap, len(opened))
    tick = walk.tick or 10.0**-walk.digits
    bids = np.round(np.round(walk.price * np.exp(np.cumsum(steps)) / tick) * tick, walk.digits)
    breath = 1.0 + np.abs(draw.normal(0.0, 0.5, count))
    rows["time_msc"] = times
    rows["time"] = times // 1000
    rows["bid"] = bids
    spreads = np.maximum(np.round(walk.spread * breath / tick), 1.0) * tick
    rows["ask"] = np.round(bids + spreads, walk.digits)
    rows["flags"] = 6
    return rows
