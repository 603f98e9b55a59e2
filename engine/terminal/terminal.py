"""The simulated terminal: a program's end of the broker, with its own view of it.

It relays requests and shows lists; what is true is in `server`, what a program may call is in `api`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType

from engine.terminal.api import build_module
from engine.terminal.api.conventions import Link
from engine.terminal.book import Deal, Order, Position
from engine.terminal.conditions import Conditions
from engine.terminal.market.base import Market
from engine.terminal.profile import Profile
from engine.terminal.request import Request
from engine.terminal.desk import Reply
from engine.terminal.server import Server
from engine.terminal.snapshots import SymbolSnapshots


@dataclass
class Watched:
    """Whether a symbol is in Market Watch, and shown there."""

    selected: bool
    visible: bool


class Terminal:
    """A MetaTrader 5 terminal with one account at a simulated broker.

    Args:
        profile: the broker, the account and the switches.
        market: where prices come from; it belongs to this terminal from now on.
        book: the file in which the broker keeps its book, so that it survives this process; without
            one everything is forgotten with the terminal.
        seed: for all that is drawn: slippage, latency, faults.

    Raises:
        MarketError: the market has data the profile does not know.
        BookError: the book belongs to another profile, market or seed.
    """

    def __init__(
        self, profile: Profile, market: Market, book: str | Path | None = None, seed: int = 0
    ) -> None:
        self.profile = profile
        self.server = Server(profile, market, book, seed)
        self.watch = {
            name: Watched(symbol.visible, symbol.visible)
            for name, symbol in profile.symbols.items()
        }
        self._link = Link(self)
        self._module: ModuleType | None = None
        self._snapshots: dict[str, SymbolSnapshots] = {}
        self._request_id = 0
        #: Make the market's next step; False when the data has ended (and nothing has changed).
        self.advance = self.server.advance

    def module(self) -> ModuleType:
        """The object that programs use as `MetaTrader5`."""
        if self._module is None:
            self._module = build_module(self._link)
        return self._module

    @property
    def server_time_msc(self) -> int:
        """The server's clock in milliseconds of server time; it stands between ticks."""
        return self.server.market.time_msc

    @property
    def conditions(self) -> Conditions:
        """The switches of connection and permissions, to be flipped at will."""
        return self.server.conditions

    def close(self) -> None:
        """Let go of the book's file; the module answers no more."""
        self._link.open = False
        self.server.close()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # For the module's functions

    def reconnected(self) -> None:
        """A program has connected anew: request numbers begin at 1 again."""
        self._request_id = 0

    def next_request_id(self) -> int:
        """The number of the next request in this connection."""
        self._request_id += 1
        return self._request_id

    def send(self, request: Request) -> Reply:
        """Relay a request to the server."""
        return self.server.execute(request)

    def snapshot(self, name: str) -> SymbolSnapshots:
        """The builder of a symbol's `symbol_info`."""
        known = self._snapshots.get(name)
        if known is None:
            server = self.server
            known = self._snapshots[name] = SymbolSnapshots(
                name, self.profile.symbols[name], server.account, lambda: server.day_range(name)
            )
        return known

    # The lists as this terminal shows them

    def visible_positions(self) -> list[Position]:
        """The open positions, oldest first."""
        return list(self.server.book.positions.values())

    def visible_orders(self) -> list[Order]:
        """The live orders, oldest first."""
        return list(self.server.book.orders.values())

    def deals_between(self, first_msc: int, last_msc: int) -> list[Deal]:
        """The deals of a stretch of server time."""
        return self.server.book.deals_between(first_msc, last_msc)

    def deals_of_ticket(self, ticket: int) -> list[Deal]:
        """The deal of a ticket."""
        found = self.server.book.deal_by_ticket.get(ticket)
        return [] if found is None else [found]

    def deals_of_position(self, position: int) -> list[Deal]:
        """The deals of a position identifier."""
        return list(self.server.book.deals_by_position.get(position, ()))

    def done_between(self, first_msc: int, last_msc: int) -> list[Order]:
        """The orders of a stretch of server time."""
        return self.server.book.done_between(first_msc, last_msc)

    def done_of_ticket(self, ticket: int) -> list[Order]:
        """The done order of a ticket."""
        found = self.server.book.done_by_ticket.get(ticket)
        return [] if found is None else [found]

    def done_of_position(self, position: int) -> list[Order]:
        """The done orders of a position identifier."""
        return list(self.server.book.done_by_position.get(position, ()))
