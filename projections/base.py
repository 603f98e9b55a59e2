"""What a projection is: a named, versioned, pure fold from events to a state.

A fold owns its state and changes it in place (a copy per event would cost more than the rest of the
engine), so whoever wants to keep an old state encodes it first. States are msgspec Structs of plain
values, which makes them snapshots for the asking. What every event or bar sets is in dataclasses
with slots, which msgspec encodes alike: to set an attribute of a Struct takes four times as long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec

from journal.events import BarClosed, Payload

S = TypeVar("S", bound=msgspec.Struct)

Handler = Callable[..., None]
"""Takes in an event, whose payload is of one type: called with the projection's state and with the
event."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A handler that is called with its own state, with the states of `of`, and with the event.

    It finds them as the same event has left them, for what is read is folded first, and never
    changes them.
    """

    handler: Handler
    of: tuple[Projection[Any], ...]


@dataclass(frozen=True, slots=True)
class Projection(Generic[S]):
    """One projection.

    version   goes up whenever the same events would give another state; snapshots of older versions
              are ignored
    initial   makes the state before any event
    handlers  what it takes in, by the type of the payload
    bars      takes in many bars at once as its handler of `BarClosed` does one after another, with
              the same states and the events in a list: of one series, and nothing in between. There
              is one where there is the other
    """

    name: str
    version: int
    initial: Callable[[], S]
    handlers: Mapping[type[Payload], Handler | Reading]
    bars: Handler | None = None

    def __post_init__(self) -> None:
        """Raises TypeError for one that would take in bars in one way only."""
        if (self.bars is None) == (BarClosed in self.handlers):
            raise TypeError(f"projection {self.name} takes in bars one by one or at once, not both")

    @property
    def reads(self) -> set[str]:
        """Names of the projections without which it cannot be folded."""
        readings = (one for one in self.handlers.values() if isinstance(one, Reading))
        return {read.name for reading in readings for read in reading.of}


def digest(state: object) -> str:
    """Return a hash of the state (BLAKE2b-128, hexadecimal): equal states, equal digests, on any
    machine."""
    return blake2b(msgspec.json.encode(state), digest_size=16).hexdigest()
