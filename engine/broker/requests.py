"""MT5's request dictionaries. Pure; what the module demands of types is settled
here.

The module refuses an int where it wants a float and the other way round (facts 1.5), reads a
missing `type_filling` as FOK, and takes 29 UTF-16 units of a comment.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any

import msgspec

from engine.broker.prices import Prices, round_to_tick
from engine.risk.sizing import round_down
from journal.errors import BrokerError
from journal.events import OrderIntended, PositionSeen, SymbolSpecified

COMMENT_UNITS = 29

_FLOATS = frozenset({"volume", "price", "stoplimit", "sl", "tp"})
_TEXTS = frozenset({"symbol", "comment"})


class Action(IntEnum):
    """`TRADE_ACTION_*`."""

    DEAL = 1
    PENDING = 5
    SLTP = 6
    MODIFY = 7
    REMOVE = 8
    CLOSE_BY = 10


class OrderType(IntEnum):
    """`ORDER_TYPE_*`."""

    BUY = 0
    SELL = 1
    BUY_LIMIT = 2
    SELL_LIMIT = 3
    BUY_STOP = 4
    SELL_STOP = 5
    BUY_STOP_LIMIT = 6
    SELL_STOP_LIMIT = 7
    CLOSE_BY = 8


class Lifetime(IntEnum):
    """`ORDER_TIME_*`."""

    GTC = 0
    DAY = 1
    SPECIFIED = 2
    SPECIFIED_DAY = 3


class Filling(IntEnum):
    """`ORDER_FILLING_*`."""

    FOK = 0
    IOC = 1
    RETURN = 2
    BOC = 3


class Execution(IntEnum):
    """`SYMBOL_TRADE_EXECUTION_*`."""

    REQUEST = 0
    INSTANT = 1
    MARKET = 2
    EXCHANGE = 3


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A pending order; prices in price units, 0 for none.

    price       at which it fills or triggers
    stoplimit   of a stop-limit, the price of the limit order that its trigger places
    expiration  server seconds, for the lifetimes that need it
    """

    type: OrderType
    volume: float
    price: float
    stoplimit: float = 0.0
    sl: float = 0.0
    tp: float = 0.0
    lifetime: Lifetime = Lifetime.GTC
    expiration: int = 0


PENDING = {
    ("limit", "buy"): OrderType.BUY_LIMIT,
    ("limit", "sell"): OrderType.SELL_LIMIT,
    ("stop", "buy"): OrderType.BUY_STOP,
    ("stop", "sell"): OrderType.SELL_STOP,
    ("stop limit", "buy"): OrderType.BUY_STOP_LIMIT,
    ("stop limit", "sell"): OrderType.SELL_STOP_LIMIT,
}
"""MT5's type of a pending order, by the kind that was intended and its side."""

FOK_BIT, IOC_BIT = 1, 2
"""Of a symbol's `filling_mode` mask; the bit 4 is BOC, and RETURN has none (facts 3.3)."""


def filling_for_market_order(spec: SymbolSpecified) -> Filling:
    """Choose the filling mode of a market order from execution mode and mask, never by trial.

    All or nothing where it can be had: a partial fill under a full-size stop is a surprise. Raises
    BrokerError
    when the symbol allows no filling at all.
    """
    if spec.execution_mode in (Execution.REQUEST, Execution.INSTANT) or spec.filling_mode & FOK_BIT:
        return Filling.FOK
    if spec.filling_mode & IOC_BIT:
        return Filling.IOC
    if spec.execution_mode == Execution.EXCHANGE:
        return Filling.RETURN
    raise BrokerError(
        f"{spec.symbol} has execution mode {spec.execution_mode} and filling mask "
        f"{spec.filling_mode}: no filling mode is allowed for market orders; ask the broker"
    )


def market_order(
    intent: OrderIntended, spec: SymbolSpecified, bid: float, ask: float
) -> dict[str, Any]:
    """Return the request that opens a position at the market.

    `bid`, `ask`: the market now, price units. Raises BrokerError for what may not be sent: numbers
    that are not finite (the module would let them pass), a volume outside the symbol's rules.
    """
    buy = intent.side == "buy"
    request: dict[str, Any] = {
        "action": Action.DEAL,
        "magic": intent.magic,
        "symbol": intent.symbol,
        "volume": intent.volume,
        "price": ask if buy else bid,
        "sl": intent.sl,
        "tp": intent.tp,
        "deviation": intent.deviation,
        "type": OrderType.BUY if buy else OrderType.SELL,
        "type_filling": filling_for_market_order(spec),
        "comment": intent.key,
    }
    return checked(request, spec)


def close_position(
    position: PositionSeen,
    volume: float,
    spec: SymbolSpecified,
    quote: Prices,
    *,
    key: str,
    deviation: int,
) -> dict[str, Any]:
    """Return the request that closes `volume` lots of a position, at the market.

    It names the position: without it a hedging account would open an opposite one. Raises
    BrokerError for what may not be sent.
    """
    buy = position.type == OrderType.SELL
    request: dict[str, Any] = {
        "action": Action.DEAL,
        "magic": position.magic,
        "symbol": position.symbol,
        "volume": min(volume, position.volume),
        "price": quote.ask if buy else quote.bid,
        "deviation": deviation,
        "type": OrderType.BUY if buy else OrderType.SELL,
        "type_filling": filling_for_market_order(spec),
        "comment": key,
        "position": position.ticket,
    }
    return checked(request, spec)


def close_by(
    position: PositionSeen, opposite: PositionSeen, spec: SymbolSpecified, *, key: str
) -> dict[str, Any]:
    """Return the request that closes two opposite positions of a hedging account against each
    other; the smaller volume counts."""
    request: dict[str, Any] = {
        "action": Action.CLOSE_BY,
        "magic": position.magic,
        "symbol": position.symbol,
        "comment": key,
        "position": position.ticket,
        "position_by": opposite.ticket,
    }
    return checked(request, spec)


def set_stops(
    position: PositionSeen, sl: float, tp: float, spec: SymbolSpecified
) -> dict[str, Any]:
    """Return the request that gives a position its levels; both are always sent, 0 removes one."""
    request: dict[str, Any] = {
        "action": Action.SLTP,
        "magic": position.magic,
        "symbol": position.symbol,
        "sl": sl,
        "tp": tp,
        "position": position.ticket,
    }
    return checked(request, spec)


def pending_order(
    pending: Pending, spec: SymbolSpecified, *, magic: int, key: str
) -> dict[str, Any]:
    """Return the request that places a pending order.

    Its filling is RETURN under every execution mode (facts 3.3). Raises BrokerError for what may
    not be sent.
    """
    request: dict[str, Any] = {
        "action": Action.PENDING,
        "magic": magic,
        "symbol": spec.symbol,
        "volume": pending.volume,
        "price": pending.price,
        "sl": pending.sl,
        "tp": pending.tp,
        "type": pending.type,
        "type_filling": Filling.RETURN,
        "type_time": pending.lifetime,
        "comment": key,
    }
    if pending.stoplimit:
        request["stoplimit"] = pending.stoplimit
    if pending.expiration:
        request["expiration"] = pending.expiration
    return checked(request, spec)


def modify_pending(ticket: int, pending: Pending, spec: SymbolSpecified) -> dict[str, Any]:
    """Return the request that moves a pending order. Volume and type cannot be changed; levels that
    are left out would be deleted, so all are sent."""
    request: dict[str, Any] = {
        "action": Action.MODIFY,
        "order": ticket,
        "symbol": spec.symbol,
        "price": pending.price,
        "sl": pending.sl,
        "tp": pending.tp,
        "type_time": pending.lifetime,
        "expiration": pending.expiration,
    }
    if pending.stoplimit:
        request["stoplimit"] = pending.stoplimit
    return checked(request, spec)


def remove_pending(ticket: int) -> dict[str, Any]:
    """Return the request that cancels a pending order."""
    return {"action": int(Action.REMOVE), "order": int(ticket)}


def checked(request: dict[str, Any], spec: SymbolSpecified) -> dict[str, Any]:
    """Return the request as the module and the symbol demand it.

    Prices on the tick grid (a level of 0 means none), the volume rounded down to the step, floats
    where floats are wanted and plain ints everywhere else, the comment cut. Raises BrokerError for
    numbers that are not finite or negative, and for a volume outside the symbol's bounds.
    """
    sent: dict[str, Any] = {}
    for name, value in request.items():
        if name in _FLOATS:
            number = float(value)
            if not 0.0 <= number < math.inf:
                raise BrokerError(
                    f"{_subject(request)}: {name} is {number}; only finite numbers from 0 may be "
                    "sent"
                )
            if name == "volume":
                sent[name] = _lots(number, spec, request)
            else:
                sent[name] = round_to_tick(number, spec) if number else 0.0
        elif name in _TEXTS:
            sent[name] = value
        else:
            sent[name] = int(value)
    if "comment" in sent:
        sent["comment"] = comment(sent["comment"])
    return sent


def _lots(value: float, spec: SymbolSpecified, request: dict[str, Any]) -> float:
    volume = round_down(value, spec.volume_step)
    if not spec.volume_min <= volume <= spec.volume_max:
        raise BrokerError(
            f"{_subject(request)}: volume {value:g} is {volume:g} in whole steps of "
            f"{spec.volume_step:g}; {spec.symbol} takes {spec.volume_min:g} to {spec.volume_max:g}"
        )
    return volume


def _subject(request: dict[str, Any]) -> str:
    return f"order {request['comment']}" if "comment" in request else "the request"


def comment(text: str) -> str:
    """Return `text` cut to what the module accepts: 29 UTF-16 units."""
    if text.isascii():  # one unit each, as in every key
        return text[:COMMENT_UNITS]
    units = text.encode("utf-16-le")[: 2 * COMMENT_UNITS]
    return units.decode("utf-16-le", errors="ignore")
