"""A strategy's newest wish counts: where its pending order still waits for its price, the order is
moved there rather than a second one laid.

The order keeps its volume, so it is moved only where that risks no more than it did, or than a new
order might.
"""

from __future__ import annotations

from engine.broker.prices import at_close, round_to_tick
from engine.config import Config
from engine.execution.changes import Terms, modify, server_msc
from engine.execution.intents import Draft, Keys
from engine.strategies.base import Proposal, StrategyBase
from journal.envelope import Event
from journal.events import BarClosed, SymbolSpecified
from projections.orders import Order
from projections.state import State

CENT = 0.005
"""Account currency by which two equal risks may differ: stops lie on the tick grid to rounding
only."""


def move(
    state: State,
    config: Config,
    event: Event[BarClosed],
    keys: Keys,
    strategy: StrategyBase,
    wish: Proposal,
) -> Draft | None:
    """Return the wish to move the pending order that a strategy has, None when it has none of this
    kind and side, or when it lies there already or cannot be moved there."""
    order = _waiting(state, strategy, wish)
    if order is None or state.run.halt_rule:
        return None
    spec = state.market.symbols[order.symbol]
    terms = _terms(order, wish, spec, server_msc(state, event) // 1000)
    if _risk(order, terms) > max(order.risk, _budget(state, config)) + CENT:
        return None
    market = at_close(event.data, spec)
    return modify(state, event, keys, order, terms, market=market, reason=wish.reason)


def _waiting(state: State, strategy: StrategyBase, wish: Proposal) -> Order | None:
    for order in state.orders.open.values():
        if (
            order.status == "working"
            and order.magic == strategy.magic
            and order.symbol == strategy.symbol
            and (order.type, order.side) == (wish.type, wish.side)
        ):
            return order
    return None


def _terms(order: Order, wish: Proposal, spec: SymbolSpecified, now_s: int) -> Terms:
    price = round_to_tick(wish.price, spec)
    limit = round_to_tick(wish.limit, spec) if wish.limit else 0.0
    entry = limit or price
    return Terms(
        price,
        limit,
        round_to_tick(entry - order.sign * wish.stop_distance, spec),
        round_to_tick(entry + order.sign * wish.target_distance, spec),
        now_s + wish.lifetime_s if wish.lifetime_s else 0,
    )


def _risk(order: Order, terms: Terms) -> float:
    """Account currency lost at the new stop, as the order's volume lost at the old one."""
    return order.risk * abs((terms.limit or terms.price) - terms.sl) / abs(order.entry - order.sl)


def _budget(state: State, config: Config) -> float:
    return state.performance.equity * config.risk.per_trade_percent / 100.0
