"""At which price and volume the server fills: latency, slippage, deviation, available volume.

Everything drawn is a function of the seed and the number of the execution.
"""

from __future__ import annotations

from engine.terminal import constants as mt5
from engine.terminal import noise
from engine.terminal.market.base import Market
from engine.terminal.money import BUY
from engine.terminal.profile import Profile

_LATENCY, _SLIPPAGE = 1, 2  # streams of the seed
_HOUR = 60  # minutes


class Execution:
    """The conditions under which orders are filled."""

    def __init__(self, profile: Profile, market: Market, seed: int) -> None:
        self._profile = profile
        self._market = market
        self._seed = seed

    def arrival(self, symbol: str, number: int) -> tuple[float, float]:
        """Bid and ask when an order that is sent now reaches the server."""
        rule = self._profile.latency
        if rule.model == "none":
            quote = self._market.quotes[symbol]
            return quote.bid, quote.ask
        delay = rule.ms
        if rule.model == "normal":
            delay += abs(noise.normal(self._seed, _LATENCY, number)) * rule.spread_ms
        elif rule.model == "volatility":
            delay *= self._restlessness(symbol)
        return self._market.quote_at(symbol, self._market.time_msc + round(delay))

    def slipped(self, symbol: str, side: int, price: float, number: int) -> float:
        """The price of a market execution: a positive slip is to the client's disadvantage."""
        rule = self._profile.slippage
        if rule.model == "none":
            return price
        facts = self._profile.symbols[symbol]
        slip = rule.points
        if rule.model == "normal":
            slip *= noise.normal(self._seed, _SLIPPAGE, number)
        elif rule.model == "volatility":
            slip *= self._restlessness(symbol)
        move = round(slip) * facts.point
        moved = price + move if side == BUY else price - move
        return round(round(moved / facts.tick) * facts.tick, facts.digits)

    def _restlessness(self, symbol: str) -> float:
        """The range of the last finished minute over the mean of the hour before it."""
        rates = self._market.rates(symbol, mt5.TIMEFRAME_M1)
        end = rates.count() - 1
        if end < 1:
            return 1.0
        bars = rates.slice(max(0, end - _HOUR), end)
        ranges = bars["high"] - bars["low"]
        mean = float(ranges.mean())
        return float(ranges[-1]) / mean if mean else 1.0

    def available(self, symbol: str, volume: float) -> float:
        """How much of a volume can be filled at once."""
        most = self._profile.symbols[symbol].available_volume
        return min(volume, most) if most else volume
