"""What operators have asked for and what may not be done yet: it outlives the run.

A wish concerns what existed when it was uttered and nothing younger, so that it needs no end: once
nothing of that kind is left, it says nothing any more.
"""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import CancelRequested, FlattenRequested
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


class Commands(msgspec.Struct):
    """State of the wishes, the newest of each scope."""

    flatten: dict[str, Wish] = {}
    cancel: dict[str, Wish] = {}


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

_HANDLERS: dict[Any, Any] = {FlattenRequested: _flatten, CancelRequested: _cancel}

COMMANDS = Projection("commands", 1, Commands, _HANDLERS)
