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
    if spec.filling_mode & FOK_BIT or spec.execution_mode in (Execution.REQUEST, Execution.INSTANT):
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
    buy, key = intent.side == "buy", intent.key
    return {
        "action": int(Action.DEAL),
        "magic": intent.magic,
        "symbol": intent.symbol,
        "volume": _lots(intent.volume, spec, key),
        "price": _price("price", ask if buy else bid, spec, key),
        "sl": _price("sl", intent.sl, spec, key),
        "tp": _price("tp", intent.tp, spec, key),
        "deviation": intent.deviation,
        "type": int(OrderType.BUY if buy else OrderType.SELL),
        "type_filling": int(filling_for_market_order(spec)),
        "comment": comment(key),
    }


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
    return {
        "action": int(Action.DEAL),
        "magic": position.magic,
        "symbol": position.symbol,
        "volume": _lots(min(volume, position.volume), spec, key),
        "price": _price("price", quote.ask if buy else quote.bid, spec, key),
        "deviation": deviation,
        "type": int(OrderType.BUY if buy else OrderType.SELL),
        "type_filling": int(filling_for_market_order(spec)),
        "comment": comment(key),
        "position": position.ticket,
    }


def close_by(position: PositionSeen, opposite: PositionSeen, *, key: str) -> dict[str, Any]:
    """Return the request that closes two opposite positions of a hedging account against each
    other; the smaller volume counts."""
    return {
        "action": int(Action.CLOSE_BY),
        "magic": position.magic,
        "symbol": position.symbol,
        "comment": comment(key),
        "position": position.ticket,
        "position_by": opposite.ticket,
    }


def set_stops(
    position: PositionSeen, sl: float, tp: float, spec: SymbolSpecified
) -> dict[str, Any]:
    """Return the request that gives a position its levels; both are always sent, 0 removes one."""
    return {
        "action": int(Action.SLTP),
        "magic": position.magic,
        "symbol": position.symbol,
        "sl": _price("sl", sl, spec),
        "tp": _price("tp", tp, spec),
        "position": position.ticket,
    }


def pending_order(
    pending: Pending, spec: SymbolSpecified, *, magic: int, key: str
) -> dict[str, Any]:
    """Return the request that places a pending order.

    Its filling is RETURN under every execution mode (facts 3.3). Raises BrokerError for what may
    not be sent.
    """
    request: dict[str, Any] = {
        "action": int(Action.PENDING),
        "magic": magic,
        "symbol": spec.symbol,
        "volume": _lots(pending.volume, spec, key),
        "price": _price("price", pending.price, spec, key),
        "sl": _price("sl", pending.sl, spec, key),
        "tp": _price("tp", pending.tp, spec, key),
        "type": int(pending.type),
        "type_filling": int(Filling.RETURN),
        "type_time": int(pending.lifetime),
        "comment": comment(key),
    }
    if pending.stoplimit:
        request["stoplimit"] = _price("stoplimit", pending.stoplimit, spec, key)
    if pending.expiration:
        request["expiration"] = pending.expiration
    return request


def modify_pending(ticket: int, pending: Pending, spec: SymbolSpecified) -> dict[str, Any]:
    """Return the request that moves a pending order. Volume and type cannot be changed; levels that
    are left out would be deleted, so all are sent."""
    request: dict[str, Any] = {
        "action": int(Action.MODIFY),
        "order": ticket,
        "symbol": spec.symbol,
        "price": _price("price", pending.price, spec),
        "sl": _price("sl", pending.sl, spec),
        "tp": _price("tp", pending.tp, spec),
        "type_time": int(pending.lifetime),
        "expiration": pending.expiration,
    }
    if pending.stoplimit:
        request["stoplimit"] = _price("stoplimit", pending.stoplimit, spec)
    return request


def remove_pending(ticket: int) -> dict[str, Any]:
    """Return the request that cancels a pending order."""
    return {"action": int(Action.REMOVE), "order": ticket}


def _price(name: str, value: float, spec: SymbolSpecified, key: str = "") -> float:
    """Return a price or a level on the tick grid; a level of 0 means none."""
    price = _number(name, value, key)
    return round_to_tick(price, spec) if price else 0.0


def _lots(value: float, spec: SymbolSpecified, key: str) -> float:
    """Return a volume rounded down to the step. Raises BrokerError for one outside the symbol's
    bounds."""
    volume = round_down(_number("volume", value, key), spec.volume_step)
    if not spec.volume_min <= volume <= spec.volume_max:
        raise BrokerError(
            f"order {key}: volume {value:g} is {volume:g} in whole steps of {spec.volume_step:g}; "
            f"{spec.symbol} takes {spec.volume_min:g} to {spec.volume_max:g}"
        )
    return volume


def _number(name: str, value: float, key: str) -> float:
    """Return a float, as the module wants one where a whole number would do. Raises BrokerError
    for what is not finite or negative: the module would let it pass."""
    number = float(value)
    if not 0.0 <= number < math.inf:
        subject = f"order {key}" if key else "the request"
        raise BrokerError(f"{subject}: {name} is {number}; only finite numbers from 0 may be sent")
    return number


def comment(text: str) -> str:
    """Return `text` cut to what the module accepts: 29 UTF-16 units."""
    if text.isascii():  # one unit each, as in every key
        return text[:COMMENT_UNITS]
    units = text.encode("utf-16-le")[: 2 * COMMENT_UNITS]
    return units.decode("utf-16-le", errors="ignore")
