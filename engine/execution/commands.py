"""What an operator asked for, asked of the broker again and again until it is done.

One attempt at a time for each position and order; the next begins with a later event, never with
the refusal itself, or a closed market would be asked without end. Positions and orders of others
are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.config import Config
from engine.execution import changes
from engine.execution.intents import Draft, Keys
from engine.execution.policy import close_all
from journal.envelope import Event
from journal.events import (
    ChangeApplied,
    ChangeRefused,
    OrderAccepted,
    OrderRefused,
    OrderResolved,
)
from projections.commands import Wish
from projections.orders import UNKNOWN, Order, pendings
from projections.positions import Position
from projections.state import State


def wanted(state: State) -> bool:
    """Whether an operator wants anything gone that may still be there."""
    return bool(state.commands.flatten or state.commands.cancel)


def pursue(state: State, config: Config, event: Event[Any], keys: Keys) -> Iterator[Draft]:
    """Ask for everything that an operator wants gone, is there, and is not being asked for."""
    if not state.run.live:  # the broker's word is missing; it is asked for once all is known
        return
    for order in pendings(state.orders):
        wish = _against_order(state, order)
        if wish is not None and keys.left:
            draft = changes.cancel(state, event, keys, order, _words("cancel", wish))
            if draft is not None:
                yield draft
    unwanted = [
        (position, _words("flatten", wish))
        for position in state.positions.open.values()
        if (wish := _against_position(state, position)) is not None
    ]
    yield from close_all(state, config, keys, unwanted)


def outstanding(state: State) -> tuple[list[Position], list[Order]]:
    """Return the positions and the pending orders that an operator wants gone and that are still
    there."""
    held = [p for p in state.positions.open.values() if _against_position(state, p) is not None]
    return held, [o for o in pendings(state.orders) if _against_order(state, o) is not None]


def _against_order(state: State, order: Order) -> Wish | None:
    commands = state.commands
    intended = state.idempotency.intents[order.key]
    for wish in (*commands.flatten.values(), *commands.cancel.values()):
        if intended < wish.seq and wish.covers(order.symbol, order.strategy, order.key):
            return wish
    return None


def _against_position(state: State, position: Position) -> Wish | None:
    """A position is as old as the intent that opened it, so that the filling of an order that the
    operator saw at work is closed as well."""
    if not position.strategy:
        return None
    intended = state.idempotency.intents.get(position.key)
    for wish in state.commands.flatten.values():
        older = intended < wish.seq if intended is not None else position.opened <= wish.ts
        if older and wish.covers(position.symbol, position.strategy, position.key):
            return wish
    return None


def _words(what: str, wish: Wish) -> str:
    return f"{what}: {wish.by}: {wish.reason}"


def on_resolved(state: State, event: Event[OrderResolved]) -> Iterator[Draft]:
    """Take an operator's word for an outcome that nobody else could tell."""
    said = event.data
    order = state.orders.open.get(said.key)
    reason = f"{said.by}: {said.reason}"
    if order is not None and order.status in UNKNOWN:
        if said.executed:
            yield OrderAccepted(said.key, said.order, "operator"), said.key
        else:
            yield OrderRefused(said.key, 0, "operator", reason), said.key
    elif said.key in state.changes.open:
        if said.executed:
            yield ChangeApplied(said.key, "operator"), said.key
        else:
            yield ChangeRefused(said.key, 0, "operator", reason), said.key
