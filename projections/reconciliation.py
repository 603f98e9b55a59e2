"""What the last look at the broker's own picture found, and what of it still stands."""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import (
    BrokerSnapshotTaken,
    ClockOffsetMeasured,
    DiscrepancyFound,
    OrderAdjusted,
    PositionAdjusted,
    TradingResumed,
)
from projections.base import Projection
from projections.unexplained import NAME as UNEXPLAINED_DEAL

_BESIDE = ("clock", "ticket reused", UNEXPLAINED_DEAL)
"""Differences that a snapshot does not show: one without them says nothing about them."""


class Reconciliation(msgspec.Struct):
    """State of the reconciliation.

    compared  nanoseconds UTC of the last snapshot that was held against the journal, 0 for never
    standing  differences that it showed and that nothing has healed since; an operator who resumes
              has taken note of them
    found     how many there ever were
    """

    compared: int = 0
    standing: list[DiscrepancyFound] = []
    found: int = 0


def _compared(state: Reconciliation, event: Event[BrokerSnapshotTaken]) -> None:
    state.compared = event.ts
    state.standing = [one for one in state.standing if one.name in _BESIDE]


def _found(state: Reconciliation, event: Event[DiscrepancyFound]) -> None:
    state.found += 1
    state.standing.append(event.data)


def _position(state: Reconciliation, event: Event[PositionAdjusted]) -> None:
    _healed(state, event.data.identifier)


def _order(state: Reconciliation, event: Event[OrderAdjusted]) -> None:
    _healed(state, event.data.order)


def _healed(state: Reconciliation, subject: int) -> None:
    state.standing = [one for one in state.standing if one.subject != str(subject)]


def _clock(state: Reconciliation, event: Event[ClockOffsetMeasured]) -> None:
    if event.data.agrees:
        state.standing = [one for one in state.standing if one.name != "clock"]


def _resumed(state: Reconciliation, _: Event[TradingResumed]) -> None:
    state.standing = []


_HANDLERS: dict[Any, Any] = {
    BrokerSnapshotTaken: _compared,
    DiscrepancyFound: _found,
    PositionAdjusted: _position,
    OrderAdjusted: _order,
    ClockOffsetMeasured: _clock,
    TradingResumed: _resumed,
}

RECONCILIATION = Projection("reconciliation", 1, Reconciliation, _HANDLERS)
