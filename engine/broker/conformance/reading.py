"""2xx: what can be read over a connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.broker.conformance.cases import Part, case
from engine.broker.conformance.session import NotHere, Session
from engine.broker.mt5 import END_S
from engine.broker.rates import LAYOUT

READING = Part.READING
TICKS = [
    ("time", "<i8"), ("bid", "<f8"), ("ask", "<f8"), ("last", "<f8"), ("volume", "<u8"),
    ("time_msc", "<i8"), ("flags", "<u4"), ("volume_real", "<f8"),
]  # fmt: skip
NO_TICKET = 2**53
"""A ticket that no broker has reached."""
BALANCE = 2
DAY_S = 86_400


@case(201, "connecting again succeeds, and the version is three values", READING)
async def _(session: Session) -> None:
    await session.get("initialize", **session.initialize)
    version = await session.get("version")
    session.expect(len(version) == 3, f"version gave {version}")
    session.expect(version[0] == 500 and version[1] > 0, f"version gave {version}")
    session.expect(bool(version[2]), f"version gave {version}")


@case(202, "account and terminal have the fields of the module's records", READING)
async def _(session: Session) -> None:
    account = await session.get("account_info")
    session.expect(len(account) == 28, f"account_info has {len(account)} fields, not 28")
    drift = abs(account.equity - account.balance - account.credit - account.profit)
    session.expect(drift < 0.02, f"equity is {drift:.2f} from balance, credit and profit")
    terminal = await session.get("terminal_info")
    session.expect(len(terminal) == 22, f"terminal_info has {len(terminal)} fields, not 22")


@case(203, "an unknown symbol is not found", READING)
async def _(session: Session) -> None:
    for function in ("symbol_info", "symbol_info_tick"):
        answer = await session.ask(function, "NO.SUCH.SYMBOL")
        session.expect(answer.value is None, f"{function} gave {answer.value}")
        session.expect(answer.code == -4, f"{function} left {answer.code}; expected -4")


@case(204, "a symbol's constraints make sense, and its tick is two-sided", READING)
async def _(session: Session) -> None:
    info = await session.get("symbol_info", session.symbol)
    session.expect(len(info) == 96, f"symbol_info has {len(info)} fields, not 96")
    session.expect(info.name == session.symbol, f"its name is {info.name}")
    bounds = 0.0 < info.volume_min <= info.volume_max and info.volume_step > 0.0
    session.expect(bounds, "the volumes' bounds contradict each other")
    tick = await session.tick()
    session.expect(0.0 < tick.bid <= tick.ask, f"bid {tick.bid}, ask {tick.ask}")
    same = tick.time == tick.time_msc // 1000
    session.expect(same, f"time {tick.time} and time_msc {tick.time_msc} differ")


@case(205, "what does not exist is an empty list and no error", READING)
async def _(session: Session) -> None:
    for function in ("positions_get", "orders_get", "history_deals_get", "history_orders_get"):
        answer = await session.ask(function, ticket=NO_TICKET)
        found = (answer.value, answer.code)
        session.expect(found == ((), 1), f"{function}(ticket) gave {found}; expected ((), 1)")


@case(206, "totals agree with their lists", READING)
async def _(session: Session) -> None:
    for kind in ("positions", "orders"):
        total = (await session.ask(f"{kind}_total")).value
        listed = len(await session.get(f"{kind}_get"))
        session.expect(total == listed, f"{kind}: total {total}, listed {listed}")
    for kind in ("history_deals", "history_orders"):
        total = (await session.ask(f"{kind}_total", 1, END_S)).value
        listed = len(await session.get(f"{kind}_get", 1, END_S))
        session.expect(total == listed, f"{kind}: total {total}, listed {listed}")


@case(207, "the history reaches back to the first deposit", READING)
async def _(session: Session) -> None:
    deals = await session.get("history_deals_get", 1, END_S)
    deposits = [deal for deal in deals if deal.type == BALANCE]
    session.expect(bool(deposits), "no deal of type balance")
    for name in ("symbol", "order", "position_id", "volume"):
        odd = getattr(deposits[0], name)
        session.expect(not odd, f"the deposit has {name} {odd!r}")
    one = await session.get("history_deals_get", ticket=deposits[0].ticket)
    session.expect([deal.ticket for deal in one] == [deposits[0].ticket], "not found by ticket")


@case(208, "a window before the account's time is empty", READING)
async def _(session: Session) -> None:
    for function in ("history_deals_get", "history_orders_get"):
        found = (await session.ask(function, 1, DAY_S)).value
        session.expect(found == (), f"{function} gave {found}")


@case(209, "bars ascend in the module's layout, and end with the unfinished one", READING)
async def _(session: Session) -> None:
    rates = await session.get("copy_rates_from_pos", session.symbol, 1, 0, 50)
    _expect_layout(session, rates, LAYOUT.descr)
    times = rates["time"].tolist()
    session.expect(times == sorted(set(times)), "times do not ascend")
    tick = await session.tick()
    session.expect(times[-1] <= tick.time, f"the last bar opens after the tick at {tick.time}")
    whole = all(row["low"] <= min(row["open"], row["close"]) for row in rates)
    session.expect(whole, "a low is above an open or a close")
    closed = await session.get("copy_rates_from_pos", session.symbol, 1, 1, 49)
    session.expect(closed["time"].tolist() == times[:-1], "position 1 is not the last closed bar")


@case(210, "a range of bars is the same bars", READING)
async def _(session: Session) -> None:
    rates = await session.get("copy_rates_from_pos", session.symbol, 1, 1, 10)
    first, last = int(rates["time"][0]), int(rates["time"][-1])
    again = await session.get("copy_rates_range", session.symbol, 1, first, last)
    session.expect(again["time"].tolist() == rates["time"].tolist(), "copy_rates_range differs")
    from_last = await session.get("copy_rates_from", session.symbol, 1, last, 10)
    session.expect(from_last["time"].tolist() == rates["time"].tolist(), "copy_rates_from differs")


@case(211, "hours are made of the minutes", READING)
async def _(session: Session) -> None:
    hours = await session.get("copy_rates_from_pos", session.symbol, 16385, 1, 2)
    first = int(hours["time"][-1])
    minutes = await session.get("copy_rates_range", session.symbol, 1, first, first + 3599)
    high, low = float(minutes["high"].max()), float(minutes["low"].min())
    session.expect(high == float(hours["high"][-1]), "the hour's high is not the minutes'")
    session.expect(low == float(hours["low"][-1]), "the hour's low is not the minutes'")


@case(212, "ticks are in the module's layout and in order", READING)
async def _(session: Session) -> None:
    tick = await session.tick()
    ticks = await session.get("copy_ticks_from", session.symbol, tick.time - 3600, 100, -1)
    _expect_layout(session, ticks, TICKS)
    stamps = ticks["time_msc"].tolist()
    session.expect(stamps == sorted(stamps), "time_msc does not ascend")


@case(213, "a profit is the sum of its points", READING)
async def _(session: Session) -> None:
    tick, spec = await session.tick(), await session.spec()
    above = tick.ask + 100 * spec.tick_size
    session.expect(
        (await session.get("order_calc_profit", 0, session.symbol, 1.0, tick.ask, above)) > 0.0,
        "a buy does not profit from a rise",
    )
    loss = await session.get("order_calc_profit", 1, session.symbol, 1.0, tick.ask, above)
    session.expect(loss < 0.0, "a sell does not lose from a rise")


@case(214, "margin grows with the volume", READING)
async def _(session: Session) -> None:
    tick = await session.tick()
    one = await session.get("order_calc_margin", 0, session.symbol, 1.0, tick.ask)
    two = await session.get("order_calc_margin", 0, session.symbol, 2.0, tick.ask)
    if one == 0.0:
        raise NotHere("the symbol binds no margin")
    session.expect(abs(two - 2.0 * one) < 0.02, f"1 lot binds {one}, 2 lots {two}")


@case(215, "checking a sound order finds nothing", READING)
async def _(session: Session) -> None:
    spec = await session.spec()
    result = await session.get("order_check", await session.market("buy", spec.volume_min))
    found = (result.retcode, result.comment)
    session.expect(found == (0, "Done"), f"order_check gave {found}")


@case(216, "a mask selects by its stars, and one that denies selects nothing alone", READING)
async def _(session: Session) -> None:
    some = await session.get("symbols_get", f"{session.symbol[:3]}*")
    session.expect(session.symbol in {one.name for one in some}, "the symbol's own mask misses it")
    total = await session.get("symbols_total")
    everything = await session.get("symbols_get")
    session.expect(total == len(everything), f"total {total}, listed {len(everything)}")


def _expect_layout(session: Session, array: Any, layout: Sequence[object]) -> None:
    found = array.dtype.descr
    session.expect(found == layout, f"the dtype is {found}")
    session.expect(array.dtype.itemsize == 60, f"a row has {array.dtype.itemsize} bytes, not 60")
    session.expect(len(array) > 0, "there is none")
