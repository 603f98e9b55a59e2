"""Bars, ticks, terminals and requests that tests of the simulated terminal are made of."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import msgspec
import numpy as np

from engine.terminal import Terminal
from engine.terminal.market.base import Table
from engine.terminal.profile import Profile
from engine.terminal.records import RATES, TICKS

#: Monday, 8 January 2024, 10:00 server time.
MONDAY_10 = 1_704_708_000

Bar = tuple[float, float, float, float]


def bars(prices: Sequence[float | Bar], spread: int = 10, start: int = MONDAY_10) -> Table:
    """Bars of one minute: a price that stands, or (open, high, low, close)."""
    rows: Table = np.zeros(len(prices), dtype=RATES)
    for number, price in enumerate(prices):
        bar = price if isinstance(price, tuple) else (price,) * 4
        rows[number] = (start + 60 * number, *bar, 4, spread, 0)
    return rows


def ticks(prices: Sequence[tuple[int, float, float]], start: int = MONDAY_10) -> Table:
    """Ticks: (milliseconds after the start, bid, ask)."""
    rows: Table = np.zeros(len(prices), dtype=TICKS)
    for number, (after, bid, ask) in enumerate(prices):
        time_msc = start * 1000 + after
        rows[number] = (time_msc // 1000, bid, ask, 0.0, 0, time_msc, 6, 0.0)
    return rows


def connected(terminal: Terminal) -> ModuleType:
    """The terminal's module, initialized."""
    module = terminal.module()
    assert module.initialize(), module.last_error()
    return module


def market_order(
    mt5: ModuleType, side: int, volume: float = 0.1, **more: object
) -> dict[str, object]:
    """A market order for EURUSD as a careful robot sends it."""
    tick = mt5.symbol_info_tick("EURUSD")
    request: dict[str, object] = {
        "action": mt5.TRADE_ACTION_DEAL,
        "symbol": "EURUSD",
        "volume": volume,
        "type": side,
        "price": tick.bid if side else tick.ask,
        "deviation": 10,
        "type_filling": mt5.ORDER_FILLING_IOC,
    }
    return request | more


def sent(mt5: ModuleType, request: dict[str, object], retcode: int = 10009) -> Any:
    """Send a request and insist on the answer."""
    result = mt5.order_send(request)
    assert result is not None, mt5.last_error()
    assert (result.retcode, result.comment) == (retcode, result.comment), result
    return result


def deals(mt5: ModuleType) -> Any:
    """Every deal of the account so far."""
    return mt5.history_deals_get(1, 2**31 - 1)


def with_symbol(profile: Profile, /, **changes: object) -> Profile:
    """A profile with another EURUSD."""
    name = "EURUSD"
    symbol = msgspec.structs.replace(profile.symbols[name], **changes)
    return msgspec.structs.replace(profile, symbols=profile.symbols | {name: symbol})


def with_account(profile: Profile, **changes: object) -> Profile:
    """A profile with another account."""
    account = msgspec.structs.replace(profile.account, **changes)
    return msgspec.structs.replace(profile, account=account)


def with_switches(profile: Profile, **changes: object) -> Profile:
    """A profile with other switches."""
    switches = msgspec.structs.replace(profile.switches, **changes)
    return msgspec.structs.replace(profile, switches=switches)
