"""A channel breakout by pending orders: when the price comes near the edge of its channel, an order
is laid beyond it, for a while.

It exists to exercise pending orders of every kind, not to make money.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import msgspec
from msgspec import Meta

from engine.strategies.base import Proposal, Side, StrategyBase, follow
from engine.strategies.baseline import Multiple, Period
from engine.strategies.indicators import SETTLED, AverageTrueRange, Channel
from journal.events import BarClosed


class BreakoutConfig(StrategyBase, frozen=True, kw_only=True, tag_field="kind", tag="breakout"):
    """Configuration of the breakout.

    entry         `stop` and `stop limit` follow a price that leaves the channel; `limit` bets that
                  it comes back
    channel       bars whose highest high and lowest low are the channel
    zone          part of the channel's width, at either edge, in which an order is laid
    atr_period    bars
    offset_atr    how far beyond the edge the order lies, in ATRs
    pullback_atr  how far behind its trigger a stop limit's limit lies, in ATRs
    stop_atr      stop distance in ATRs
    target_r      target distance in stop distances
    lifetime_s    seconds until an order that was not filled expires, 0 for never
    """

    entry: Literal["stop", "stop limit", "limit"] = "stop"
    channel: Period = 20
    zone: Annotated[float, Meta(gt=0.0, lt=0.5)] = 0.2
    atr_period: Period = 14
    offset_atr: Annotated[float, Meta(ge=0.0, le=100.0)] = 0.5
    pullback_atr: Multiple = 0.5
    stop_atr: Multiple = 2.0
    target_r: Multiple = 2.0
    lifetime_s: Annotated[int, Meta(ge=0, le=30 * 86_400)] = 1800


class Breakout(msgspec.Struct, tag="breakout"):
    """Lay an order beyond an edge of the channel when the close comes into the zone at that edge.

    zone    +1 when the last close lay in the upper zone, -1 in the lower one, 0 between them
    came    the same, when the close before it lay elsewhere; 0 otherwise
    """

    VERSION: ClassVar[int] = 1

    config: BreakoutConfig
    channel: Channel
    atr: AverageTrueRange
    zone: int = 0
    came: int = 0

    @classmethod
    def of(cls, config: BreakoutConfig) -> Self:
        """Return a strategy that has seen nothing yet."""
        return cls(config, Channel(config.channel), AverageTrueRange(config.atr_period))

    @property
    def warmup(self) -> int:
        """Bars until a strategy built afresh decides like one that has always run: the channel
        forgets at once, Wilder's smoothing after ten periods; coming into a zone needs one bar
        more."""
        return max(self.config.channel, SETTLED * self.config.atr_period) + 1

    def update(self, bar: BarClosed) -> None:
        """Take in one more bar."""
        channel = self.channel
        channel.update(bar.high, bar.low)
        self.atr.update(bar.high, bar.low, bar.close)
        if not channel.ready:
            return
        margin = self.config.zone * (channel.high - channel.low)
        before = self.zone
        zone = (bar.close > channel.high - margin) - (bar.close < channel.low + margin)
        self.zone, self.came = zone, zone if zone != before else 0

    def follow(self, bars: Sequence[BarClosed]) -> int:
        """Take in bars up to the first after which it has a proposal; return how many."""
        return follow((self,), bars)

    def propose(self) -> Proposal | None:
        """Say what the bars taken in so far ask for."""
        came, atr = self.came, self.atr.value
        if not came or not self.atr.ready or atr <= 0.0:
            return None
        config = self.config
        edge = self.channel.high if came > 0 else self.channel.low
        price = edge + came * config.offset_atr * atr
        sign = -came if config.entry == "limit" else came
        side: Side = "buy" if sign > 0 else "sell"
        behind = sign * config.pullback_atr * atr if config.entry == "stop limit" else 0.0
        stop = config.stop_atr * atr
        return Proposal(
            side=side,
            stop_distance=stop,
            target_distance=config.target_r * stop,
            reason=(
                f"close near the {'upper' if came > 0 else 'lower'} edge {edge:g} of "
                f"{config.channel} bars"
            ),
            type=config.entry,
            price=price,
            limit=price - behind if behind else 0.0,
            lifetime_s=config.lifetime_s,
        )
