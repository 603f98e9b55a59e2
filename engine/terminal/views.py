"""The account's lists as a terminal shows them, which is later than the server knows them.

Without a lag a view is the book itself; nothing here changes the book.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal, TypeVar

import msgspec

from engine.terminal.book import Book, Deal, Order, Position

ListName = Literal["positions", "orders", "deals", "history_orders"]
Row = TypeVar("Row", Deal, Order)


class _Lag:
    """How a list was when it began to lag, and how often it will still be read like that."""

    def __init__(self, reads: int, rows: list[Position] | list[Order], known: int) -> None:
        self.reads = reads
        # Copies, because positions and orders change in place.
        self.rows = [msgspec.structs.replace(row) for row in rows]
        self.known = known


class Views:
    """What a program sees of the book."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._lags: dict[ListName, _Lag] = {}

    def lag(self, lists: Iterable[ListName], reads: int) -> None:
        """Keep lists as they are now for that many reads."""
        book = self._book
        for name in lists:
            if name == "positions":
                lag = _Lag(reads, list(book.positions.values()), 0)
            elif name == "orders":
                lag = _Lag(reads, list(book.orders.values()), 0)
            else:
                past = book.deals if name == "deals" else book.done
                lag = _Lag(reads, [], len(past))
            self._lags[name] = lag

    def catch_up(self) -> None:
        """Show everything from now on."""
        self._lags.clear()

    def _read(self, name: ListName) -> _Lag | None:
        """The lag of a list that is being read, if it has one."""
        lag = self._lags.get(name)
        if lag is not None:
            lag.reads -= 1
            if not lag.reads:
                del self._lags[name]
        return lag

    def positions(self) -> Collection[Position]:
        """The open positions, oldest first, as long as the book stays as it is."""
        lag = self._read("positions") if self._lags else None
        if lag is not None:
            return [row for row in lag.rows if isinstance(row, Position)]
        return self._book.positions.values()

    def orders(self) -> Collection[Order]:
        """The live orders, oldest first, as long as the book stays as it is."""
        lag = self._read("orders") if self._lags else None
        if lag is not None:
            return [row for row in lag.rows if isinstance(row, Order)]
        return self._book.orders.values()

    def deals_between(self, first_msc: int, last_msc: int) -> list[Deal]:
        """The deals of a stretch of server time."""
        return self._deals(self._book.deals_between(first_msc, last_msc))

    def deals_of_ticket(self, ticket: int) -> list[Deal]:
        """The deal of a ticket."""
        found = self._book.deal_by_ticket.get(ticket)
        return self._deals([] if found is None else [found])

    def deals_of_position(self, position: int) -> list[Deal]:
        """The deals of a position identifier."""
        return self._deals(list(self._book.deals_by_position.get(position, ())))

    def _deals(self, rows: list[Deal]) -> list[Deal]:
        return self._known("deals", rows, self._book.deals) if self._lags else rows

    def done_between(self, first_msc: int, last_msc: int) -> list[Order]:
        """The orders done in a stretch of server time."""
        return self._done(self._book.done_between(first_msc, last_msc))

    def set_up_between(self, first_msc: int, last_msc: int) -> list[Order]:
        """The done orders that were placed in a stretch of server time."""
        rows = [row for row in self._book.done if first_msc <= row.time_setup_msc <= last_msc]
        return self._done(rows)

    def done_of_ticket(self, ticket: int) -> list[Order]:
        """The done order of a ticket."""
        found = self._book.done_by_ticket.get(ticket)
        return self._done([] if found is None else [found])

    def done_of_position(self, position: int) -> list[Order]:
        """The done orders of a position identifier; of 0, those that never had one."""
        return self._done(list(self._book.done_by_position.get(position, ())))

    def _done(self, rows: list[Order]) -> list[Order]:
        return self._known("history_orders", rows, self._book.done) if self._lags else rows

    def _known(self, name: ListName, rows: list[Row], whole: list[Row]) -> list[Row]:
        lag = self._read(name)
        if lag is None:
            return rows
        hidden = {row.ticket for row in whole[lag.known :]}
        return [row for row in rows if row.ticket not in hidden]
