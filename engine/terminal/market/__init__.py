"""Markets: where the simulated terminal's prices come from."""

from __future__ import annotations

from engine.terminal.market.bars import BarMarket
from engine.terminal.market.base import Market
from engine.terminal.market.generated import RandomMarket, Walk
from engine.terminal.market.ticks import TickMarket

__all__ = ["BarMarket", "Market", "RandomMarket", "TickMarket", "Walk"]
