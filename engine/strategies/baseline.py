"""The baseline: a moving-average cross confirmed by RSI, with stop and target in multiples of ATR.

It exists to exercise the engine and to be measured against, not to make money.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

import msgspec
from msgspec import Meta

from engine.strategies.base import Proposal, StrategyBase, follow
from engine.strategies.indicators import (
    SETTLED,
    AverageGap,
    AverageTrueRange,
    RelativeStrength,
)
from journal.events import BarClosed

Period = Annotated[int, Meta(ge=2, le=10_000)]
Level = Annotated[float, Meta(ge=0.0, le=100.0)]
Multiple = Annotated[float, Meta(gt=0.0, le=100.0)]

TIE = 1e-10
"""Parts of the price by which two equal averages may differ through rounding alone. Prices lie on a
grid, so averages often are equal; without this, the last bits of two sums would decide a cross."""


class MaCrossRsiConfig(
    StrategyBase, frozen=True, kw_only=True, tag_field="kind", tag="ma-cross-rsi"
):
    """Configuration of the baseline.

    fast, slow           bars in the two averages of closing prices; fast < slow
    rsi_period           bars
    rsi_low, rsi_high    no buying at or above `rsi_high`, no selling at or below `rsi_low`
    atr_period           bars
    stop_atr             stop distance in ATRs
    target_r             target distance in stop distances
    """

    fast: Period = 20
    slow: Period = 50
    rsi_period: Period = 14
    rsi_low: Level = 30.0
    rsi_high: Level = 70.0
    atr_period: Period = 14
    stop_atr: Multiple = 2.0
    target_r: Multiple = 2.0


class MaCrossRsi(msgspec.Struct, tag="ma-cross-rsi"):
    """Buy when the fast average crosses above the slow one and RSI is not yet overbought; sell
    mirrored.

    gap    fast minus slow average as of the last bar, None before there was one
    cross  +1 when they crossed upwards on the last bar, -1 downwards, 0 neither
    """

    VERSION: ClassVar[int] = 2

    config: MaCrossRsiConfig
    averages: AverageGap
    rsi: RelativeStrength
    atr: AverageTrueRange
    gap: float | None = None
    cross: int = 0

    @classmethod
    def of(cls, config: MaCrossRsiConfig) -> Self:
        """Return a strategy that has seen nothing yet."""
        return cls(
            config,
            AverageGap(config.fast, config.slow),
            RelativeStrength(config.rsi_period),
            AverageTrueRange(config.atr_period),
        )

    @property
    def warmup(self) -> int:
        """Bars until a strategy built afresh decides like one that has always run.

        The averages forget at once, and a cross needs one bar more. Wilder's smoothing never quite
        forgets: after ten periods the beginning still weighs (1 - 1/n) ** (10 * n) of a value,
        less than 5 parts in 100,000 for every period n.
        """
        config = self.config
        smoothed = SETTLED * max(config.rsi_period, config.atr_period)
        return max(config.slow, smoothed) + 1

    def update(self, bar: BarClosed) -> None:
        """Take in one more bar."""
        close, averages = bar.close, self.averages
        after = averages.update(close)
        self.rsi.update(close)
        self.atr.update(bar.high, bar.low, close)
        if not averages.ready:
            return
        before = self.gap
        if abs(after) < TIE * close:
            after = 0.0
        self.gap = after
        if before is not None:
            self.cross = (after > 0.0 >= before) - (after < 0.0 <= before)

    def follow(self, bars: Sequence[BarClosed]) -> int:
        """Take in bars up to the next cross of the averages; return how many."""
        if self.gap is None:
            return follow((self,), bars)
        closes = [bar.close for bar in bars]
        count, before, after = self.averages.follow(closes, self.gap, TIE)
        self.gap = after
        self.cross = (after > 0.0 >= before) - (after < 0.0 <= before)
        self.rsi.follow(closes[:count])
        self.atr.follow(bars[:count])
        return count

    def propose(self) -> Proposal | None:
        """Say what the bars taken in so far ask for."""
        cross = self.cross
        if cross == 0 or not (self.rsi.ready and self.atr.ready):
            return None
        config, rsi = self.config, self.rsi.value
        if (cross > 0 and rsi >= config.rsi_high) or (cross < 0 and rsi <= config.rsi_low):
            return None
        stop = config.stop_atr * self.atr.value
        if stop <= 0.0:
            return None
        return Proposal(
            side="buy" if cross > 0 else "sell",
            stop_distance=stop,
            target_distance=config.target_r * stop,
            reason=(
                f"MA {config.fast} crossed {'above' if cross > 0 else 'below'} "
                f"MA {config.slow}, RSI {rsi:.1f}"
            ),
        )
