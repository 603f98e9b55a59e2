"""What has been seen already: which key led to which ticket, and which deals are recorded."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import DealRecorded, OrderAccepted, OrderIntended, OrderResolved
from projections.base import Projection
from projections.positions import OPENING
from projections.tickets import Tickets

_WORD = re.compile(r"[0-9A-Z]+")


class Idempotency(msgspec.Struct):
    """State of the index.

    intents    order key to the sequence of its intent
    orders     broker's order ticket to order key
    positions  position identifier to the key that opened it
    deals      tickets of the deals that are recorded
    watermark  server milliseconds of the newest deal
    """

    intents: dict[str, int] = {}
    orders: dict[int, str] = {}
    positions: dict[int, str] = {}
    deals: Tickets = msgspec.field(default_factory=Tickets)
    watermark: int = 0


def key_of(state: Idempotency, deal: DealRecorded) -> str:
    """Return the order key that a deal belongs to, empty when it is none of ours.

    By order ticket; then by comment, for a deal seen before its order was accepted; then by
    position: a deal made by the server at a stop or target bears another comment, but the position
    that it closes is known.
    """
    key = state.orders.get(deal.order) or key_in(state, deal.comment)
    return key or state.positions.get(deal.position_id, "")


def key_in(state: Idempotency, comment: str) -> str:
    """Return the order key that a comment holds, empty for none; brokers add to comments and change
    their case."""
    if not comment:
        return ""
    words: list[str] = _WORD.findall(comment.upper())
    for word in words:
        if word in state.intents:
            return word
    return ""


def _intended(state: Idempotency, event: Event[OrderIntended]) -> None:
    state.intents[event.data.key] = event.seq


def _accepted(state: Idempotency, event: Event[OrderAccepted]) -> None:
    if event.data.order:
        state.orders[event.data.order] = event.data.key


def _deal(state: Idempotency, event: Event[DealRecorded]) -> None:
    deal = event.data
    state.deals.add(deal.ticket)
    state.watermark = max(state.watermark, deal.time_msc)
    if event.corr and deal.entry in OPENING:
        state.positions.setdefault(deal.position_id, event.corr)


def _resolved(state: Idempotency, event: Event[OrderResolved]) -> None:
    if event.data.executed and event.data.position:
        state.positions.setdefault(event.data.position, event.data.key)


_HANDLERS: dict[Any, Any] = {
    OrderIntended: _intended,
    OrderAccepted: _accepted,
    DealRecorded: _deal,
    OrderResolved: _resolved,
}

IDEMPOTENCY = Projection("idempotency", 4, Idempotency, _HANDLERS)
