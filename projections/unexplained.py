"""Deals that opened something with a magic of ours and that no intent explains yet: a second engine
trades with our magics, or an order of ours is in doubt and its deal came without its key.

It only remembers them. When one is called a stranger's is for `engine.execution.unexplained`.
"""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import (
    BrokerSnapshotTaken,
    DealRecorded,
    DiscrepancyFound,
    OrderAccepted,
    OrderResolved,
    PositionAdopted,
    RunStarted,
)
from journal.events.mt5 import DealReason, DealType
from projections.base import Projection, Reading
from projections.idempotency import IDEMPOTENCY, Idempotency
from projections.market import MARKET, Market
from projections.positions import OPENING

NAME = "unexplained deal"
"""What such a deal is called as a difference, once it has been told."""


class Trace(msgspec.Struct, frozen=True, gc=False):
    """One such deal. side `buy` or `sell`; volume in lots, price in price units."""

    deal: int
    order: int
    position: int
    symbol: str
    side: str
    volume: float
    price: float
    magic: int


class Unexplained(msgspec.Struct):
    """State of what is unexplained.

    magics    of the newest run's strategies
    since     server milliseconds of the journal's first look at the whole account, 0 before it:
              what is older was there before, perhaps of a journal that is lost
    deals     by ticket, not told yet
    """

    magics: list[int] = []
    since: int = 0
    deals: dict[int, Trace] = {}


def _started(state: Unexplained, event: Event[RunStarted]) -> None:
    strategies = event.data.config.get("strategies", ())
    state.magics = sorted({one["magic"] for one in strategies if "magic" in one})


def _snapshot(
    state: Unexplained, market: Market, known: Idempotency, event: Event[BrokerSnapshotTaken]
) -> None:
    if not state.since:
        now_msc = event.ts // 1_000_000 + market.offset_s * 1000
        state.since = max(now_msc, known.watermark)


def _deal(state: Unexplained, event: Event[DealRecorded]) -> None:
    """A program's deal it must be: whatever the server does to a position bears its magic, too."""
    deal = event.data
    if event.corr or not state.since or deal.time_msc <= state.since:
        return
    if deal.entry not in OPENING or deal.type not in (DealType.BUY, DealType.SELL):
        return
    if deal.reason == DealReason.EXPERT and deal.magic in state.magics:
        state.deals[deal.ticket] = Trace(
            deal=deal.ticket,
            order=deal.order,
            position=deal.position_id,
            symbol=deal.symbol,
            side="buy" if deal.type == DealType.BUY else "sell",
            volume=deal.volume,
            price=deal.price,
            magic=deal.magic,
        )


def _accepted(state: Unexplained, event: Event[OrderAccepted]) -> None:
    _drop(state, order=event.data.order)


def _resolved(state: Unexplained, event: Event[OrderResolved]) -> None:
    _drop(state, order=event.data.order, position=event.data.position)


def _adopted(state: Unexplained, event: Event[PositionAdopted]) -> None:
    _drop(state, position=event.data.identifier)


def _drop(state: Unexplained, order: int = 0, position: int = 0) -> None:
    """Forget what is explained now: the deals of an order, or of a position."""
    if not state.deals:
        return
    for ticket, one in list(state.deals.items()):
        if (order and one.order == order) or (position and one.position == position):
            del state.deals[ticket]


def _told(state: Unexplained, event: Event[DiscrepancyFound]) -> None:
    if event.data.name == NAME:
        state.deals.pop(int(event.data.subject), None)


_HANDLERS: dict[Any, Any] = {
    RunStarted: _started,
    BrokerSnapshotTaken: Reading(_snapshot, (MARKET, IDEMPOTENCY)),
    DealRecorded: _deal,
    OrderAccepted: _accepted,
    OrderResolved: _resolved,
    PositionAdopted: _adopted,
    DiscrepancyFound: _told,
}

UNEXPLAINED = Projection("unexplained", 1, Unexplained, _HANDLERS)
