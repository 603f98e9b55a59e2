"""Altering what the broker has already: levels of positions, pending orders. Each returns what is
to be intended, or nothing where nothing is to be sent.

Nothing is sent that changes nothing or that the broker's distances forbid, nothing while another
change of the same thing is under way or something of the symbol is in doubt.
"""

from __future__ import annotations

from typing import Any

import msgspec

from engine.broker.prices import (
    Prices,
    order_frozen,
    pending_problem,
    position_frozen,
    round_to_tick,
    stops_problem,
)
from engine.execution.closing import unknown
from engine.execution.intents import Draft, Keys
from journal.envelope import Event
from journal.events import ChangeIntended, SymbolSpecified
from projections.changes import of_order, of_position
from projections.orders import LIVE, Order, closing
from projections.positions import Position
from projections.run import SWITCHED_OFF
from projections.state import State


class Terms(msgspec.Struct, frozen=True):
    """A pending order's prices (price units, 0 for none) and its end (server seconds, 0 for
    never)."""

    price: float
    limit: float
    sl: float
    tp: float
    expiration: int


NONE = Terms(0.0, 0.0, 0.0, 0.0, 0)
"""Of what is cancelled."""


def change_levels(
    state: State,
    event: Event[Any],
    keys: Keys,
    position: Position,
    *,
    sl: float,
    tp: float,
    market: Prices,
    reason: str,
) -> Draft | None:
    """Return the wish that a position has these levels (price units, 0 for none), None when it has
    them or cannot be given them now.

    market  Bid and Ask as last known: the broker demands distances from them
    """
    spec = state.market.symbols.get(position.symbol)
    if spec is None or _still(state, position.symbol):
        return None
    if of_position(state.changes, position.identifier) is not None:
        return None
    sl, tp = _grid(sl, spec), _grid(tp, spec)
    if (sl, tp) == (_grid(position.sl, spec), _grid(position.tp, spec)):
        return None
    if closing(state.orders, position.identifier) is not None:
        return None
    side = "buy" if position.side > 0 else "sell"
    if position_frozen(side, market, position.sl, position.tp, spec):
        return None
    if stops_problem(side, market, sl, tp, spec):
        return None
    key = keys.take()
    wish = ChangeIntended(
        key=key,
        strategy=position.strategy,
        magic=position.magic,
        symbol=position.symbol,
        action="levels",
        position=position.identifier,
        ticket=position.ticket,
        order_key="",
        price=0.0,
        limit=0.0,
        sl=sl,
        tp=tp,
        expiration=0,
        reason=reason,
        login=state.run.login,
        server=state.run.server,
        server_msc=server_msc(state, event),
    )
    return wish, key


def modify(
    state: State,
    event: Event[Any],
    keys: Keys,
    order: Order,
    terms: Terms,
    *,
    market: Prices,
    reason: str,
) -> Draft | None:
    """Return the wish that a pending order has these terms, None when it has them or cannot be
    given them now."""
    spec = state.market.symbols.get(order.symbol)
    if spec is None or not _changeable(state, order):
        return None
    price, limit, sl, tp = (
        _grid(level, spec) for level in (terms.price, terms.limit, terms.sl, terms.tp)
    )
    wanted = Terms(price, limit, sl, tp, terms.expiration)
    if wanted == Terms(order.price, order.limit, order.sl, order.tp, order.expiration):
        return None
    if order_frozen(order.side, market, order.price, spec):
        return None
    if pending_problem(
        order.type, order.side, market, price=price, limit=limit, sl=sl, tp=tp, spec=spec
    ):
        return None
    return _of_order(state, event, keys, order, wanted, reason)


def cancel(state: State, event: Event[Any], keys: Keys, order: Order, reason: str) -> Draft | None:
    """Return the wish that a pending order is cancelled, None when it cannot be now."""
    if not _changeable(state, order):
        return None
    return _of_order(state, event, keys, order, NONE, reason)


def _of_order(
    state: State,
    event: Event[Any],
    keys: Keys,
    order: Order,
    wanted: Terms,
    reason: str,
) -> Draft:
    key = keys.take()
    wish = ChangeIntended(
        key=key,
        strategy=order.strategy,
        magic=order.magic,
        symbol=order.symbol,
        action="cancel" if wanted is NONE else "modify",
        position=0,
        ticket=order.ticket,
        order_key=order.key,
        price=wanted.price,
        limit=wanted.limit,
        sl=wanted.sl,
        tp=wanted.tp,
        expiration=wanted.expiration,
        reason=reason,
        login=state.run.login,
        server=state.run.server,
        server_msc=server_msc(state, event),
    )
    return wish, key


def server_msc(state: State, event: Event[Any]) -> int:
    """Return the server milliseconds of an event, by the offset that was measured last."""
    return event.ts // 1_000_000 + state.market.offset_s * 1000


def _still(state: State, symbol: str) -> bool:
    """Whether nothing may be sent for a symbol: switched off, or something of it in doubt."""
    return state.run.halt_rule == SWITCHED_OFF or unknown(state, symbol) is not None


def _changeable(state: State, order: Order) -> bool:
    return (
        order.is_pending
        and order.status in LIVE
        and not _still(state, order.symbol)
        and of_order(state.changes, order.key) is None
    )


def _grid(price: float, spec: SymbolSpecified) -> float:
    return round_to_tick(price, spec) if price else 0.0
