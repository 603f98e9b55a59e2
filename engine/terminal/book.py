"""The broker's own record of one account: orders, positions, deals, balance, tickets.

Every change goes through the methods here and is collected into one `Change` per transition, which
the store writes at once: after a process death a transition has happened whole or not at all.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict

import msgspec

from engine.terminal import constants as mt5
from engine.terminal.decimals import rounded

#: So many of the latest deals or orders are searched first: the others are seldom asked for again.
_FEW = 16


class Position(msgspec.Struct, kw_only=True, gc=False):
    """An open position. `identifier` never changes; `ticket` may (facts 4.1)."""

    ticket: int
    identifier: int
    symbol: str
    type: int
    volume: float
    price_open: float
    time_msc: int
    time_update_msc: int
    sl: float = 0.0
    tp: float = 0.0
    swap: float = 0.0
    magic: int = 0
    reason: int = 0
    comment: str = ""
    external_id: str = ""


class Order(msgspec.Struct, kw_only=True, gc=False):
    """An order, live or done. Times are server milliseconds, `time_expiration` server seconds."""

    ticket: int
    symbol: str
    type: int
    volume_initial: float
    volume_current: float
    time_setup_msc: int
    time_done_msc: int = 0
    time_expiration: int = 0
    type_time: int = 0
    type_filling: int = 0
    state: int = mt5.ORDER_STATE_STARTED
    magic: int = 0
    position_id: int = 0
    position_by_id: int = 0
    reason: int = 0
    price_open: float = 0.0
    sl: float = 0.0
    tp: float = 0.0
    price_current: float = 0.0
    price_stoplimit: float = 0.0
    comment: str = ""
    external_id: str = ""


class Deal(msgspec.Struct, kw_only=True, frozen=True, eq=False, gc=False):
    """A deal: what has happened to the money. Never changes, and equals itself alone."""

    ticket: int
    type: int
    time_msc: int
    order: int = 0
    entry: int = 0
    magic: int = 0
    position_id: int = 0
    reason: int = 0
    volume: float = 0.0
    price: float = 0.0
    commission: float = 0.0
    swap: float = 0.0
    profit: float = 0.0
    fee: float = 0.0
    symbol: str = ""
    comment: str = ""
    external_id: str = ""

    @property
    def amount(self) -> float:
        """What the deal adds to the balance."""
        return self.profit + self.commission + self.swap + self.fee


class Change(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One transition of the book, as it is written."""

    step: int
    ticket: int
    balance: float
    credit: float = 0.0
    day: int = 0
    positions: list[Position] = []
    closed: list[int] = []
    orders: list[Order] = []
    done: list[Order] = []
    deals: list[Deal] = []


class Book:
    """The state of one account."""

    def __init__(self, first_ticket: int, digits: int) -> None:
        self.balance = 0.0
        self.credit = 0.0
        #: The server's day (days since the epoch) up to which roll-overs are done.
        self.day = 0
        self.positions: dict[int, Position] = {}
        self.by_symbol: defaultdict[str, dict[int, Position]] = defaultdict(dict)
        self.orders: dict[int, Order] = {}
        self.done: list[Order] = []
        self.done_by_ticket: dict[int, Order] = {}
        self.done_by_position: defaultdict[int, list[Order]] = defaultdict(list)
        self.deals: list[Deal] = []
        self.deal_times: list[int] = []
        self.done_times: list[int] = []
        self.deal_by_ticket: dict[int, Deal] = {}
        self.deals_by_position: defaultdict[int, list[Deal]] = defaultdict(list)
        self.next_ticket = first_ticket
        self._digits = digits
        self._positions: dict[int, Position] = {}
        self._closed: dict[int, None] = {}
        self._orders: dict[int, Order] = {}
        self._done: list[Order] = []
        self._deals: list[Deal] = []
        self.changed = False

    # Mutations: each is applied at once and remembered for the transition's line.

    def ticket(self) -> int:
        """A new ticket, of an order or a deal."""
        ticket = self.next_ticket
        self.next_ticket += 1
        self.changed = True
        return ticket

    def put_position(self, position: Position) -> None:
        """Record a new or changed position."""
        self.positions[position.ticket] = position
        self.by_symbol[position.symbol][position.ticket] = position
        self._positions[position.ticket] = position
        self.changed = True

    def drop_position(self, position: Position) -> None:
        """Record that a position is no more (under this ticket)."""
        del self.positions[position.ticket]
        del self.by_symbol[position.symbol][position.ticket]
        self._positions.pop(position.ticket, None)
        self._closed[position.ticket] = None
        self.changed = True

    def put_order(self, order: Order) -> None:
        """Record a new or changed live order."""
        self.orders[order.ticket] = order
        self._orders[order.ticket] = order
        self.changed = True

    def finish_order(self, order: Order) -> None:
        """Record that an order has reached its last state."""
        self.orders.pop(order.ticket, None)
        self._orders.pop(order.ticket, None)
        self._file_order(order)
        self._done.append(order)
        self.changed = True

    def add_deal(self, deal: Deal) -> None:
        """Record a deal and book its money."""
        self._file_deal(deal)
        if deal.type == mt5.DEAL_TYPE_CREDIT:
            self.credit = rounded(self.credit + deal.profit, self._digits)
        else:
            self.balance = rounded(self.balance + deal.amount, self._digits)
        self._deals.append(deal)
        self.changed = True

    def set_day(self, day: int) -> None:
        """Record that the roll-overs up to a server day are done."""
        self.day = day
        self.changed = True

    def take_change(self, step: int) -> Change:
        """The transition since the last call."""
        change = Change(
            step=step,
            ticket=self.next_ticket,
            balance=self.balance,
            credit=self.credit,
            day=self.day,
            positions=list(self._positions.values()),
            closed=list(self._closed),
            orders=list(self._orders.values()),
            done=self._done,
            deals=self._deals,
        )
        self._positions, self._closed, self._orders = {}, {}, {}
        self._done, self._deals = [], []
        self.changed = False
        return change

    def apply(self, change: Change) -> None:
        """Do a written transition again, when a book is opened."""
        # First what closed: a ticket may come back in the same transition (facts 3.7).
        for ticket in change.closed:
            position = self.positions.pop(ticket, None)
            if position is not None:
                del self.by_symbol[position.symbol][ticket]
        for position in change.positions:
            self.positions[position.ticket] = position
            self.by_symbol[position.symbol][position.ticket] = position
        for order in change.orders:
            self.orders[order.ticket] = order
        for order in change.done:
            self.orders.pop(order.ticket, None)
            self._file_order(order)
        for deal in change.deals:
            self._file_deal(deal)
        self.balance, self.credit = change.balance, change.credit
        self.day, self.next_ticket = change.day, change.ticket

    def _file_order(self, order: Order) -> None:
        self.done.append(order)
        self.done_times.append(order.time_done_msc)
        self.done_by_ticket[order.ticket] = order
        self.done_by_position[order.position_id].append(order)

    def _file_deal(self, deal: Deal) -> None:
        self.deals.append(deal)
        self.deal_times.append(deal.time_msc)
        self.deal_by_ticket[deal.ticket] = deal
        self.deals_by_position[deal.position_id].append(deal)

    # Questions about the past; both lists ascend in time because server time never runs back.

    def deals_between(self, first_msc: int, last_msc: int) -> list[Deal]:
        """Deals whose time lies in the closed interval, in server milliseconds."""
        return self.deals[_stretch(self.deal_times, first_msc, last_msc)]

    def done_between(self, first_msc: int, last_msc: int) -> list[Order]:
        """Orders done in the closed interval, in server milliseconds."""
        return self.done[_stretch(self.done_times, first_msc, last_msc)]


def _stretch(times: list[int], first_msc: int, last_msc: int) -> slice:
    """The places of the times in the closed interval: mostly of the latest few, up to the end."""
    count = len(times)
    end = count if count and times[-1] <= last_msc else bisect_right(times, last_msc)
    few = count - _FEW
    begin = bisect_left(times, first_msc, few if few > 0 and times[few] < first_msc else 0)
    return slice(begin, end)
