"""Runs the cases one after the other and says what became of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal

import msgspec

from engine.broker.conformance.cases import Case, Part
from engine.broker.conformance.session import NotHere, Recorded, Session
from engine.broker.conformance.suite import CASES
from engine.broker.gateway import WrongAccount
from engine.broker.identity import check_identity
from journal.errors import BrokerError
from journal.events.mt5 import MarginMode, TradeMode


class Outcome(msgspec.Struct, frozen=True):
    """What became of a case.

    said   why it failed or was skipped
    calls  every call it made, with its answer
    """

    number: int
    title: str
    result: Literal["passed", "failed", "skipped"]
    said: str
    calls: list[Recorded]


async def run_suite(
    session: Session, parts: Sequence[Part] = tuple(Part), cases: Sequence[Case] | None = None
) -> AsyncIterator[Outcome]:
    """Yield the outcome of every case of these parts.

    The module is disconnected first, for the cases without a connection. Raises WrongAccount,
    before anything is sent, unless the account is the configured one and a demo account.
    """
    chosen = [one for one in (CASES if cases is None else cases) if one.part in parts]
    mode: MarginMode | None = None
    for one in chosen:
        if one.part is not Part.UNCONNECTED and mode is None:
            mode = await _connect(session)
        if one.modes and mode not in one.modes:
            wanted = " or ".join(sorted(known.name.lower() for known in one.modes))
            yield Outcome(one.number, one.title, "skipped", f"for accounts that are {wanted}", [])
            continue
        if one.part is Part.UNCONNECTED:
            await session.ask("shutdown")
        yield await _run(one, session)


async def _connect(session: Session) -> MarginMode:
    await session.get("initialize", **session.initialize)
    info = await session.get("account_info")
    check_identity(info, session.account)
    if info.trade_mode != TradeMode.DEMO:
        raise WrongAccount(
            f"account {info.login} is no demo account; the suite sends orders, so it runs on demo "
            "accounts only: log the terminal in to one"
        )
    await session.get("symbol_select", session.symbol, True)
    return MarginMode(info.margin_mode)


async def _run(case: Case, session: Session) -> Outcome:
    session.recorded = []
    result: Literal["passed", "failed", "skipped"] = "passed"
    said = ""
    try:
        await case.body(session)
    except NotHere as error:
        result, said = "skipped", str(error)
    except BrokerError as error:
        result, said = "failed", str(error)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # What came back has not even the shape that the case takes apart.
        result, said = "failed", f"what was answered cannot be read: {error!r}"
    calls = session.recorded
    if case.part is Part.TRADING:
        try:
            await session.tidy()
        except BrokerError as error:
            result, said = "failed", f"{said}; and could not be tidied up: {error}".lstrip("; ")
    return Outcome(case.number, case.title, result, said, calls)
