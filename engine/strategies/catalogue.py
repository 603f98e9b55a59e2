"""Which strategies exist: the one list that configuration and kernel read."""

from __future__ import annotations

from engine.strategies.base import Strategy
from engine.strategies.baseline import MaCrossRsi, MaCrossRsiConfig

StrategyConfig = MaCrossRsiConfig
"""The union of all strategies' configurations, told apart by `kind`."""


def build(config: StrategyConfig) -> Strategy:
    """Return a fresh strategy that has seen nothing yet."""
    return MaCrossRsi(config)
