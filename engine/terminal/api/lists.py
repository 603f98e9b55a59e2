"""`positions_*`, `orders_*`, `history_orders_*`, `history_deals_*`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from engine.terminal import constants as mt5
from engine.terminal import snapshots
from engine.terminal.api.conventions import (
    CallFailed,
    Link,
    exception_set,
    keywords,
    no_arguments,
    positional,
)
from engine.terminal.arguments import (
    INVALID_ARGUMENTS,
    UNNAMED_NOT_ALLOWED,
    date,
    exactly,
    group,
    symbol_named,
)
from engine.terminal.book import Deal, Order
from engine.terminal.filters import matches
from engine.terminal.request import ArgumentRefused, integer, unsigned64
from engine.terminal.snapshots import Record

Named = dict[str, object]
Records = tuple[Record, ...]


class _OfSymbol(Protocol):
    @property
    def symbol(self) -> str: ...

    @property
    def ticket(self) -> int: ...


S = TypeVar("S", bound=_OfSymbol)


class _DealRecords(dict[Deal, Record]):
    """The records of deals, each made once: it never changes, and is read again and again."""

    def __missing__(self, one: Deal) -> Record:
        record = self[one] = snapshots.deal(one)
        return record


class Lists:
    """The functions that list what the account has and had."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._deals = _DealRecords()

    # What is open

    @no_arguments()
    def positions_total(self) -> int:
        """How many positions are open."""
        self._link.server()
        return len(self._link.terminal.views.positions())

    @no_arguments()
    def orders_total(self) -> int:
        """How many orders are live."""
        self._link.server()
        return len(self._link.terminal.views.orders())

    @keywords()
    def positions_get(self, args: tuple[object, ...], named: Named) -> Records:
        """Open positions: of a ticket, of a symbol, of a group, or all."""
        chosen = _choice(args, named)
        server = self._link.server()
        self._known(named)
        found = chosen(self._link.terminal.views.positions())
        return tuple([snapshots.position(held, server.account) for held in found])

    @keywords()
    def orders_get(self, args: tuple[object, ...], named: Named) -> Records:
        """Live orders: of a ticket, of a symbol, of a group, or all."""
        chosen = _choice(args, named)
        server = self._link.server()
        self._known(named)
        found = chosen(self._link.terminal.views.orders())
        return tuple([snapshots.order(one, server.price_for(one)) for one in found])

    def _known(self, named: Named) -> None:
        """Whether asking for a symbol nobody knows is an error is a switch of the profile."""
        name, profile = named.get("symbol"), self._link.terminal.profile
        if "ticket" in named or name is None or name in profile.symbols:
            return
        if profile.switches.unknown_symbol_lists == "none":
            raise CallFailed(mt5.RES_E_FAIL)

    # What was

    @positional()
    def history_orders_total(self, *args: object) -> int:
        """How many orders were done between two dates."""
        return len(self._between("history_orders_total", args, self._done_between()))

    @positional()
    def history_deals_total(self, *args: object) -> int:
        """How many deals were made between two dates."""
        return len(
            self._between("history_deals_total", args, self._link.terminal.views.deals_between)
        )

    def _done_between(self) -> Callable[[int, int], list[Order]]:
        """Whether the dates are compared with placing or finishing is a switch of the profile."""
        terminal = self._link.terminal
        by_setup = terminal.profile.switches.history_orders_by == "setup"
        return terminal.views.set_up_between if by_setup else terminal.views.done_between

    @keywords()
    def history_orders_get(self, args: tuple[object, ...], named: Named) -> Records:
        """Done orders: between two dates, of a ticket or of a position."""
        views = self._link.terminal.views
        found = self._history(
            "history_orders_get", args, named,
            self._done_between(), views.done_of_ticket, views.done_of_position,
        )  # fmt: skip
        return tuple([snapshots.order(one, one.price_current) for one in found])

    @keywords()
    def history_deals_get(self, args: tuple[object, ...], named: Named) -> Records:
        """Deals: between two dates, of a ticket or of a position."""
        views = self._link.terminal.views
        found = self._history(
            "history_deals_get", args, named,
            views.deals_between, views.deals_of_ticket, views.deals_of_position,
        )  # fmt: skip
        return tuple(map(self._deals.__getitem__, found))

    def _history(
        self,
        name: str,
        args: tuple[object, ...],
        named: Named,
        between: Callable[[int, int], list[S]],
        of_ticket: Callable[[int], list[S]],
        of_position: Callable[[int], list[S]],
    ) -> list[S]:
        """Two dates win over `ticket`, which wins over `position`; the losers are not looked at."""
        if args:
            mask = group(named["group"]) if "group" in named else None
            found = self._between(name, args, between)
            return found if mask is None else [one for one in found if matches(mask, one.symbol)]
        if "ticket" in named:
            ticket = integer("ticket", named["ticket"], unsigned64)
            self._link.server()
            return of_ticket(ticket)[:1]
        if "position" in named:
            position = integer("position", named["position"], unsigned64)
            self._link.server()
            return of_position(position)
        raise ArgumentRefused(INVALID_ARGUMENTS)

    def _between(
        self, name: str, args: tuple[object, ...], between: Callable[[int, int], list[S]]
    ) -> list[S]:
        exactly(args, 2)
        first, last = date(args[0]), date(args[1])
        pending = first.pending or last.pending
        try:
            self._link.server()
            found = between(first.seconds * 1000, last.seconds * 1000 + 999)
        except CallFailed as failed:
            if pending is None:
                raise
            self._link.error = (failed.code, failed.text)
        if pending is not None:
            raise exception_set(name) from pending
        return found


def _choice(args: tuple[object, ...], named: Named) -> Callable[[Iterable[S]], Iterable[S]]:
    """`ticket` wins over `symbol`, which wins over `group`; the losers are not looked at."""
    if args:
        raise ArgumentRefused(UNNAMED_NOT_ALLOWED)
    if "ticket" in named:
        ticket = integer("ticket", named["ticket"], unsigned64)
        return lambda rows: [row for row in rows if row.ticket == ticket]
    if "symbol" in named:
        name = symbol_named(named["symbol"])
        return lambda rows: [row for row in rows if row.symbol == name]
    if "group" in named:
        mask = group(named["group"])
        return lambda rows: [row for row in rows if matches(mask, row.symbol)]
    return lambda rows: rows
