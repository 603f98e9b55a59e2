"""What a projection is: a named, versioned, pure fold from events to a state.

A fold owns its state: `evolve` may change it in place (a copy per event would cost more than the
rest of the engine), so whoever wants to keep an old state encodes it first. States are msgspec
Structs of plain values, which makes them snapshots for the asking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec

from journal.envelope import Event
from journal.events import Payload

S = TypeVar("S", bound=msgspec.Struct)

Handlers = Mapping[type[Payload], Callable[[S, Event[Any]], None]]
"""Which events a projection takes in, and how. The event's payload is of the key's type."""


@dataclass(frozen=True, slots=True)
class Projection(Generic[S]):
    """One projection.

    version   goes up whenever the same events would give another state; snapshots of older versions
              are ignored
    initial   makes the state before any event
    handlers  what it takes in
    """

    name: str
    version: int
    initial: Callable[[], S]
    handlers: Handlers[S]

    def evolve(self, state: S, event: Event[Any]) -> S:
        """Fold one event into `state` and return it."""
        handler = self.handlers.get(type(event.data))
        if handler is not None:
            handler(state, event)
        return state


def digest(state: msgspec.Struct) -> str:
    """Return a hash of the state (BLAKE2b-128, hexadecimal): equal states, equal digests, on any
    machine."""
    return blake2b(msgspec.json.encode(state), digest_size=16).hexdigest()
