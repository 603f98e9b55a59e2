"""Every order by its key, from proposal to outcome."""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import (
    BrokerReplied,
    ChangeApplied,
    ChangeIntended,
    ChangeRefused,
    DealRecorded,
    OrderAccepted,
    OrderAdjusted,
    OrderFinished,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderResolved,
    OrderUnresolved,
    OrderVetoed,
)
from journal.events.mt5 import DealEntry, OrderState
from projections.base import Projection

KEEP_DONE = 64
"""Finished orders that stay in the state for screens; the journal has them all."""

VOLUME_EPSILON = 1e-9
"""Lots. Volumes are multiples of a step of at least 1e-8; sums of them differ by rounding only."""

VOLUME_DECIMALS = 8
"""To which sums of volumes are rounded: MT5 keeps no more."""

UNKNOWN = ("intended", "unresolved")
"""Statuses of orders whose outcome is not known."""

LIVE = ("accepted", "working", "partially filled")
"""Statuses of orders that the broker has and that may yet be filled."""


class Order(msgspec.Struct, gc=False):
    """One order.

    status   `proposed`, `intended`, `unresolved`; then `accepted`, or `working` when it is pending,
             `partially filled`; then finished: `vetoed`, `refused`, `filled` (wholly or in part),
             or, when nothing was, `cancelled`, `expired` or `rejected`
    seq      of its newest decision
    reason   the rule that spoke; note says the same, then why it was refused or is in doubt
    action, type, price, limit, position, by, follows, attempt   as proposed, then as intended
    lots     as proposed; `volume` as intended
    ticket   the broker's, 0 while unknown
    filled   lots; `average` is their volume-weighted price
    final    lots that the broker will have filled in all; `volume` until its history says otherwise
    state    MT5's integer, as the broker's history had it at the end; 0 while unknown
    risk     account currency lost at the stop as it is now
    slipped  price units from the intended price to `average`, positive when it is the worse for it
    intended nanoseconds UTC at which it was
    replied_ns, filled_ns   from there to the broker's answer and to the first fill, as recorded
    doubted  nanoseconds UTC since when its outcome is not known, 0 while it is
    """

    key: str
    strategy: str
    magic: int
    symbol: str
    side: str
    status: str
    seq: int
    proposed: int
    stop_distance: float
    target_distance: float
    action: str = "open"
    type: str = "market"
    lots: float = 0.0
    price: float = 0.0
    limit: float = 0.0
    lifetime_s: int = 0
    position: int = 0
    by: int = 0
    follows: str = ""
    attempt: int = 0
    volume: float = 0.0
    sl: float = 0.0
    tp: float = 0.0
    expiration: int = 0
    risk: float = 0.0
    server_msc: int = 0
    ticket: int = 0
    filled: float = 0.0
    average: float = 0.0
    final: float = 0.0
    state: int = 0
    slipped: float = 0.0
    intended: int = 0
    replied_ns: int = 0
    filled_ns: int = 0
    doubted: int = 0
    reason: str = ""
    note: str = ""

    @property
    def sign(self) -> int:
        """+1 of a buy, -1 of a sell."""
        return 1 if self.side == "buy" else -1

    @property
    def is_pending(self) -> bool:
        """Whether it waits at the broker for a price."""
        return self.type != "market"

    @property
    def entry(self) -> float:
        """The price that it was meant to fill at, price units."""
        return self.limit if self.type == "stop limit" else self.price


class Orders(msgspec.Struct):
    """State of all orders: the open ones, the last finished ones, and how many there ever were.

    changing  what shall become of pending orders, by the change's key
    """

    open: dict[str, Order] = {}
    done: list[Order] = []
    changing: dict[str, ChangeIntended] = {}
    proposed: int = 0
    vetoed: int = 0
    intended: int = 0
    accepted: int = 0
    refused: int = 0
    cancelled: int = 0
    expired: int = 0
    rejected: int = 0
    filled: int = 0
    fills: int = 0


def unresolved(state: Orders) -> list[Order]:
    """Return the orders whose outcome is not known, oldest first."""
    return [order for order in state.open.values() if order.status in UNKNOWN]


def pendings(state: Orders) -> list[Order]:
    """Return the orders that wait at the broker for a price, oldest first."""
    return [o for o in state.open.values() if o.is_pending and o.status in LIVE]


def closing(state: Orders, identifier: int, asking: str = "") -> Order | None:
    """Return the order under way, other than `asking`, that closes a position or a part of it;
    there is one at the most."""
    return next(
        (
            order
            for order in state.open.values()
            if order.action != "open"
            and identifier in (order.position, order.by)
            and order.key != asking
        ),
        None,
    )


def _proposed(state: Orders, event: Event[OrderProposed]) -> None:
    data = event.data
    state.proposed += 1
    # With more of them by name, Python would first put them all into a dictionary.
    state.open[data.key] = Order(
        data.key,
        data.strategy,
        data.magic,
        data.symbol,
        data.side,
        "proposed",
        event.seq,
        event.ts,
        data.stop_distance,
        data.target_distance,
        data.action,
        data.type,
        data.volume,
        data.price,
        limit=data.limit,
        lifetime_s=data.lifetime_s,
        position=data.position,
        by=data.by,
        follows=data.follows,
        attempt=data.attempt,
        reason=data.reason,
        note=data.reason,
    )


def _vetoed(state: Orders, event: Event[OrderVetoed]) -> None:
    state.vetoed += 1
    _finish(state, state.open[event.data.key], "vetoed", event.seq, event.data.reason)


def _intended(state: Orders, event: Event[OrderIntended]) -> None:
    data = event.data
    state.intended += 1
    order = state.open[data.key]
    order.status, order.seq = "intended", event.seq
    order.intended = order.doubted = event.ts
    order.volume = order.final = data.volume
    order.price, order.limit, order.expiration = data.price, data.limit, data.expiration
    order.sl, order.tp = data.sl, data.tp
    order.risk, order.server_msc = data.risk, data.server_msc


def _replied(state: Orders, event: Event[BrokerReplied]) -> None:
    order = state.open.get(event.data.key)
    if order is not None and order.intended:
        order.replied_ns = event.ts - order.intended


def _accepted(state: Orders, event: Event[OrderAccepted]) -> None:
    state.accepted += 1
    data = event.data
    order = state.open[data.key]
    order.seq, order.ticket, order.doubted = event.seq, data.order, 0
    if order.filled:
        order.status = "partially filled"
    else:
        order.status = "working" if order.is_pending else "accepted"
    if not data.order and data.proof == "reply":  # of a close: there was nothing left to close
        order.final = order.filled
    _finish_if_filled(state, order, event.seq)


def _finished(state: Orders, event: Event[OrderFinished]) -> None:
    order = state.open.get(event.data.key)
    if order is not None and order.status in LIVE:
        order.final, order.state = event.data.filled, event.data.state
        _finish_if_filled(state, order, event.seq)


def _refused(state: Orders, event: Event[OrderRefused]) -> None:
    state.refused += 1
    _finish(state, state.open[event.data.key], "refused", event.seq, event.data.reason)


def _unresolved(state: Orders, event: Event[OrderUnresolved]) -> None:
    order = state.open[event.data.key]
    order.status, order.seq, order.note = "unresolved", event.seq, event.data.reason


def _resolved(state: Orders, event: Event[OrderResolved]) -> None:
    """Take over what was filled before anybody knew whose deals these were."""
    data = event.data
    order = state.open.get(data.key)
    if order is not None and data.executed and data.filled > order.filled:
        order.filled, order.average = data.filled, data.average
        _slip(order)


def _deal(state: Orders, event: Event[DealRecorded]) -> None:
    deal = event.data
    order = state.open.get(event.corr)
    if order is None or deal.volume <= VOLUME_EPSILON or not _fills(deal, order):
        return
    state.fills += 1
    if not order.filled:
        order.filled_ns = event.ts - order.intended
    filled = round(order.filled + deal.volume, VOLUME_DECIMALS)
    order.average = (order.average * order.filled + deal.price * deal.volume) / filled
    order.filled = filled
    _slip(order)
    if order.status in LIVE:
        order.status = "partially filled"
    _finish_if_filled(state, order, event.seq)


def _slip(order: Order) -> None:
    if order.action != "close by":  # which is settled at the positions' own prices
        order.slipped = order.sign * (order.average - order.entry)


def _fills(deal: DealRecorded, order: Order) -> bool:
    """Tell a fill from what else happens to the position. On a netting account a fill may close."""
    if order.action == "close by" and deal.position_id != order.position:
        return False  # the same lots, of the opposite position
    if order.ticket:
        return deal.order == order.ticket
    if order.action == "open":
        return deal.entry in (DealEntry.IN, DealEntry.INOUT)
    return order.key in deal.comment.upper()


_UNFILLED: dict[int, tuple[str, str]] = {
    OrderState.EXPIRED: ("expired", "its time had passed"),
    OrderState.REJECTED: ("rejected", "the broker could not fill it"),
}


def _finish_if_filled(state: Orders, order: Order, seq: int) -> None:
    # A deal may be seen before the reply that accepts its order: both must be there.
    if order.status not in LIVE or order.filled < order.final - VOLUME_EPSILON:
        return
    if order.final:
        part = order.final < order.volume - VOLUME_EPSILON
        state.filled += 1
        _finish(state, order, "filled", seq, f"of {order.volume:g} lots" if part else "")
    elif not order.ticket:
        state.cancelled += 1
        _finish(state, order, "cancelled", seq, "there was nothing left to close")
    else:
        status, note = _UNFILLED.get(order.state, ("cancelled", "the broker ended it unfilled"))
        state.cancelled += status == "cancelled"
        state.expired += status == "expired"
        state.rejected += status == "rejected"
        _finish(state, order, status, seq, note)


def _finish(state: Orders, order: Order, status: str, seq: int, note: str) -> None:
    del state.open[order.key]
    order.status, order.seq, order.note, order.doubted = status, seq, note, 0
    state.done.append(order)
    if len(state.done) > KEEP_DONE:
        del state.done[0]


def _change_intended(state: Orders, event: Event[ChangeIntended]) -> None:
    if event.data.action == "modify":
        state.changing[event.data.key] = event.data


def _change_applied(state: Orders, event: Event[ChangeApplied]) -> None:
    wish = state.changing.pop(event.data.key, None)
    order = state.open.get(wish.order_key) if wish is not None else None
    if wish is None or order is None:
        return
    before = abs(order.entry - order.sl)
    order.price, order.limit = wish.price, wish.limit
    order.sl, order.tp, order.expiration = wish.sl, wish.tp, wish.expiration
    if before:
        order.risk *= abs(order.entry - order.sl) / before


def _change_refused(state: Orders, event: Event[ChangeRefused]) -> None:
    state.changing.pop(event.data.key, None)


def _adjusted(state: Orders, event: Event[OrderAdjusted]) -> None:
    data = event.data
    order = state.open.get(data.key)
    if order is not None:
        order.price, order.limit = data.price, data.limit
        order.sl, order.tp, order.expiration = data.sl, data.tp, data.expiration


_HANDLERS: dict[Any, Any] = {
    OrderProposed: _proposed,
    OrderVetoed: _vetoed,
    OrderIntended: _intended,
    BrokerReplied: _replied,
    OrderAccepted: _accepted,
    OrderFinished: _finished,
    OrderRefused: _refused,
    OrderUnresolved: _unresolved,
    OrderResolved: _resolved,
    DealRecorded: _deal,
    ChangeIntended: _change_intended,
    ChangeApplied: _change_applied,
    ChangeRefused: _change_refused,
    OrderAdjusted: _adjusted,
}

ORDERS = Projection("orders", 4, Orders, _HANDLERS)
