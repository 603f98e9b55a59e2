"""The module's four functions written in Python: `Buy`, `Sell`, `Close`, `_RawOrder`.

They use the module as any program would, and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from engine.terminal import constants as mt5

_ATTEMPTS = 10
_DEVIATION = 10
_AGAIN = (mt5.TRADE_RETCODE_REQUOTE, mt5.TRADE_RETCODE_PRICE_OFF)


def helpers(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """The functions, bound to a module (whose records only a program's eyes can type: `Any`)."""

    def _RawOrder(  # noqa: N802 (the module's name)
        order_type: int,
        symbol: str,
        volume: float,
        price: float,
        comment: str | None = None,
        ticket: int | None = None,
    ) -> Any:
        request: dict[str, object] = {
            "action": mt5.TRADE_ACTION_DEAL,
            "symbol": symbol,
            "volume": volume,
            "type": order_type,
            "price": price,
            "deviation": _DEVIATION,
        }
        if comment is not None:
            request["comment"] = comment
        if ticket is not None:
            request["position"] = ticket
        return module.order_send(request)

    def at_market(
        order_type: int, symbol: str, volume: float, comment: str | None, ticket: int | None
    ) -> Any:
        """Try at the current price until it is neither a requote nor off."""
        result = None
        for _ in range(_ATTEMPTS):
            tick = module.symbol_info_tick(symbol)
            if tick is None:
                return None
            price = tick.ask if order_type == mt5.ORDER_TYPE_BUY else tick.bid
            result = _RawOrder(order_type, symbol, volume, price, comment, ticket)
            if result is None or result.retcode not in _AGAIN:
                break
        return result

    def Buy(  # noqa: N802 (the module's name)
        symbol: str,
        volume: float,
        price: float | None = None,
        *,
        comment: str | None = None,
        ticket: int | None = None,
    ) -> Any:
        if price is not None:
            return _RawOrder(mt5.ORDER_TYPE_BUY, symbol, volume, price, comment, ticket)
        return at_market(mt5.ORDER_TYPE_BUY, symbol, volume, comment, ticket)

    def Sell(  # noqa: N802 (the module's name)
        symbol: str,
        volume: float,
        price: float | None = None,
        *,
        comment: str | None = None,
        ticket: int | None = None,
    ) -> Any:
        if price is not None:
            return _RawOrder(mt5.ORDER_TYPE_SELL, symbol, volume, price, comment, ticket)
        return at_market(mt5.ORDER_TYPE_SELL, symbol, volume, comment, ticket)

    def Close(  # noqa: N802 (the module's name)
        symbol: str, *, comment: str | None = None, ticket: int | None = None
    ) -> Any:
        held = (
            module.positions_get(symbol=symbol)
            if ticket is None
            else module.positions_get(ticket=ticket)
        )
        closed = 0
        for position in held:
            result = at_market(1 - position.type, symbol, position.volume, comment, position.ticket)
            if result is None:
                return None
            closed += result.retcode == mt5.TRADE_RETCODE_DONE
        if not closed:
            return False
        return True if closed == len(held) else "Partially"

    return {"_RawOrder": _RawOrder, "Buy": Buy, "Sell": Sell, "Close": Close}
