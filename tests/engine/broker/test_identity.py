"""No other account than the configured one is ever traded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest

from engine.broker.calls import InProcess
from engine.broker.gateway import WrongAccount
from engine.broker.identity import check_identity
from engine.broker.mt5 import Mt5Gateway
from engine.config import Account
from journal.errors import BrokerError
from tests.engine.broker.double import Module, record

DEMO = Account(login=5012345, server="Daybook-ECN", trade_mode="demo")


def info(**changes: Any) -> Any:
    found = {"login": 5012345, "server": "Daybook-ECN", "trade_mode": 0} | changes
    return record("AccountInfo", **found)


def test_the_configured_account_is_let_through() -> None:
    check_identity(info(), DEMO)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"login": 1}, "login 1, the configuration pins 5012345"),
        ({"server": "Daybook-Live"}, "server Daybook-Live, .* Daybook-ECN"),
        ({"trade_mode": 2}, "trade mode real, .* demo"),
        ({"trade_mode": 1}, "trade mode contest, .* demo"),
        ({"trade_mode": 9}, "trade mode 9, .* demo"),
    ],
)
def test_any_difference_is_refused_and_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongAccount, match=said):
        check_identity(info(**changes), DEMO)


def test_no_quote_is_taken_from_a_terminal_that_has_lost_its_broker() -> None:
    module = Module()
    module.answers["terminal_info"] = record("TerminalInfo", connected=False)

    async def body() -> None:
        with pytest.raises(BrokerError, match="lost the broker and shows old prices"):
            await Mt5Gateway(InProcess(module), DEMO).quote("EURUSD", "buy")

    anyio.run(body)


@pytest.mark.parametrize(
    "read", [lambda g: g.quote("EURUSD", "buy"), lambda g: g.snapshot()], ids=["quote", "snapshot"]
)
def test_an_account_that_was_changed_by_hand_is_found_out(
    read: Callable[[Mt5Gateway], Awaitable[Any]],
) -> None:
    module = Module()
    gateway = Mt5Gateway(InProcess(module), DEMO)

    async def body() -> None:
        await gateway.connect([])
        module.answers["account_info"] = info(trade_mode=2)
        with pytest.raises(WrongAccount, match="trade mode real"):
            await read(gateway)

    anyio.run(body)
