"""The adapter over a MetaTrader5-shaped module: the real one and the simulated terminal pass
through this same code.

It translates and checks; it decides nothing, and it sends an intent exactly once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from operator import attrgetter, itemgetter
from typing import Any

from engine.broker.calls import Calls
from engine.broker.gateway import NONE_KNOWN, CallFailed, OrderSeen, Stamps
from engine.broker.identity import check_account
from engine.broker.rates import bars_of, rows_of
from engine.broker.records import (
    account_seen,
    deals_recorded,
    order_listed,
    order_seen,
    position_seen,
    symbol_specified,
    terminal_seen,
    tick_seen,
    tick_stamp,
    tick_value,
)
from engine.broker.sending import Sender
from engine.config import Account
from journal.errors import BrokerError
from journal.events import (
    BarClosed,
    BrokerReplied,
    BrokerSnapshotTaken,
    ChangeIntended,
    DealRecorded,
    OrderIntended,
    PriceSeen,
    QuoteObserved,
    SymbolSpecified,
    TerminalConnected,
)

TIMEFRAMES = {
    "M1": 1,
    "M5": 5,
    "M15": 15,
    "M30": 30,
    "H1": 16385,
    "H4": 16388,
    "D1": 16408,
}
"""`TIMEFRAME_*`."""

LENGTHS_S = {
    "M1": 60,
    "M5": 300,
    "M15": 900,
    "M30": 1800,
    "H1": 3600,
    "H4": 14_400,
    "D1": 86_400,
}
"""Seconds from one bar's opening to the next one's, while the market does not pause."""

END_S = 2**31 - 1
"""The end of every history window: the last second that the module can take. Anything nearer is a
guess at the broker's clock, and a guess in UTC loses the newest hours (facts 5.2)."""

MAX_CATCH_UP = 100_000
"""Bars that are asked for at the most when the engine was away."""

_OPENED = itemgetter(0)
_TICKET = attrgetter("ticket")


class Mt5Gateway:
    """One account, reached through MT5's own functions."""

    def __init__(
        self, calls: Calls, account: Account, initialize: Mapping[str, Any] | None = None
    ) -> None:
        """Take the way to the module, the one account to trade, and what `initialize` is told."""
        self._calls = calls
        self._account = account
        self._initialize = dict(initialize or {})
        self._specs: dict[str, SymbolSpecified] = {}
        self._sender = Sender(calls, account, self._specs, self.specify)

    async def connect(self, symbols: list[str]) -> TerminalConnected:
        """Initialise the module, check the account's identity, select the symbols."""
        await self._calls.call("initialize", **self._initialize)
        info = account_seen(await self._calls.call("account_info"))
        check_account(info, self._account)
        for symbol in symbols:
            await self._calls.call("symbol_select", symbol, True)
        terminal = terminal_seen(await self._calls.call("terminal_info"))
        version = await self._calls.call("version")
        return TerminalConnected(
            login=info.login,
            server=info.server,
            trade_mode=info.trade_mode,
            margin_mode=info.margin_mode,
            currency=info.currency,
            leverage=info.leverage,
            company=info.company,
            terminal=terminal.name,
            build=version[1],
        )

    async def specify(self, symbol: str) -> SymbolSpecified:
        """Read a symbol's constraints. Raises BrokerError while the terminal does not know them."""
        spec = symbol_specified(await self._calls.call("symbol_info", symbol), symbol)
        for name in ("point", "tick_size", "volume_min", "volume_max", "volume_step"):
            value = getattr(spec, name)
            if not value > 0.0:  # so a terminal shows a symbol that it has not synchronised yet
                raise BrokerError(
                    f"the terminal says that {symbol} has {name} {value:g}, it must be positive; "
                    "open the symbol's chart in the terminal until it shows prices, then retry"
                )
        self._specs[symbol] = spec
        return spec

    async def bars(
        self, symbol: str, timeframe: str, after: int, expected: int = 1
    ) -> list[BarClosed]:
        """Read complete bars newer than `after`. The unfinished bar (position 0) is never read."""
        count = expected
        rows = rows_of(await self._closed(symbol, timeframe, count), symbol)
        known = after + LENGTHS_S[timeframe]  # no other bar is between this one and the known
        while len(rows) == count < MAX_CATCH_UP and rows[0][0] > known:
            count = min(count * 8, MAX_CATCH_UP)
            rows = rows_of(await self._closed(symbol, timeframe, count), symbol)
        if rows and rows[0][0] <= after:
            del rows[: bisect_right(rows, after, key=_OPENED)]
        return bars_of(symbol, timeframe, rows)

    async def latest_bars(self, symbol: str, timeframe: str, count: int) -> list[BarClosed]:
        """Read the last `count` complete bars."""
        rows = rows_of(await self._closed(symbol, timeframe, count), symbol)
        return bars_of(symbol, timeframe, rows)

    def _closed(self, symbol: str, timeframe: str, count: int) -> Awaitable[Any]:
        """Read the last complete bars, oldest first."""
        return self._calls.call("copy_rates_from_pos", symbol, TIMEFRAMES[timeframe], 1, count)

    async def price(self, symbol: str) -> PriceSeen | None:
        """Read the newest tick."""
        tick = tick_seen(await self._calls.call("symbol_info_tick", symbol), symbol)
        if not tick.is_usable:
            return None
        return PriceSeen(symbol, tick.time_msc, tick.bid, tick.ask)

    async def quote(self, symbol: str, side: str) -> QuoteObserved:
        """Read the current tick and let the broker itself say what a lot costs and binds."""
        tick = tick_seen(await self._calls.call("symbol_info_tick", symbol), symbol)
        account = account_seen(await self._calls.call("account_info"))
        check_account(account, self._account)  # the terminal can be logged in elsewhere by hand
        if not terminal_seen(await self._calls.call("terminal_info")).connected:
            raise BrokerError(
                "the terminal has lost the broker and shows old prices; nothing is sent until it "
                "has connected again"
            )
        if not tick.is_usable:
            raise BrokerError(f"{symbol} has no usable quote: bid {tick.bid:g}, ask {tick.ask:g}")
        kind, price = (0, tick.ask) if side == "buy" else (1, tick.bid)
        margin = await self._calls.call("order_calc_margin", kind, symbol, 1.0, price)
        spec = self._specs.get(symbol) or await self.specify(symbol)
        converted = spec.currency_profit != account.currency
        return QuoteObserved(
            symbol=symbol,
            time_msc=tick.time_msc,
            bid=tick.bid,
            ask=tick.ask,
            tick_value=await self._tick_value(symbol) if converted else spec.tick_value,
            margin_per_lot=margin,
            margin_free=account.margin_free,
        )

    async def _tick_value(self, symbol: str) -> float:
        """Return what a lot loses per tick, where it moves as profits are converted."""
        return tick_value(await self._calls.call("symbol_info", symbol), symbol).loss

    def submit(self, intent: OrderIntended) -> Awaitable[BrokerReplied]:
        """Send one intent, once."""
        return self._sender.send(intent)

    def change(self, wish: ChangeIntended) -> Awaitable[BrokerReplied]:
        """Send one change, once."""
        return self._sender.send(wish)

    async def snapshot(self) -> BrokerSnapshotTaken:
        """Read account, positions and live orders."""
        info = account_seen(await self._calls.call("account_info"))
        check_account(info, self._account)
        positions = await self._calls.call("positions_get")
        orders = await self._calls.call("orders_get")
        return BrokerSnapshotTaken(
            balance=info.balance,
            credit=info.credit,
            equity=info.equity,
            margin=info.margin,
            margin_free=info.margin_free,
            positions=[position_seen(record) for record in positions],
            orders=[order_listed(record) for record in orders],
        )

    def positions_total(self) -> Awaitable[int]:
        """Count the open positions."""
        return self._calls.call("positions_total")

    async def deals(self, since_msc: int, known: Stamps = NONE_KNOWN) -> list[DealRecorded]:
        """Read the deal history."""
        deals = deals_recorded(await self._history("history_deals_get", since_msc), known)
        deals.sort(key=_TICKET)
        return deals

    async def orders(self, since_msc: int) -> list[OrderSeen]:
        """Read live orders and the order history."""
        live = await self._calls.call("orders_get")
        done = await self._history("history_orders_get", since_msc)
        listed = [order_seen(record, done=False) for record in live]
        listed += [order_seen(record, done=True) for record in done]
        seen = {order.ticket: order for order in listed}
        return [seen[ticket] for ticket in sorted(seen)]

    def _history(self, function: str, since_msc: int) -> Awaitable[Sequence[Any]]:
        # 0 is never stored by the module, it would send stack garbage.
        return self._calls.call(function, max(since_msc // 1000, 1), END_S)

    async def tick_times(self) -> dict[str, int]:
        """Read the newest tick's stamp of each symbol that was specified."""
        times = {}
        for symbol in self._specs:
            tick = await self._calls.call("symbol_info_tick", symbol)
            times[symbol] = tick_stamp(tick, symbol).time_msc
        return times

    async def server_msc(self) -> int:
        """Read the newest stamp of all."""
        return max((await self.tick_times()).values(), default=0)

    async def close(self) -> None:
        """Disconnect from the terminal; one that is lost already needs no more."""
        with suppress(CallFailed):
            await self._calls.call("shutdown")
