"""`symbols_total`, `symbols_get`, `symbol_info`, `symbol_info_tick`, `symbol_select`,
`market_book_*`."""

from __future__ import annotations

from engine.terminal import constants as mt5
from engine.terminal import snapshots
from engine.terminal.api.conventions import CallFailed, Link, keywords, no_arguments, positional
from engine.terminal.arguments import INVALID_ARGUMENTS, INVALID_COUNT, exactly, group, symbol
from engine.terminal.filters import matches
from engine.terminal.market.base import Quote
from engine.terminal.order_book import order_book
from engine.terminal.request import ArgumentRefused
from engine.terminal.server import Server

_FUNCTION_NEEDS_VERSION = mt5.RES_E_INVALID_VERSION


class Symbols:
    """The functions about instruments."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._books: set[str] = set()
        self._nothing = Quote("")

    def _server(self, name: str) -> Server:
        """The server, if it knows the symbol."""
        server = self._link.server()
        if name not in server.profile.symbols:
            raise CallFailed(mt5.RES_E_NOT_FOUND)
        return server

    def _gate(self) -> None:
        """Without a connection these functions complain of the version (observed)."""
        if not self._link.open:
            raise CallFailed(_FUNCTION_NEEDS_VERSION)

    @no_arguments()
    def symbols_total(self) -> int:
        """How many symbols the server has."""
        self._gate()
        return len(self._link.server().profile.symbols)

    def _refuse_group(self, args: tuple[object, ...], named: dict[str, object]) -> str:
        if len(args) > 1:
            raise ArgumentRefused(INVALID_COUNT)
        if args:
            if not isinstance(args[0], str):
                raise ArgumentRefused("Invalid 1st unnamed argument")
            return args[0]
        return group(named["group"]) if "group" in named else "*"

    @keywords()
    def symbols_get(self, args: tuple[object, ...], named: dict[str, object]) -> object:
        """All symbols, or those of a group."""
        try:
            mask = self._refuse_group(args, named)
        except ArgumentRefused as refused:
            self._link.error = (mt5.RES_E_INVALID_PARAMS, refused.text)
            return False
        self._gate()
        names = [name for name in self._link.server().profile.symbols if matches(mask, name)]
        return tuple(self._record(name) for name in names)

    def _record(self, name: str) -> snapshots.Record:
        terminal = self._link.terminal
        state = terminal.watch[name]
        return terminal.snapshot(name).record(selected=state.selected, visible=state.visible)

    @positional()
    def symbol_info(self, *args: object) -> snapshots.Record:
        """Everything about a symbol."""
        exactly(args, 1)
        name = symbol(args[0])
        self._server(name)
        return self._record(name)

    @positional()
    def symbol_info_tick(self, *args: object) -> snapshots.Record:
        """The last tick of a symbol."""
        if len(args) != 1:
            raise ArgumentRefused(INVALID_ARGUMENTS)
        name = symbol(args[0])
        server = self._server(name)
        quote = server.market.quotes.get(name, self._nothing)
        if not self._link.terminal.watch[name].selected:
            match server.profile.switches.tick_of_unselected:
                case "none":
                    raise CallFailed(mt5.RES_E_NOT_FOUND)
                case "zeros":
                    quote = self._nothing
        return snapshots.tick(quote)

    @positional(failure=False)
    def symbol_select(self, *args: object) -> bool:
        """Put a symbol into Market Watch, or take it out."""
        if not 1 <= len(args) <= 2:
            raise ArgumentRefused(INVALID_ARGUMENTS)
        name = symbol(args[0])
        server = self._server(name)
        state = self._link.terminal.watch[name]
        enable = bool(args[1]) if len(args) == 2 else True
        if not enable and server.book.by_symbol[name]:
            raise CallFailed(mt5.RES_E_FAIL)
        state.selected = state.visible = enable
        return True

    # The order book functions give False without an error when there is no connection (observed).

    @positional()
    def market_book_add(self, *args: object) -> bool:
        """Subscribe to a symbol's order book."""
        exactly(args, 1)
        name = symbol(args[0])
        if not self._link.open or name not in self._link.terminal.profile.symbols:
            return False
        self._books.add(name)
        return True

    @positional()
    def market_book_release(self, *args: object) -> bool:
        """End the subscription."""
        exactly(args, 1)
        name = symbol(args[0])
        if not self._link.open or name not in self._books:
            return False
        self._books.discard(name)
        return True

    @positional()
    def market_book_get(self, *args: object) -> tuple[snapshots.Record, ...]:
        """The order book, best offers in the middle."""
        exactly(args, 1)
        name = symbol(args[0])
        server = self._server(name)
        if name not in self._books:
            raise CallFailed(mt5.RES_E_NOT_FOUND)
        quote = server.market.quotes.get(name, self._nothing)
        return order_book(server.profile.symbols[name], quote)
