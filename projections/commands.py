"""What operators have asked for: above all what may not be done yet, which outlives the run.

A wish concerns what existed when it was uttered and nothing younger, so that it needs no end: once
nothing of that kind is left, it says nothing any more.
"""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import (
    CancelRequested,
    FlattenRequested,
    ReconcileRequested,
    RunStarted,
    StopRequested,
)
from projections.base import Projection


class Wish(msgspec.Struct):
    """One wish: positions closed and pending orders cancelled, or the latter alone.

    seq, ts    of the command; ts in nanoseconds UTC
    symbol, strategy, order_key   only theirs; empty for all
    """

    seq: int
    ts: int
    by: str
    reason: str
    symbol: str
    strategy: str
    order_key: str = ""

    def covers(self, symbol: str, strategy: str, key: str) -> bool:
        """Whether something of this symbol and strategy, under this order key, is meant."""
        return (
            self.symbol in ("", symbol)
            and self.strategy in ("", strategy)
            and self.order_key in ("", key)
        )


class Asked(msgspec.Struct):
    """Something that was asked for and leaves nothing to pursue.

    seq, ts  of the command; ts in nanoseconds UTC
    """

    seq: int
    ts: int
    by: str
    reason: str


class Commands(msgspec.Struct):
    """State of the commands: of the wishes the newest of each scope.

    stop       of this run, None where nobody has asked for its end
    reconcile  the newest one, dry runs included; None where nobody ever asked
    """

    flatten: dict[str, Wish] = {}
    cancel: dict[str, Wish] = {}
    stop: Asked | None = None
    reconcile: Asked | None = None


def _flatten(state: Commands, event: Event[FlattenRequested]) -> None:
    data = event.data
    scope = f"{data.symbol} {data.strategy}"
    state.flatten[scope] = Wish(
        event.seq, event.ts, data.by, data.reason, data.symbol, data.strategy
    )


def _cancel(state: Commands, event: Event[CancelRequested]) -> None:
    data = event.data
    scope = f"{data.symbol} {data.strategy} {data.order_key}"
    state.cancel[scope] = Wish(
        event.seq, event.ts, data.by, data.reason, data.symbol, data.strategy, data.order_key
    )
    if len(state.cancel) > KEEP_CANCELS:
        del state.cancel[next(iter(state.cancel))]


KEEP_CANCELS = 64
"""Scopes of cancelling that are remembered: each may name one order, so there is no end of them."""


def _started(state: Commands, _: Event[RunStarted]) -> None:
    state.stop = None


def _stop(state: Commands, event: Event[StopRequested]) -> None:
    state.stop = _asked(event)


def _reconcile(state: Commands, event: Event[ReconcileRequested]) -> None:
    state.reconcile = _asked(event)


def _asked(event: Event[StopRequested] | Event[ReconcileRequested]) -> Asked:
    return Asked(event.seq, event.ts, event.data.by, event.data.reason)


_HANDLERS: dict[Any, Any] = {
    FlattenRequested: _flatten,
    CancelRequested: _cancel,
    RunStarted: _started,
    StopRequested: _stop,
    ReconcileRequested: _reconcile,
}

COMMANDS = Projection("commands", 2, Commands, _HANDLERS)
