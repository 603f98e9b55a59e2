"""Every order by its key, from proposal to outcome."""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import (
    DealRecorded,
    OrderAccepted,
    OrderFinished,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderUnresolved,
    OrderVetoed,
)
from journal.events.mt5 import DealEntry
from projections.base import Projection

KEEP_DONE = 64
"""Finished orders that stay in the state for screens; the journal has them all."""

VOLUME_EPSILON = 1e-9
"""Lots. Volumes are multiples of a step of at least 1e-8; sums of them differ by rounding only."""


class Order(msgspec.Struct):
    """One order.

    status   `proposed`, `intended`, `unresolved`, `accepted`; then finished: `vetoed`, `refused`,
             `filled` (wholly or in part), `cancelled` (nothing was)
    seq      of its newest decision
    ticket   the broker's, 0 while unknown
    filled   lots; `average` is their volume-weighted price
    final    lots that the broker will have filled in all; `volume` until its history says otherwise
    risk     account currency
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
    volume: float = 0.0
    price: float = 0.0
    sl: float = 0.0
    tp: float = 0.0
    risk: float = 0.0
    server_msc: int = 0
    ticket: int = 0
    filled: float = 0.0
    average: float = 0.0
    final: float = 0.0
    note: str = ""


class Orders(msgspec.Struct):
    """State of all orders: the open ones, the last finished ones, and how many there ever were."""

    open: dict[str, Order] = {}
    done: list[Order] = []
    proposed: int = 0
    vetoed: int = 0
    intended: int = 0
    accepted: int = 0
    refused: int = 0
    cancelled: int = 0
    filled: int = 0
    fills: int = 0


def unresolved(state: Orders) -> list[Order]:
    """Return the orders whose outcome is not known, oldest first."""
    return [order for order in state.open.values() if order.status in ("intended", "unresolved")]


def _proposed(state: Orders, event: Event[OrderProposed]) -> None:
    data = event.data
    state.proposed += 1
    state.open[data.key] = Order(
        key=data.key,
        strategy=data.strategy,
        magic=data.magic,
        symbol=data.symbol,
        side=data.side,
        status="proposed",
        seq=event.seq,
        proposed=event.ts,
        stop_distance=data.stop_distance,
        target_distance=data.target_distance,
        note=data.reason,
    )


def _vetoed(state: Orders, event: Event[OrderVetoed]) -> None:
    state.vetoed += 1
    _finish(state, event.data.key, "vetoed", event.seq, event.data.reason)


def _intended(state: Orders, event: Event[OrderIntended]) -> None:
    data = event.data
    state.intended += 1
    order = state.open[data.key]
    order.status, order.seq = "intended", event.seq
    order.volume = order.final = data.volume
    order.price, order.sl, order.tp = data.price, data.sl, data.tp
    order.risk, order.server_msc = data.risk, data.server_msc


def _accepted(state: Orders, event: Event[OrderAccepted]) -> None:
    state.accepted += 1
    order = state.open[event.data.key]
    order.status, order.seq, order.ticket = "accepted", event.seq, event.data.order
    _finish_if_filled(state, order, event.seq)


def _finished(state: Orders, event: Event[OrderFinished]) -> None:
    order = state.open.get(event.data.key)
    if order is not None and order.status == "accepted":
        order.final = event.data.filled
        _finish_if_filled(state, order, event.seq)


def _refused(state: Orders, event: Event[OrderRefused]) -> None:
    state.refused += 1
    _finish(state, event.data.key, "refused", event.seq, event.data.reason)


def _unresolved(state: Orders, event: Event[OrderUnresolved]) -> None:
    order = state.open[event.data.key]
    order.status, order.seq, order.note = "unresolved", event.seq, event.data.reason


def _deal(state: Orders, event: Event[DealRecorded]) -> None:
    deal = event.data
    order = state.open.get(event.corr)
    if order is None or not _fills(deal, order):
        return
    state.fills += 1
    filled = order.filled + deal.volume
    order.average = (order.average * order.filled + deal.price * deal.volume) / filled
    order.filled = filled
    _finish_if_filled(state, order, event.seq)


def _fills(deal: DealRecorded, order: Order) -> bool:
    """Tell a fill from what else happens to the position. On a netting account a fill may close."""
    return deal.order == order.ticket if order.ticket else deal.entry == DealEntry.IN


def _finish_if_filled(state: Orders, order: Order, seq: int) -> None:
    # A deal may be seen before the reply that accepts its order: both must be there.
    if order.status != "accepted" or order.filled < order.final - VOLUME_EPSILON:
        return
    if not order.final:
        state.cancelled += 1
        _finish(state, order.key, "cancelled", seq, "the broker ended it unfilled")
        return
    part = order.final < order.volume - VOLUME_EPSILON
    state.filled += 1
    _finish(state, order.key, "filled", seq, f"of {order.volume:g} lots" if part else "")


def _finish(state: Orders, key: str, status: str, seq: int, note: str) -> None:
    order = state.open.pop(key)
    order.status, order.seq, order.note = status, seq, note
    state.done.append(order)
    if len(state.done) > KEEP_DONE:
        del state.done[0]


_HANDLERS: dict[Any, Any] = {
    OrderProposed: _proposed,
    OrderVetoed: _vetoed,
    OrderIntended: _intended,
    OrderAccepted: _accepted,
    OrderFinished: _finished,
    OrderRefused: _refused,
    OrderUnresolved: _unresolved,
    DealRecorded: _deal,
}

ORDERS = Projection("orders", 2, Orders, _HANDLERS)
