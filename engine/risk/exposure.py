"""How much of the account is at the market: what counts towards the limits, and what a stranger's
positions have to do with it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator

from engine.config import Config
from engine.execution.closing import Objection
from projections.orders import VOLUME_EPSILON, Order
from projections.positions import Position
from projections.state import State


def counted(state: State, config: Config) -> Iterator[Position]:
    """Yield the open positions that count: the strategies', and by configuration everybody's."""
    everybodys = config.foreign.count_in_exposure
    magics = [strategy.magic for strategy in config.strategies]
    for position in state.positions.open.values():
        if everybodys or position.strategy or position.magic in magics:
            yield position


def exceeded(state: State, config: Config, order: Order, volume: float) -> Objection | None:
    """Return rule and reason why `volume` lots more would be too much, None when they are not.

    Orders that are under way count as if they were filled.
    """
    most, lots = config.risk.most_positions, config.risk.most_lots
    if not most and not lots:
        return None
    held = list(counted(state, config))
    coming = [
        o for o in state.orders.open.values() if o.action == "open" and o.volume and o is not order
    ]
    if most and len(held) + len(coming) >= most:
        return "positions", f"{len(held)} are open and {len(coming)} on the way, of {most} allowed"
    amounts = [(p.symbol, p.volume) for p in held] + [(o.symbol, o.volume) for o in coming]
    of_symbol = math.fsum(volume for symbol, volume in amounts if symbol == order.symbol)
    if lots and of_symbol + volume > lots + VOLUME_EPSILON:
        return "lots", (
            f"{of_symbol:g} lots of {order.symbol} and {volume:g} more are above {lots:g}"
        )
    return None
