"""MT5's request dictionaries, built from intents. Pure; what the module demands of types is settled
here.

The module refuses an int where it wants a float and the other way round (facts 1.5), reads a
missing `type_filling` as FOK, and takes 29 UTF-16 units of a comment.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import Any

from journal.errors import BrokerError
from journal.events import OrderIntended, SymbolSpecified

TRADE_ACTION_DEAL = 1
COMMENT_UNITS = 29


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

    `bid`, `ask`: the market now, price units. Raises BrokerError for numbers that are not finite:
    the module would
    let them pass.
    """
    buy = intent.side == "buy"
    request: dict[str, Any] = {
        "action": TRADE_ACTION_DEAL,
        "magic": intent.magic,
        "symbol": intent.symbol,
        "volume": float(intent.volume),
        "price": float(ask if buy else bid),
        "sl": float(intent.sl),
        "tp": float(intent.tp),
        "deviation": intent.deviation,
        "type": 0 if buy else 1,
        "type_filling": int(filling_for_market_order(spec)),
        "comment": comment(intent.key),
    }
    for name, value in request.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise BrokerError(
                f"order {intent.key}: {name} is {value}; only finite numbers may be sent"
            )
    return request


def comment(text: str) -> str:
    """Return `text` cut to what the module accepts: 29 UTF-16 units."""
    units = text.encode("utf-16-le")[: 2 * COMMENT_UNITS]
    return units.decode("utf-16-le", errors="ignore")
