"""Open positions, built from deals alone, keyed by the identifier that never changes in a
position's life."""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import (
    DealRecorded,
    OrderIntended,
    OrderRefused,
    PositionAdjusted,
    PositionAdopted,
)
from journal.events.mt5 import DealEntry, DealType
from projections.base import Projection
from projections.orders import VOLUME_EPSILON


class Position(msgspec.Struct):
    """One open position.

    side      +1 long, -1 short
    volume    lots
    price     volume-weighted opening price
    key       order key of the intent that opened it; empty for what others opened
    sl, tp    as intended at the opening, then as the broker said; 0 where unknown
    costs     commission, swap and fee booked so far, account currency
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


class Positions(msgspec.Struct):
    """State of the open positions.

    levels  stop and target of intents that have no position yet
    early   lots that were closed of a position before the deal that opened them was seen: a
            broker's list may show the later deal first
    """

    open: dict[int, Position] = {}
    levels: dict[str, tuple[float, float]] = {}
    early: dict[int, float] = {}


def of_magic(state: Positions, magic: int, symbol: str) -> list[Position]:
    """Return the open positions of one strategy in one symbol."""
    return [p for p in state.open.values() if p.magic == magic and p.symbol == symbol]


def _intended(state: Positions, event: Event[OrderIntended]) -> None:
    state.levels[event.data.key] = (event.data.sl, event.data.tp)


def _refused(state: Positions, event: Event[OrderRefused]) -> None:
    state.levels.pop(event.data.key, None)


def _deal(state: Positions, event: Event[DealRecorded]) -> None:
    deal = event.data
    if deal.type not in (DealType.BUY, DealType.SELL):
        return
    side = 1 if deal.type == DealType.BUY else -1
    position = state.open.get(deal.position_id)
    if position is None:
        if deal.entry in (DealEntry.IN, DealEntry.INOUT):
            _open(state, event, side)
        else:
            _close_early(state, deal.position_id, deal.volume)
        return
    position.costs += deal.commission + deal.swap + deal.fee
    if side == position.side:
        _add(position, deal)
    else:
        _reduce(state, position, deal)


def _open(state: Positions, event: Event[DealRecorded], side: int) -> None:
    deal = event.data
    sl, tp = state.levels.pop(event.corr, (0.0, 0.0))
    volume = deal.volume - state.early.pop(deal.position_id, 0.0)
    if volume <= VOLUME_EPSILON:
        _close_early(state, deal.position_id, -volume)
        return
    state.open[deal.position_id] = Position(
        identifier=deal.position_id,
        symbol=deal.symbol,
        side=side,
        volume=volume,
        price=deal.price,
        magic=deal.magic,
        key=event.corr,
        opened=event.ts,
        sl=sl,
        tp=tp,
        costs=deal.commission + deal.swap + deal.fee,
        ticket=deal.position_id,
    )


def _close_early(state: Positions, identifier: int, volume: float) -> None:
    if volume > VOLUME_EPSILON:
        state.early[identifier] = state.early.get(identifier, 0.0) + volume


def _add(position: Position, deal: DealRecorded) -> None:
    volume = position.volume + deal.volume
    position.price = (position.price * position.volume + deal.price * deal.volume) / volume
    position.volume = volume


def _reduce(state: Positions, position: Position, deal: DealRecorded) -> None:
    rest = position.volume - deal.volume
    if abs(rest) <= VOLUME_EPSILON:
        del state.open[position.identifier]
    elif rest > 0.0:
        position.volume = rest
    elif deal.entry != DealEntry.INOUT:
        del state.open[position.identifier]
        _close_early(state, position.identifier, -rest)
    else:  # a netting account's reversal (INOUT): the rest opens the other way at the deal's price
        position.side, position.volume, position.price = -position.side, -rest, deal.price


def _adjusted(state: Positions, event: Event[PositionAdjusted]) -> None:
    position = state.open.get(event.data.identifier)
    if position is not None:
        position.ticket = event.data.ticket
        position.sl, position.tp = event.data.sl, event.data.tp


def _adopted(state: Positions, event: Event[PositionAdopted]) -> None:
    position = state.open.get(event.data.identifier)
    if position is not None:
        position.magic = event.data.magic


_HANDLERS: dict[Any, Any] = {
    OrderIntended: _intended,
    OrderRefused: _refused,
    PositionAdjusted: _adjusted,
    PositionAdopted: _adopted,
    DealRecorded: _deal,
}

POSITIONS = Projection("positions", 3, Positions, _HANDLERS)
