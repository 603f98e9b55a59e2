"""1xx: what the module answers before `initialize`, and what it refuses by itself.

Everything here was observed on the real module 5.0.6231 (`recorded_calls.json`).
"""

from __future__ import annotations

from typing import Any

from engine.broker.calls import Answer
from engine.broker.conformance.cases import Part, case
from engine.broker.conformance.session import Raised, Session

NO_CONNECTION = (-10004, "No IPC connection")
ALONE = Part.UNCONNECTED
ORDER: dict[str, Any] = {"action": 1, "symbol": "EURUSD", "volume": 0.1, "type": 0}


@case(101, "nothing can be read without a connection", ALONE)
async def _(session: Session) -> None:
    for function, *args in (
        ("account_info",),
        ("terminal_info",),
        ("positions_get",),
        ("positions_total",),
        ("orders_get",),
        ("orders_total",),
        ("symbol_info", "EURUSD"),
        ("symbol_info_tick", "EURUSD"),
        ("copy_rates_from_pos", "EURUSD", 1, 0, 1),
        ("copy_ticks_from", "EURUSD", 1, 1, -1),
        ("history_deals_get", 1, 2),
        ("history_orders_total", 1, 2),
        ("order_calc_margin", 0, "EURUSD", 1.0, 1.1),
        ("order_calc_profit", 0, "EURUSD", 1.0, 1.1, 1.2),
        ("symbol_select", "EURUSD", True),
    ):
        await session.refuses(NO_CONNECTION, str(function), *args)


@case(102, "an order without a connection is not sent", ALONE)
async def _(session: Session) -> None:
    await session.refuses(NO_CONNECTION, "order_send", ORDER)
    await session.refuses(NO_CONNECTION, "order_check", ORDER)


@case(103, "the version is zero, and the symbols are refused for it", ALONE)
async def _(session: Session) -> None:
    answer = await session.ask("version")
    session.expect(tuple(answer.value) == (0, 0, ""), f"version gave {answer.value}")
    session.expect(answer.code == NO_CONNECTION[0], f"version left {answer.code}")
    for function in ("symbols_get", "symbols_total"):
        answer = await session.ask(function)
        found = (answer.value, answer.code)
        session.expect(found == (None, -5), f"{function} gave {found}; expected (None, -5)")


@case(104, "a float where an int is wanted, and the other way round, is refused by name", ALONE)
async def _(session: Session) -> None:
    for field, value in (
        ("volume", 1),
        ("price", 0),
        ("sl", 0),
        ("tp", 0),
        ("stoplimit", 1),
        ("action", 1.0),
        ("magic", 1.0),
        ("deviation", 1.5),
        ("type", "0"),
        ("expiration", 1.0),
        ("symbol", 5),
        ("comment", 5),
    ):
        refused = (-2, f'Invalid "{field}" argument')
        await session.refuses(refused, "order_send", {**ORDER, field: value})


@case(105, "of several wrong fields the first in the module's order is named", ALONE)
async def _(session: Session) -> None:
    request = {"position": 1.0, "comment": 5, "volume": 1, "magic": 1.0}
    await session.refuses((-2, 'Invalid "magic" argument'), "order_send", request)


@case(106, "a comment and a symbol have at most 29 UTF-16 units", ALONE)
async def _(session: Session) -> None:
    for text in ("x" * 29, "é" * 29, "🙂" * 14):
        await session.refuses(NO_CONNECTION, "order_send", {**ORDER, "comment": text})
    for text in ("x" * 30, "🙂" * 15):
        refused = (-2, 'Invalid "comment" argument')
        await session.refuses(refused, "order_send", {**ORDER, "comment": text})
    await session.refuses((-2, "Invalid arguments"), "symbol_info", "x" * 30)


@case(107, "a number too large for its field raises", ALONE)
async def _(session: Session) -> None:
    for field, value in (("magic", -1), ("action", 2**32), ("deviation", -1)):
        answer: Answer = await session.ask("order_send", {**ORDER, field: value})
        found = answer.value.kind if isinstance(answer.value, Raised) else answer.value
        session.expect(found == "SystemError", f"{field}={value} gave {found}")
        session.expect(answer.code == -2, f"{field}={value} left {answer.code}")


@case(108, "filters are named, prices' arguments are not", ALONE)
async def _(session: Session) -> None:
    refused = (-2, "Unnamed arguments not allowed")
    await session.refuses(refused, "positions_get", "EURUSD")
    await session.refuses(refused, "orders_get", "EURUSD")
    await session.refuses((-2, "Invalid arguments"), "copy_rates_from_pos", "EURUSD", 1, 0)


@case(109, "NaN, infinity and unknown numbers pass the module's own checks", ALONE)
async def _(session: Session) -> None:
    for field, value in (("volume", -1.0), ("price", float("inf")), ("action", 99), ("type", 99)):
        await session.refuses(NO_CONNECTION, "order_send", {**ORDER, field: value})


@case(110, "an empty request goes as far as any other", ALONE)
async def _(session: Session) -> None:
    await session.refuses(NO_CONNECTION, "order_send", {})
    await session.refuses((-2, "Invalid number of arguments"), "order_send", ORDER, ORDER)


@case(111, "shutting down succeeds without a connection, and every call begins with success", ALONE)
async def _(session: Session) -> None:
    answer = await session.ask("shutdown")
    found = (answer.value, answer.code)
    session.expect(found == (True, 1), f"shutdown gave {found}; expected (True, 1)")
