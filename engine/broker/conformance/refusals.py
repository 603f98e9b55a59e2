"""4xx: orders that must be refused, and how."""

from __future__ import annotations

from typing import Any

from engine.broker import requests
from engine.broker.conformance.cases import Part, case
from engine.broker.conformance.session import MAGIC, NotHere, Session
from engine.broker.prices import round_to_tick
from engine.broker.requests import Execution, Filling, OrderType, Pending

TRADING = Part.TRADING
INVALID, INVALID_VOLUME, INVALID_PRICE, INVALID_STOPS = 10013, 10014, 10015, 10016
INVALID_EXPIRATION, INVALID_FILL, INVALID_ORDER = 10022, 10030, 10035
POSITION_CLOSED, INVALID_CLOSE_VOLUME = 10036, 10038
NO_TICKET = 2**53


async def _refused(session: Session, request: dict[str, Any], *codes: int) -> None:
    """Send what must be refused with one of these codes, and leave nothing behind."""
    result = await session.send(request)
    said = f"it answered {result.retcode} {result.comment!r}; expected one of {codes}"
    session.expect(result.retcode in codes, said)
    session.expect(result.deal == 0, f"a refusal names the deal {result.deal}")


async def _buy(session: Session, **changes: Any) -> dict[str, Any]:
    spec = await session.spec()
    return {**await session.market("buy", spec.volume_min, key="CONF4"), **changes}


async def _limit(session: Session, **changes: Any) -> dict[str, Any]:
    made: Pending = await session.pending(OrderType.BUY_LIMIT)
    request = requests.pending_order(made, await session.spec(), magic=MAGIC, key="CONF4")
    return {**request, **changes}


@case(401, "a volume of zero, below the least, above the most or between steps", TRADING)
async def _(session: Session) -> None:
    spec = await session.spec()
    odd = spec.volume_min + spec.volume_step / 2
    for volume in (0.0, spec.volume_min / 2, spec.volume_max * 2, odd):
        await _refused(session, await _buy(session, volume=volume), INVALID_VOLUME)


@case(402, "a stop on the wrong side of the market", TRADING)
async def _(session: Session) -> None:
    await _refused(session, await _buy(session, sl=await session.far(1)), INVALID_STOPS)
    await _refused(session, await _buy(session, tp=await session.far(-1)), INVALID_STOPS)


@case(403, "a stop nearer than the stops level", TRADING)
async def _(session: Session) -> None:
    spec, tick = await session.spec(), await session.tick()
    if spec.stops_level < 2:
        raise NotHere(f"the symbol's stops level is {spec.stops_level}")
    near = round_to_tick(tick.bid - spec.stops_level * spec.point / 2, spec)
    await _refused(session, await _buy(session, sl=near), INVALID_STOPS)


@case(404, "a filling mode that the symbol does not have", TRADING)
async def _(session: Session) -> None:
    spec = await session.spec()
    if spec.execution_mode != Execution.MARKET:
        raise NotHere("under this execution mode every filling is allowed")
    await _refused(session, await _buy(session, type_filling=int(Filling.RETURN)), INVALID_FILL)


@case(405, "a symbol that there is not", TRADING)
async def _(session: Session) -> None:
    await _refused(session, await _buy(session, symbol="NO.SUCH"), INVALID, INVALID_ORDER, 10017)


@case(406, "an action and a type that there are not", TRADING)
async def _(session: Session) -> None:
    await _refused(session, await _buy(session, action=99), INVALID)
    await _refused(session, await _buy(session, type=99), INVALID, INVALID_ORDER)


@case(411, "a pending order without a price, or on the wrong side", TRADING)
async def _(session: Session) -> None:
    await _refused(session, await _limit(session, price=0.0), INVALID_PRICE)
    await _refused(session, await _limit(session, price=await session.far(1)), INVALID_PRICE)


@case(412, "a pending order that has expired already", TRADING)
async def _(session: Session) -> None:
    tick = await session.tick()
    request = await _limit(session, type_time=2, expiration=tick.time - 3600)
    await _refused(session, request, INVALID_EXPIRATION)


@case(413, "a pending order whose stop is on the wrong side", TRADING)
async def _(session: Session) -> None:
    await _refused(session, await _limit(session, sl=await session.far(1)), INVALID_STOPS)


@case(421, "closing more than there is", TRADING)
async def _(session: Session) -> None:
    position = await session.open("buy", key="CONF421")
    tick, spec = await session.tick(), await session.spec()
    request = requests.close_position(
        position, position.volume, spec, tick, key="CONF421", deviation=100
    )
    more = position.volume + spec.volume_step
    await _refused(session, {**request, "volume": more}, INVALID_CLOSE_VOLUME)


@case(422, "closing, changing or cancelling what is not there", TRADING)
async def _(session: Session) -> None:
    gone = (INVALID, INVALID_ORDER, POSITION_CLOSED)
    await _refused(session, await _buy(session, position=NO_TICKET), *gone)
    stops = {"action": 6, "symbol": session.symbol, "position": NO_TICKET, "sl": 1.0, "tp": 0.0}
    await _refused(session, stops, *gone)
    await _refused(session, requests.remove_pending(NO_TICKET), *gone)


@case(423, "a position that was closed once is not closed twice", TRADING)
async def _(session: Session) -> None:
    position = await session.open("buy", key="CONF423")
    tick, spec = await session.tick(), await session.spec()
    request = requests.close_position(
        position, position.volume, spec, tick, key="CONF423", deviation=100
    )
    await session.done(request)

    async def look() -> bool:
        return not await session.positions()

    await session.eventually("the position's end", look)
    await _refused(session, request, POSITION_CLOSED, INVALID, INVALID_ORDER)
