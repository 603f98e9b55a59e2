"""Open positions, built from deals alone, keyed by the identifier that never changes in a
position's life.

It is the only book of positions there is: projections that care what deals do read it here.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from journal.envelope import Event
from journal.events import (
    ChangeApplied,
    ChangeIntended,
    ChangeRefused,
    DealRecorded,
    OrderAdjusted,
    OrderFinished,
    OrderIntended,
    OrderRefused,
    OrderResolved,
    PositionAdjusted,
    PositionAdopted,
)
from journal.events.mt5 import DealEntry, DealReason, DealType
from projections.base import Projection
from projections.orders import VOLUME_DECIMALS, VOLUME_EPSILON


class Position(msgspec.Struct, gc=False):
    """One open position.

    side      +1 long, -1 short
    volume    lots
    price     volume-weighted opening price
    strategy  whose it is, all of it: of the newest order of ours that opened it, added to it or
              turned it; empty for what others opened, or turned, and nobody adopted
    key       order key of the intent that opened it; empty for what others opened
    opened    nanoseconds UTC
    sl, tp    as intended at the opening, then as changed or as the broker said; 0 where unknown
    costs     commission, swap and fee booked so far, account currency
    magic     of the deal that opened it, then of the strategy whose order added to it or turned it:
              a netting account's position may have been opened by a hand
    ticket    by which it is traded: the identifier, until a reversal or a re-opening changes it
    """

    identifier: int
    symbol: str
    side: int
    volume: float
    price: float
    magic: int
    key: str
    opened: int
    sl: float = 0.0
    tp: float = 0.0
    costs: float = 0.0
    ticket: int = 0
    strategy: str = ""


class Planned(msgspec.Struct, gc=False):
    """What an order that may open a position, or add to one, brings to it: levels in price units.

    lots  not filled yet; `filled` are
    """

    strategy: str
    magic: int
    sl: float
    tp: float
    lots: float
    filled: float = 0.0


class Levels(msgspec.Struct):
    """Stop and target that a position shall have, price units; 0 for none. The position is named
    by its identifier, or by the key of the pending order that will open it."""

    position: int
    order_key: str
    sl: float
    tp: float


Did = Literal[
    "opened",
    "added",
    "reduced",
    "turned",
    "closed",
    "rolled",
    "reopened",
    "early",
    "nothing",
]


class Impact(msgspec.Struct, frozen=True, gc=False):
    """What a deal did to its position.

    did     `opened`, `added` to, `reduced`, `turned` or `closed` it; `rolled` it, which closes it
            to open it again, and `reopened` it; `early` where more has been closed than was seen to
            be opened; `nothing` for want of a volume
    volume  lots that were held before; for `reduced`
    price   of the position before; for `reopened`
    """

    did: Did
    volume: float = 0.0
    price: float = 0.0


class Positions(msgspec.Struct):
    """State of the open positions.

    planned   what orders bring that are not filled yet, by order key
    changing  levels that shall be changed, by the change's key
    early     lots that were closed of a position before the deal that opened them was seen: a
              broker's list may show the later deal first
    rolled    positions that the broker has closed to open them again: a swap by re-opening
    impact    of the newest deal; None when it was no trade
    """

    open: dict[int, Position] = {}
    planned: dict[str, Planned] = {}
    changing: dict[str, Levels] = {}
    early: dict[int, float] = {}
    rolled: dict[int, Position] = {}
    impact: Impact | None = None


def of_magic(state: Positions, magic: int, symbol: str) -> list[Position]:
    """Return the open positions of one strategy in one symbol."""
    return [p for p in state.open.values() if p.magic == magic and p.symbol == symbol]


def _intended(state: Positions, event: Event[OrderIntended]) -> None:
    data = event.data
    if data.action == "open":
        state.planned[data.key] = Planned(data.strategy, data.magic, data.sl, data.tp, data.volume)


def _refused(state: Positions, event: Event[OrderRefused]) -> None:
    state.planned.pop(event.data.key, None)


def _finished(state: Positions, event: Event[OrderFinished]) -> None:
    planned = state.planned.get(event.data.key)
    if planned is not None:
        planned.lots = event.data.filled - planned.filled
        if planned.lots <= VOLUME_EPSILON:
            del state.planned[event.data.key]


def _resolved(state: Positions, event: Event[OrderResolved]) -> None:
    """The position that an order had opened before anybody knew whose it is gets its owner."""
    data = event.data
    position = state.open.get(data.position)
    planned = state.planned.get(data.key)
    if position is not None and planned is not None and data.executed and not position.key:
        position.key = data.key
        _bring(position, _plan(state, data.key, data.filled))


OPENING = frozenset({DealEntry.IN, DealEntry.INOUT})
"""Entries of deals that open a position or add to one, be it with a part of their volume."""

_SIDES: dict[int, int] = {DealType.BUY: 1, DealType.SELL: -1}


def _deal(state: Positions, event: Event[DealRecorded]) -> None:
    side = _SIDES.get(event.data.type)
    state.impact = _trade(state, event, side) if side is not None else None


def _trade(state: Positions, event: Event[DealRecorded], side: int) -> Impact:
    deal = event.data
    identifier, volume = deal.position_id, deal.volume
    position = state.open.get(identifier)
    if volume <= VOLUME_EPSILON:
        known = position is not None or identifier in state.rolled or identifier in state.early
        return Impact("nothing" if known else "closed")
    opens = deal.entry in OPENING
    planned = _plan(state, event.corr, volume) if opens else None
    if position is None:
        if opens:
            return _open(state, event, side, planned)
        return _close_early(state, identifier, volume)
    position.costs += deal.commission + deal.swap + deal.fee
    if side != position.side:
        return _reduce(state, position, event, planned)
    _add(position, deal)
    _bring(position, planned)
    return Impact("added")


def _plan(state: Positions, key: str, lots: float) -> Planned | None:
    """Return what an order brings of which `lots` are filled now, None when it is none that
    opens."""
    planned = state.planned.get(key)
    if planned is not None:
        planned.filled += lots
        planned.lots -= lots
        if planned.lots <= VOLUME_EPSILON:
            del state.planned[key]
    return planned


def _open(
    state: Positions, event: Event[DealRecorded], side: int, planned: Planned | None
) -> Impact:
    deal = event.data
    volume = round(deal.volume - state.early.pop(deal.position_id, 0.0), VOLUME_DECIMALS)
    if volume <= VOLUME_EPSILON:
        return _close_early(state, deal.position_id, -volume)
    position = state.open[deal.position_id] = Position(
        identifier=deal.position_id,
        symbol=deal.symbol,
        side=side,
        volume=volume,
        price=deal.price,
        magic=deal.magic,
        key=event.corr,
        opened=event.ts,
        costs=deal.commission + deal.swap + deal.fee,
        ticket=deal.order or deal.position_id,
    )
    before = state.rolled.pop(deal.position_id, None)
    if before is None:
        _bring(position, planned)
        return Impact("opened")
    # A swap by re-opening changes price and ticket, nothing else.
    position.key, position.opened = before.key, before.opened
    position.magic, position.strategy = before.magic, before.strategy
    position.sl, position.tp = before.sl, before.tp
    position.costs += before.costs
    return Impact("reopened", price=before.price)


def _bring(position: Position, planned: Planned | None) -> None:
    """Give a position what an order brings; a level that the order does not name stays as it
    was."""
    if planned is None:
        return
    position.strategy, position.magic = planned.strategy, planned.magic
    position.sl, position.tp = planned.sl or position.sl, planned.tp or position.tp


def _close_early(state: Positions, identifier: int, volume: float) -> Impact:
    """Note lots that were closed before their opening is seen, if there are any."""
    if volume <= VOLUME_EPSILON:
        return Impact("closed")
    state.early[identifier] = state.early.get(identifier, 0.0) + volume
    return Impact("early")


def _add(position: Position, deal: DealRecorded) -> None:
    volume = round(position.volume + deal.volume, VOLUME_DECIMALS)
    position.price = (position.price * position.volume + deal.price * deal.volume) / volume
    position.volume = volume


def _reduce(
    state: Positions, position: Position, event: Event[DealRecorded], planned: Planned | None
) -> Impact:
    deal = event.data
    before = position.volume
    rest = round(before - deal.volume, VOLUME_DECIMALS)
    if rest > VOLUME_EPSILON:
        position.volume = rest
        return Impact("reduced", volume=before)
    if rest < -VOLUME_EPSILON and deal.entry == DealEntry.INOUT:
        _turn(position, event, -rest)
        _bring(position, planned)
        return Impact("turned")
    del state.open[position.identifier]
    if rest >= -VOLUME_EPSILON and deal.reason == DealReason.ROLLOVER:
        state.rolled[position.identifier] = position
        return Impact("rolled")
    return _close_early(state, position.identifier, -rest)


def _turn(position: Position, event: Event[DealRecorded], volume: float) -> None:
    """Let what a netting account's reversal leaves open the other way: only the identifier stays
    (facts 4.1)."""
    deal = event.data
    position.side, position.volume, position.price = -position.side, volume, deal.price
    position.ticket, position.magic = deal.order or position.ticket, deal.magic
    position.key, position.opened = event.corr, event.ts
    position.sl, position.tp, position.strategy = 0.0, 0.0, ""


def _change_intended(state: Positions, event: Event[ChangeIntended]) -> None:
    data = event.data
    if data.action != "cancel":
        state.changing[data.key] = Levels(data.position, data.order_key, data.sl, data.tp)


def _change_applied(state: Positions, event: Event[ChangeApplied]) -> None:
    levels = state.changing.pop(event.data.key, None)
    if levels is None:
        return
    changed = state.open.get(levels.position) or state.planned.get(levels.order_key)
    if changed is not None:
        changed.sl, changed.tp = levels.sl, levels.tp


def _change_refused(state: Positions, event: Event[ChangeRefused]) -> None:
    state.changing.pop(event.data.key, None)


def _adjusted(state: Positions, event: Event[PositionAdjusted]) -> None:
    position = state.open.get(event.data.identifier)
    if position is not None:
        position.ticket = event.data.ticket
        position.sl, position.tp = event.data.sl, event.data.tp
        position.price = event.data.price or position.price


def _order_adjusted(state: Positions, event: Event[OrderAdjusted]) -> None:
    planned = state.planned.get(event.data.key)
    if planned is not None:
        planned.sl, planned.tp = event.data.sl, event.data.tp


def _adopted(state: Positions, event: Event[PositionAdopted]) -> None:
    position = state.open.get(event.data.identifier)
    if position is not None:
        position.magic, position.strategy = event.data.magic, event.data.strategy


_HANDLERS: dict[Any, Any] = {
    OrderIntended: _intended,
    OrderRefused: _refused,
    OrderFinished: _finished,
    OrderResolved: _resolved,
    ChangeIntended: _change_intended,
    ChangeApplied: _change_applied,
    ChangeRefused: _change_refused,
    PositionAdjusted: _adjusted,
    OrderAdjusted: _order_adjusted,
    PositionAdopted: _adopted,
    DealRecorded: _deal,
}

POSITIONS = Projection("positions", 7, Positions, _HANDLERS)
