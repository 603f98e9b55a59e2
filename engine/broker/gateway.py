"""The broker in the engine's words: what every adapter offers, and nothing of how.

The reading half is an interface of its own, so that reconciliation can be given something that
cannot send. Every method may raise `BrokerError`; what is read comes back as the payload that will
be journalled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from types import MappingProxyType
from typing import Protocol

import msgspec

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


class CallFailed(BrokerError):
    """A call gave nothing; `code` and `text` are the module's `last_error()`."""

    def __init__(self, function: str, code: int, text: str) -> None:
        self.function, self.code, self.text = function, code, text
        super().__init__(f"{function} failed: {text} ({code})")


class WrongAccount(BrokerError):
    """The terminal is logged in to another account than the configuration names."""


class OrderSeen(msgspec.Struct, frozen=True, gc=False):
    """One order as the broker lists it, live or in history.

    type      MT5's integer: 0 buy, 1 sell, …
    volume    lots, as first asked for; `filled` is the part that is done
    time_msc  server milliseconds of its placing
    state     MT5's integer
    done      it is in the history: nothing more will come of it
    reason    MT5's integer: who placed it, a person, a program or the server
    position  identifier of the position that it closes or changes, and, once filled, opens; `by` of
              the opposite one that it is closed by
    """

    ticket: int
    symbol: str
    type: int
    magic: int
    volume: float
    time_msc: int
    comment: str
    filled: float = 0.0
    state: int = 0
    done: bool = False
    reason: int = 3
    position: int = 0
    by: int = 0


Stamps = Mapping[int, int]
"""Server milliseconds of deals, by their tickets: by both a deal is told from another one that was
given the same ticket."""

NONE_KNOWN: Stamps = MappingProxyType({})


class AccountView(Protocol):
    """What can be read of the account. Times are server time."""

    async def snapshot(self) -> BrokerSnapshotTaken:
        """Return balance, equity and open positions as they are now."""

    def positions_total(self) -> Awaitable[int]:
        """Return how many positions are open: the cheapest sign that something has happened."""

    async def deals(self, since_msc: int, known: Stamps = NONE_KNOWN) -> list[DealRecorded]:
        """Return all deals from `since_msc` (server milliseconds) on, by ticket; late ones may be
        missing yet.

        known  deals that need not be told again
        """

    async def orders(self, since_msc: int) -> list[OrderSeen]:
        """Return live orders, and those in history from `since_msc` on."""


class MarketView(Protocol):
    """What can be read of the market."""

    async def bars(
        self, symbol: str, timeframe: str, after: int, expected: int = 1
    ) -> list[BarClosed]:
        """Return complete bars that opened after the server second `after`, oldest first.

        expected  how many there may be; when there are more, it takes longer
        """

    async def latest_bars(self, symbol: str, timeframe: str, count: int) -> list[BarClosed]:
        """Return the last `count` complete bars, oldest first."""

    async def tick_times(self) -> dict[str, int]:
        """Return the server milliseconds of the newest tick of each known symbol."""

    async def server_msc(self) -> int:
        """Return the server milliseconds of the newest tick of any known symbol: as far as the
        broker's clock shows."""

    async def price(self, symbol: str) -> PriceSeen | None:
        """Return the newest tick, None while it is not a usable one."""

    async def quote(self, symbol: str, side: str) -> QuoteObserved:
        """Return the market now, and what one lot on `side` would bind."""


class ReadingGateway(AccountView, MarketView, Protocol):
    """A connection to one account at one broker that cannot send."""

    async def connect(self, symbols: list[str]) -> TerminalConnected:
        """Connect, check that it is the configured account, make `symbols` available.

        Raises WrongAccount for another account, CallFailed when the terminal does not answer.
        """

    async def specify(self, symbol: str) -> SymbolSpecified:
        """Return a symbol's trading constraints."""

    async def close(self) -> None:
        """Let go of the terminal."""


class Gateway(ReadingGateway, Protocol):
    """A connection to one account at one broker."""

    def submit(self, intent: OrderIntended) -> Awaitable[BrokerReplied]:
        """Send one intent, once. Whatever happens comes back as a reply; it never raises
        BrokerError."""

    def change(self, wish: ChangeIntended) -> Awaitable[BrokerReplied]:
        """Send one change, once. As with an intent, whatever happens comes back as a reply."""
