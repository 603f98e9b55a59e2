"""Which strategies exist: the one list that configuration and kernel read."""

from __future__ import annotations

from engine.strategies.baseline import MaCrossRsi, MaCrossRsiConfig
from engine.strategies.breakout import Breakout, BreakoutConfig

StrategyConfig = MaCrossRsiConfig | BreakoutConfig
"""The union of all strategies' configurations, told apart by `kind`."""

AnyStrategy = MaCrossRsi | Breakout
"""The union of all strategies, as a snapshot holds them."""

STRATEGIES: tuple[type[MaCrossRsi | Breakout], ...] = (MaCrossRsi, Breakout)


def build(config: StrategyConfig) -> AnyStrategy:
    """Return a fresh strategy that has seen nothing yet."""
    if isinstance(config, BreakoutConfig):
        return Breakout.of(config)
    return MaCrossRsi.of(config)
