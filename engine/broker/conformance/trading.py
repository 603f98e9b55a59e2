"""3xx: orders of every kind that are accepted, and what the lists show of them."""

from __future__ import annotations

from typing import Any

from engine.broker import requests
from engine.broker.conformance.cases import HEDGING, NETTING, Part, case
from engine.broker.conformance.session import DONE, MAGIC, NotHere, Session
from engine.broker.mt5 import END_S
from engine.broker.requests import Lifetime, OrderType
from journal.events import PositionSeen

TRADING = Part.TRADING
PLACED, CANCELED = 1, 2
"""`ORDER_STATE_*`."""
IN, OUT, INOUT, OUT_BY = range(4)
"""`DEAL_ENTRY_*`."""
NO_CHANGES = 10025


async def _deals(session: Session, position: int, count: int) -> list[Any]:
    """Return a position's deals, oldest first, once there are so many."""

    async def look() -> list[Any] | None:
        deals = await session.deals_of(position)
        return sorted(deals, key=lambda deal: deal.ticket) if len(deals) >= count else None

    found: list[Any] = await session.eventually(f"{count} deals of the position", look)
    return found


async def _gone(session: Session, position: PositionSeen) -> None:
    async def look() -> bool:
        return all(one.identifier != position.identifier for one in await session.positions())

    await session.eventually("the position's end", look)


async def _volume(session: Session, position: PositionSeen, volume: float) -> None:
    async def look() -> bool:
        listed = await session.positions()
        return any(
            one.identifier == position.identifier and abs(one.volume - volume) < 1e-8
            for one in listed
        )

    await session.eventually(f"the position with {volume:g} lots", look)


async def _market_order(session: Session, side: str, key: str) -> None:
    position = await session.open(side, key=key)
    sign = 0 if side == "buy" else 1
    session.expect(position.type == sign, f"the position's type is {position.type}")
    session.expect(position.comment == key, f"the position's comment is {position.comment!r}")
    [deal] = await _deals(session, position.identifier, 1)
    found = (deal.entry, deal.type, deal.magic, deal.symbol, deal.comment)
    expected = (IN, sign, MAGIC, session.symbol, key)
    session.expect(found == expected, f"the deal has {found}, not {expected}")
    await session.close(position)
    await _gone(session, position)
    _, out = await _deals(session, position.identifier, 2)
    closed = (out.entry, out.type, out.volume)
    session.expect(closed == (OUT, 1 - sign, position.volume), f"the closing deal has {closed}")


@case(301, "a market buy opens a position that bears our comment and magic, and closes", TRADING)
async def _(session: Session) -> None:
    await _market_order(session, "buy", "CONF301")


@case(302, "a market sell does the same", TRADING)
async def _(session: Session) -> None:
    await _market_order(session, "sell", "CONF302")


@case(303, "a market order takes its levels along", TRADING)
async def _(session: Session) -> None:
    spec = await session.spec()
    sl, tp = await session.far(-1), await session.far(1)
    await session.done(await session.market("buy", spec.volume_min, sl=sl, tp=tp, key="CONF303"))

    async def look() -> bool:
        return any((one.sl, one.tp) == (sl, tp) for one in await session.positions())

    await session.eventually("the position with its levels", look)


@case(304, "the levels of a position can be set, and removed again", TRADING)
async def _(session: Session) -> None:
    spec = await session.spec()
    position = await session.open("buy", key="CONF304")
    for sl, tp in ((await session.far(-1), await session.far(1)), (0.0, 0.0)):
        await session.done(requests.set_stops(position, sl, tp, spec))

        async def look(sl: float = sl, tp: float = tp) -> bool:
            return any((one.sl, one.tp) == (sl, tp) for one in await session.positions())

        await session.eventually(f"the levels {sl:g} and {tp:g}", look)


@case(305, "levels that are there already are no change", TRADING)
async def _(session: Session) -> None:
    spec = await session.spec()
    position = await session.open("buy", key="CONF305")
    sl = await session.far(-1)
    await session.done(requests.set_stops(position, sl, 0.0, spec))
    result = await session.send(requests.set_stops(position, sl, 0.0, spec))
    session.expect(result.retcode in (NO_CHANGES, *DONE), f"it answered {result.retcode}")


@case(306, "a part can be closed; the rest keeps its identifier", TRADING)
async def _(session: Session) -> None:
    spec = await session.spec()
    position = await session.open("buy", steps=2, key="CONF306")
    rest = round(position.volume - spec.volume_min, 8)
    if rest < spec.volume_min:
        raise NotHere("two steps of volume are not twice the smallest")
    await session.close(position, spec.volume_min)
    await _volume(session, position, rest)


@case(307, "two positions can be closed by each other", TRADING, HEDGING)
async def _(session: Session) -> None:
    long = await session.open("buy", key="CONF307")
    short = await session.open("sell", key="CONF307")
    await session.done(requests.close_by(long, short, key="CONF307"))
    await _gone(session, long)
    await _gone(session, short)
    deals = await _deals(session, long.identifier, 2)
    session.expect(deals[-1].entry == OUT_BY, f"the closing deal's entry is {deals[-1].entry}")


@case(308, "an opposite order opens a second position", TRADING, HEDGING)
async def _(session: Session) -> None:
    long = await session.open("buy", key="CONF308")
    short = await session.open("sell", key="CONF308")
    session.expect(long.identifier != short.identifier, "there is one position")
    session.expect(len(await session.positions()) == 2, "there are not two positions")


@case(309, "an opposite order closes the position", TRADING, NETTING)
async def _(session: Session) -> None:
    position = await session.open("buy", key="CONF309")
    await session.done(await session.market("sell", position.volume, key="CONF309"))
    await _gone(session, position)


@case(310, "a larger opposite order reverses the position in one deal", TRADING, NETTING)
async def _(session: Session) -> None:
    position = await session.open("buy", key="CONF310")
    await session.done(await session.market("sell", 2 * position.volume, key="CONF310"))

    async def look() -> PositionSeen | None:
        return next((one for one in await session.positions() if one.type == 1), None)

    reversed_: PositionSeen = await session.eventually("the reversed position", look)
    session.expect(reversed_.volume == position.volume, f"its volume is {reversed_.volume}")
    deals = await session.get("history_deals_get", 1, END_S)
    turning = [deal for deal in deals if deal.magic == MAGIC and deal.entry == INOUT]
    session.expect(bool(turning), "no deal has the entry INOUT")


@case(311, "the same direction adds to the position at the average price", TRADING, NETTING)
async def _(session: Session) -> None:
    position = await session.open("buy", key="CONF311")
    await session.done(await session.market("buy", position.volume, key="CONF311"))
    await _volume(session, position, 2 * position.volume)


async def _pending(session: Session, kind: OrderType, key: str) -> None:
    made = await session.pending(kind)
    ticket = await session.place(made, key)
    [order] = await session.get("orders_get", ticket=ticket)
    found = (order.type, order.state, order.magic, order.comment, order.price_open)
    expected = (kind, PLACED, MAGIC, key, made.price)
    session.expect(found == expected, f"the order has {found}, not {expected}")
    session.expect(order.price_stoplimit == made.stoplimit, "its limit price is another")
    await session.done(requests.remove_pending(ticket))

    async def look() -> Any:
        return [
            one
            for one in await session.get("history_orders_get", ticket=ticket)
            if one.state == CANCELED
        ]

    await session.eventually("the cancelled order in the history", look)
    session.expect((await session.get("orders_get", ticket=ticket)) == (), "it is still live")


@case(321, "a buy limit is placed, listed and cancelled", TRADING)
async def _(session: Session) -> None:
    await _pending(session, OrderType.BUY_LIMIT, "CONF321")


@case(322, "a sell limit is placed, listed and cancelled", TRADING)
async def _(session: Session) -> None:
    await _pending(session, OrderType.SELL_LIMIT, "CONF322")


@case(323, "a buy stop is placed, listed and cancelled", TRADING)
async def _(session: Session) -> None:
    await _pending(session, OrderType.BUY_STOP, "CONF323")


@case(324, "a sell stop is placed, listed and cancelled", TRADING)
async def _(session: Session) -> None:
    await _pending(session, OrderType.SELL_STOP, "CONF324")


@case(325, "a buy stop-limit is placed, listed and cancelled", TRADING)
async def _(session: Session) -> None:
    await _pending(session, OrderType.BUY_STOP_LIMIT, "CONF325")


@case(326, "a sell stop-limit is placed, listed and cancelled", TRADING)
async def _(session: Session) -> None:
    await _pending(session, OrderType.SELL_STOP_LIMIT, "CONF326")


@case(331, "a pending order can be moved; its volume and comment stay", TRADING)
async def _(session: Session) -> None:
    made = await session.pending(OrderType.BUY_LIMIT)
    ticket = await session.place(made, "CONF331")
    price = await session.far(-1, 0.03)
    moved = await session.pending(OrderType.BUY_LIMIT, price=price)
    await session.done(requests.modify_pending(ticket, moved, await session.spec()))

    async def look() -> Any:
        orders = await session.get("orders_get", ticket=ticket)
        return [order for order in orders if order.price_open == price]

    [order] = await session.eventually("the moved order", look)
    session.expect(order.volume_initial == made.volume, "its volume changed")
    session.expect(order.comment == "CONF331", f"its comment is {order.comment!r}")


@case(332, "a pending order lives as long as it is told", TRADING)
async def _(session: Session) -> None:
    tick = await session.tick()
    end = tick.time + 2 * 86_400
    made = await session.pending(OrderType.BUY_LIMIT, lifetime=Lifetime.SPECIFIED, expiration=end)
    mode = (await session.get("symbol_info", session.symbol)).expiration_mode
    if not mode & 4:
        raise NotHere(f"the symbol's expiration mask is {mode}: no time of its own can be set")
    ticket = await session.place(made, "CONF332")
    [order] = await session.get("orders_get", ticket=ticket)
    found = (order.type_time, order.time_expiration)
    session.expect(found == (Lifetime.SPECIFIED, end), f"it has {found}")


@case(341, "a deal is found by its ticket, its position and its time", TRADING)
async def _(session: Session) -> None:
    position = await session.open("buy", key="CONF341")
    [deal] = await _deals(session, position.identifier, 1)
    by_ticket = await session.get("history_deals_get", ticket=deal.ticket)
    session.expect([one.ticket for one in by_ticket] == [deal.ticket], "not found by ticket")
    by_time = await session.get("history_deals_get", deal.time, END_S)
    session.expect(deal.ticket in {one.ticket for one in by_time}, "not found by its own second")
    later = await session.get("history_deals_get", deal.time + 60, END_S)
    session.expect(deal.ticket not in {one.ticket for one in later}, "found a minute too late")
    orders = await session.get("history_orders_get", ticket=deal.order)
    session.expect([one.ticket for one in orders] == [deal.order], "its order is not in history")


@case(342, "positions are found by ticket and by symbol, ticket first", TRADING)
async def _(session: Session) -> None:
    position = await session.open("buy", key="CONF342")
    for given in ({"ticket": position.ticket}, {"ticket": position.ticket, "symbol": "NONE"}):
        listed = await session.get("positions_get", **given)
        session.expect([one.ticket for one in listed] == [position.ticket], f"not by {given}")
    listed = await session.get("positions_get", group=f"{session.symbol}*")
    session.expect(position.ticket in {one.ticket for one in listed}, "not found by group")
    none = await session.get("positions_get", group=f"!{session.symbol}")
    session.expect(none == (), "a mask that denies alone selects something")
