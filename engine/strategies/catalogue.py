"""Which strategies exist: the one list that configuration and kernel read."""

from __future__ import annotations

from engine.strategies.baseline import MaCrossRsi, MaCrossRsiConfig

StrategyConfig = MaCrossRsiConfig
"""The union of all strategies' configurations, told apart by `kind`."""


AnyStrategy = MaCrossRsi
"""The union of all strategies, as a snapshot holds them."""


def build(config: StrategyConfig) -> AnyStrategy:
    """Return a fresh strategy that has seen nothing yet."""
    return MaCrossRsi.of(config)
