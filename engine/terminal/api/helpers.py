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


class Helpers:
    """The functions over one module (whose records no type checker knows: `Any`)."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module

    def functions(self) -> dict[str, Callable[..., Any]]:
        """The functions under the module's names for them."""
        return {
            "_RawOrder": self.raw_order,
            "Buy": self.buy,
            "Sell": self.sell,
            "Close": self.close,
        }

    def raw_order(
        self,
        order_type: int,
        symbol: str,
        volume: float,
        price: float,
        comment: str | None = None,
        ticket: int | None = None,
    ) -> Any:
        """Send one market order; without a filling mode, which is FOK."""
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
        return self._module.order_send(request)

    def _at_market(
        self, order_type: int, symbol: str, volume: float, comment: str | None, ticket: int | None
    ) -> Any:
        """Try at the current price until it is neither a requote nor off."""
        result = None
        for _ in range(_ATTEMPTS):
            tick = self._module.symbol_info_tick(symbol)
            if tick is None:
                return None
            price = tick.ask if order_type == mt5.ORDER_TYPE_BUY else tick.bid
            result = self.raw_order(order_type, symbol, volume, price, comment, ticket)
            if result is None or result.retcode not in _AGAIN:
                break
        return result

    def buy(
        self,
        symbol: str,
        volume: float,
        price: float | None = None,
        *,
        comment: str | None = None,
        ticket: int | None = None,
    ) -> Any:
        """Buy at a price, or at the market."""
        if price is not None:
            return self.raw_order(mt5.ORDER_TYPE_BUY, symbol, volume, price, comment, ticket)
        return self._at_market(mt5.ORDER_TYPE_BUY, symbol, volume, comment, ticket)

    def sell(
        self,
        symbol: str,
        volume: float,
        price: float | None = None,
        *,
        comment: str | None = None,
        ticket: int | None = None,
    ) -> Any:
        """Sell at a price, or at the market."""
        if price is not None:
            return self.raw_order(mt5.ORDER_TYPE_SELL, symbol, volume, price, comment, ticket)
        return self._at_market(mt5.ORDER_TYPE_SELL, symbol, volume, comment, ticket)

    def close(self, symbol: str, *, comment: str | None = None, ticket: int | None = None) -> Any:
        """Close a symbol's positions, or one: True, "Partially" or False."""
        held = (
            self._module.positions_get(symbol=symbol)
            if ticket is None
            else self._module.positions_get(ticket=ticket)
        )
        closed = 0
        for position in held:
            side = 1 - position.type
            result = self._at_market(side, symbol, position.volume, comment, position.ticket)
            if result is None:
                return None
            closed += result.retcode == mt5.TRADE_RETCODE_DONE
        if not closed:
            return False
        return True if closed == len(held) else "Partially"
