"""Changes that are under way: what shall be altered at the broker and is not known to be yet."""

from __future__ import annotations

from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import ChangeApplied, ChangeIntended, ChangeRefused, ChangeUnresolved
from projections.base import Projection


class Change(msgspec.Struct):
    """One change.

    status   `intended` or `unresolved`
    seq      of its newest decision
    doubted  nanoseconds UTC since when its outcome is not known
    """

    wish: ChangeIntended
    status: str
    seq: int
    doubted: int = 0
    note: str = ""


class Changes(msgspec.Struct):
    """State of all changes: the open ones by key, oldest first, and how many there ever were."""

    open: dict[str, Change] = {}
    intended: int = 0
    applied: int = 0
    refused: int = 0


def of_position(state: Changes, identifier: int) -> Change | None:
    """Return the change of a position's levels that is under way; there is one at the most."""
    for change in state.open.values():
        if change.wish.position == identifier:
            return change
    return None


def of_order(state: Changes, key: str) -> Change | None:
    """Return the change of a pending order that is under way; there is one at the most."""
    for change in state.open.values():
        if change.wish.order_key == key:
            return change
    return None


def _intended(state: Changes, event: Event[ChangeIntended]) -> None:
    state.intended += 1
    state.open[event.data.key] = Change(event.data, "intended", event.seq, event.ts)


def _applied(state: Changes, event: Event[ChangeApplied]) -> None:
    state.applied += 1
    del state.open[event.data.key]


def _refused(state: Changes, event: Event[ChangeRefused]) -> None:
    state.refused += 1
    del state.open[event.data.key]


def _unresolved(state: Changes, event: Event[ChangeUnresolved]) -> None:
    change = state.open[event.data.key]
    change.status, change.seq, change.note = "unresolved", event.seq, event.data.reason


_HANDLERS: dict[Any, Any] = {
    ChangeIntended: _intended,
    ChangeApplied: _applied,
    ChangeRefused: _refused,
    ChangeUnresolved: _unresolved,
}

CHANGES = Projection("changes", 2, Changes, _HANDLERS)
