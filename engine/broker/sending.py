"""Sends one intent or one change, once, as the request that fits what the broker has at this
moment.

Positions are found by identifier and traded by ticket, as a ticket may change (facts 4.1). What is
gone or is not as it was meant is not sent, and the reply says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypedDict

import msgspec

from engine.broker.calls import Calls
from engine.broker.fault import Fault
from engine.broker.gateway import CallFailed
from engine.broker.identity import check_identity
from engine.broker.records import (
    Translation,
    order_listed,
    position_seen,
    tick_seen,
)
from engine.broker.requests import (
    PENDING,
    Lifetime,
    OrderType,
    Pending,
    close_by,
    close_position,
    market_order,
    modify_pending,
    pending_order,
    remove_pending,
    set_stops,
)
from engine.config import Account
from journal.errors import BrokerError
from journal.events import (
    BrokerReplied,
    ChangeIntended,
    OrderIntended,
    OrderListed,
    PositionSeen,
    SymbolSpecified,
)

NOT_SENT = -10004
INVALID = -2
"""The module's own codes for what never left it, borrowed for what never left the adapter."""

DUST = 1e-9
"""Lots by which two equal volumes may differ."""

STOP_LIMITS = (OrderType.BUY_STOP_LIMIT, OrderType.SELL_STOP_LIMIT)

Request = dict[str, Any]


class MovedOn(BrokerError):
    """What was meant is gone, or is not as it was."""


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What `order_send` returned."""

    retcode: int
    deal: int
    order: int
    volume: float
    price: float
    bid: float
    ask: float
    comment: str
    request_id: int
    retcode_external: int


_answer = Translation(Answer, "answer")


class Sender:
    """One account's."""

    def __init__(
        self,
        calls: Calls,
        account: Account,
        specs: Mapping[str, SymbolSpecified],
        specify: Callable[[str], Awaitable[SymbolSpecified]],
    ) -> None:
        """`specs`: constraints of the symbols that were asked for; `specify` asks for others."""
        self._calls, self._account = calls, account
        self._specs, self._specify = specs, specify
        self._requests: dict[str, Callable[[Any, SymbolSpecified], Awaitable[Request]]] = {
            "open": self._open,
            "close": self._close,
            "close by": self._close_by,
            "levels": self._levels,
            "modify": self._modify,
            "cancel": self._cancel,
        }

    async def send(self, wish: OrderIntended | ChangeIntended) -> BrokerReplied:
        """Send it. A failure before the sending call is a refusal by proof, and says so."""
        try:
            spec = self._specs.get(wish.symbol) or await self._specify(wish.symbol)
            request = await self._requests[wish.action](wish, spec)
        except CallFailed as error:
            return no_reply(wish.key, NOT_SENT, f"nothing was sent: {error}")
        except MovedOn as error:
            return no_reply(wish.key, Fault.MOVED_ON, str(error))
        except BrokerError as error:
            return no_reply(wish.key, INVALID, str(error))
        try:
            result = await self._calls.call("order_send", request)
        except CallFailed as error:
            return no_reply(wish.key, error.code, error.text)
        try:
            answer = _answer(result)
        except BrokerError as error:  # it may well have been carried out
            return no_reply(wish.key, Fault.GARBLED, str(error))
        return BrokerReplied(
            key=wish.key,
            retcode=answer.retcode,
            error=1,
            error_text="",
            deal=answer.deal,
            order=answer.order,
            volume=answer.volume,
            price=answer.price,
            bid=answer.bid,
            ask=answer.ask,
            comment=answer.comment,
            request_id=answer.request_id,
            retcode_external=answer.retcode_external,
        )

    async def _open(self, intent: OrderIntended, spec: SymbolSpecified) -> Request:
        if intent.type != "market":
            pending = Pending(
                type=PENDING[intent.type, intent.side],
                volume=intent.volume,
                price=intent.price,
                stoplimit=intent.limit,
                sl=intent.sl,
                tp=intent.tp,
                **_lifetime(intent.expiration),
            )
            return pending_order(pending, spec, magic=intent.magic, key=intent.key)
        symbol = intent.symbol
        tick = tick_seen(await self._calls.call("symbol_info_tick", symbol), symbol)
        return market_order(intent, spec, tick.bid, tick.ask)

    async def _close(self, intent: OrderIntended, spec: SymbolSpecified) -> Request:
        position = await self._position(intent, intent.position)
        if (position.type == OrderType.BUY) != (intent.side == "sell"):
            raise MovedOn(f"position {intent.position} has turned round")
        if position.volume < intent.volume - DUST:
            raise MovedOn(
                f"position {intent.position} has {position.volume:g} lots, {intent.volume:g} were "
                "to be closed"
            )
        symbol = intent.symbol
        tick = tick_seen(await self._calls.call("symbol_info_tick", symbol), symbol)
        return close_position(
            position, intent.volume, spec, tick, key=intent.key, deviation=intent.deviation
        )

    async def _close_by(self, intent: OrderIntended, spec: SymbolSpecified) -> Request:
        del spec
        position = await self._position(intent, intent.position)
        opposite = await self._position(intent, intent.by)
        if position.type == opposite.type:
            raise MovedOn(f"positions {intent.position} and {intent.by} lie on the same side")
        if abs(min(position.volume, opposite.volume) - intent.volume) > DUST:
            raise MovedOn(
                f"positions {intent.position} and {intent.by} have {position.volume:g} and "
                f"{opposite.volume:g} lots, {intent.volume:g} were to be closed"
            )
        return close_by(position, opposite, key=intent.key)

    async def _levels(self, wish: ChangeIntended, spec: SymbolSpecified) -> Request:
        await self._check_account()
        position = await self._position(wish, wish.position)
        return set_stops(position, wish.sl, wish.tp, spec)

    async def _modify(self, wish: ChangeIntended, spec: SymbolSpecified) -> Request:
        await self._check_account()
        order = await self._order(wish)
        if (order.type in STOP_LIMITS) != bool(wish.limit):
            raise MovedOn(f"order {wish.ticket} has been triggered")
        pending = Pending(
            type=OrderType(order.type),
            volume=order.volume,
            price=wish.price,
            stoplimit=wish.limit,
            sl=wish.sl,
            tp=wish.tp,
            **_lifetime(wish.expiration),
        )
        return modify_pending(wish.ticket, pending, spec)

    async def _cancel(self, wish: ChangeIntended, spec: SymbolSpecified) -> Request:
        del spec
        await self._check_account()
        await self._order(wish)
        return remove_pending(wish.ticket)

    async def _check_account(self) -> None:
        """Hold the account against the configured one: a change needs no quote, with which it was
        checked for an order."""
        check_identity(await self._calls.call("account_info"), self._account)

    async def _position(
        self, wish: OrderIntended | ChangeIntended, identifier: int
    ) -> PositionSeen:
        """Return a position as it is now; the request bears the magic that was wished, as an
        adopted position has another's."""
        for record in await self._calls.call("positions_get", symbol=wish.symbol):
            position = position_seen(record)
            if position.identifier == identifier:
                return msgspec.structs.replace(position, magic=wish.magic)
        raise MovedOn(f"position {identifier} in {wish.symbol} is not open any more")

    async def _order(self, wish: ChangeIntended) -> OrderListed:
        for record in await self._calls.call("orders_get", ticket=wish.ticket):
            return order_listed(record)
        raise MovedOn(f"order {wish.ticket} in {wish.symbol} is not live any more")


class _Lifetime(TypedDict):
    lifetime: Lifetime
    expiration: int


def _lifetime(expiration: int) -> _Lifetime:
    """Until a server second; without one, until it is cancelled."""
    kind = Lifetime.SPECIFIED if expiration else Lifetime.GTC
    return {"lifetime": kind, "expiration": expiration}


def no_reply(key: str, error: int, text: str) -> BrokerReplied:
    """Return what is recorded where no answer came: the code and the words of the failure."""
    return BrokerReplied(key, 0, int(error), text, 0, 0, 0.0, 0.0, 0.0, 0.0, "", 0, 0)
