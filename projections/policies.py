"""What policies of positions must remember: how much an opening has had closed to make way for it,
and whether a run has looked at what it found."""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import (
    BrokerSnapshotTaken,
    DealRecorded,
    OrderIntended,
    OrderProposed,
    OrderRefused,
    OrderVetoed,
    QuoteObserved,
    RunStarted,
)
from projections.base import Projection


class Policies(msgspec.Struct):
    """State of the policies.

    snapshots  of the account that this run has taken
    asked      order key for which the last quote was fetched, and that quote's sequence: what is
               proposed to be closed because of it makes way for that order
    closes     by the key of such a close, the key of the opening
    used       by the opening's key, lots that were closed for it
    halves     by the key of an order that closes two positions by each other, the one whose deal
               has been seen first; 0 while neither has
    """

    snapshots: int = 0
    asked: str = ""
    asked_seq: int = 0
    closes: dict[str, str] = {}
    used: dict[str, float] = {}
    halves: dict[str, int] = {}


def _started(state: Policies, _: Event[RunStarted]) -> None:
    state.snapshots = 0


def _snapshot(state: Policies, _: Event[BrokerSnapshotTaken]) -> None:
    state.snapshots += 1


def _quote(state: Policies, event: Event[QuoteObserved]) -> None:
    state.asked, state.asked_seq = event.corr, event.seq


def _proposed(state: Policies, event: Event[OrderProposed]) -> None:
    data = event.data
    if data.action != "close":
        return
    if data.follows in state.closes:  # it tries one of them again, at a fresh price
        state.closes[data.key] = state.closes[data.follows]
    elif event.cause == state.asked_seq:
        state.closes[data.key] = state.asked
        state.used.setdefault(state.asked, 0.0)


def is_half(state: Policies, key: str) -> bool:
    """Tell whether of two positions that an order closed by each other only one is known to be."""
    return state.halves.get(key, 0) != 0


def _deal(state: Policies, event: Event[DealRecorded]) -> None:
    first = state.halves.get(event.corr)
    if first is not None:
        if first in (0, event.data.position_id):
            state.halves[event.corr] = event.data.position_id
        else:
            del state.halves[event.corr]
    opening = state.closes.get(event.corr)
    if opening is not None:
        state.used[opening] += event.data.volume


def _intended(state: Policies, event: Event[OrderIntended]) -> None:
    if event.data.action == "close by":
        state.halves[event.data.key] = 0
    _ended(state, event)


def _refused(state: Policies, event: Event[OrderRefused]) -> None:
    state.halves.pop(event.data.key, None)


def _ended(state: Policies, event: Event[OrderIntended] | Event[OrderVetoed]) -> None:
    """The opening waits no more, and what is closed from now on counts for nothing."""
    if state.used.pop(event.data.key, None) is not None:
        for close in [c for c, opening in state.closes.items() if opening == event.data.key]:
            del state.closes[close]


_HANDLERS: dict[Any, Any] = {
    RunStarted: _started,
    BrokerSnapshotTaken: _snapshot,
    QuoteObserved: _quote,
    OrderProposed: _proposed,
    OrderIntended: _intended,
    OrderRefused: _refused,
    OrderVetoed: _ended,
    DealRecorded: _deal,
}

POLICIES = Projection("policies", 2, Policies, _HANDLERS)
