"""`order_check`, `order_send`, `order_calc_margin`, `order_calc_profit`."""

from __future__ import annotations

import math

from engine.terminal import constants as mt5
from engine.terminal.api.conventions import CallFailed, Link, keywords, positional
from engine.terminal.arguments import (
    INVALID_ARGUMENTS,
    INVALID_COUNT,
    UNNAMED_NOT_ALLOWED,
    c_action,
    c_double,
    exactly,
    symbol,
)
from engine.terminal.desk import Reply
from engine.terminal.records import OrderCheckResult, OrderSendResult
from engine.terminal.request import ArgumentRefused, Request, parse
from engine.terminal.server import Server
from engine.terminal.snapshots import Record

_SIDES = (mt5.ORDER_TYPE_BUY, mt5.ORDER_TYPE_SELL)


class Trading:
    """The functions that trade."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @keywords()
    def order_send(self, args: tuple[object, ...], named: dict[str, object]) -> Record:
        """Send a trade request."""
        request = parse(_fields(args, named))
        self._server()
        terminal = self._link.terminal
        reply = terminal.send(request)
        sent = reply.retcode in _SENT
        return _send_result(reply, request, terminal.next_request_id() if sent else 0)

    @keywords()
    def order_check(self, args: tuple[object, ...], named: dict[str, object]) -> Record:
        """See whether a trade request would be accepted."""
        request = parse(_fields(args, named))
        reply, after = self._server().check(request)
        values = (0.0,) * 6 if after is None else after
        record: Record = OrderCheckResult((reply.retcode, *values, reply.comment, request.record()))
        return record

    def _server(self) -> Server:
        server = self._link.server()
        disabled = server.conditions.tradeapi_disabled
        if disabled and server.profile.switches.tradeapi_disabled_as == "error":
            raise CallFailed(mt5.RES_E_AUTO_TRADING_DISABLED)
        return server

    @positional()
    def order_calc_margin(self, *args: object) -> float:
        """Margin of a trade by itself, in account currency."""
        exactly(args, 4)
        action, name = c_action(args[0]), symbol(args[1])
        volume, price = c_double(args[2]), c_double(args[3])
        server = self._priced(action, name, volume, price)
        return server.account.margin_for(name, action, volume, price)

    @positional()
    def order_calc_profit(self, *args: object) -> float:
        """Profit of a trade between two prices, in account currency at the current rates."""
        exactly(args, 5)
        action, name = c_action(args[0]), symbol(args[1])
        volume, opened, closed = c_double(args[2]), c_double(args[3]), c_double(args[4])
        server = self._priced(action, name, volume, opened, closed)
        return server.account.profit_at(name, action, volume, opened, closed)

    def _priced(self, action: int, name: str, *numbers: float) -> Server:
        server = self._link.server()
        if name not in server.profile.symbols:
            raise CallFailed(mt5.RES_E_NOT_FOUND)
        if action not in _SIDES:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        for number in numbers:
            if not 0.0 < number < math.inf:
                raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        quote = server.market.quotes.get(name)
        if quote is None or not quote.bid:
            raise CallFailed(mt5.RES_E_FAIL)
        return server


#: Retcodes of requests that reached the server; the terminal refuses the others by itself.
_SENT = frozenset(
    {
        mt5.TRADE_RETCODE_REQUOTE,
        mt5.TRADE_RETCODE_PRICE_CHANGED,
        mt5.TRADE_RETCODE_PLACED,
        mt5.TRADE_RETCODE_DONE,
        mt5.TRADE_RETCODE_DONE_PARTIAL,
        mt5.TRADE_RETCODE_REJECT,
        mt5.TRADE_RETCODE_CANCEL,
        mt5.TRADE_RETCODE_ERROR,
        mt5.TRADE_RETCODE_TIMEOUT,
        mt5.TRADE_RETCODE_NO_CHANGES,
    }
)


def _send_result(reply: Reply, request: Request, request_id: int) -> Record:
    record: Record = OrderSendResult(
        (
            reply.retcode,
            reply.deal,
            reply.order,
            reply.volume,
            reply.price,
            reply.bid,
            reply.ask,
            reply.comment,
            request_id,
            0,
            request.record(),
        )
    )
    return record


def _fields(args: tuple[object, ...], named: dict[str, object]) -> dict[object, object]:
    """The request: one dict, or the keywords themselves."""
    fields: dict[object, object] = {}
    if args and named:
        raise ArgumentRefused(UNNAMED_NOT_ALLOWED)
    if named:
        fields.update(named)
        return fields
    if len(args) != 1:
        raise ArgumentRefused(INVALID_COUNT)
    if not isinstance(args[0], dict):
        raise ArgumentRefused(INVALID_ARGUMENTS)
    fields.update(args[0])
    return fields
