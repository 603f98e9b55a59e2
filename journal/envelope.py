"""The envelope that every event travels in. Field order here is the byte order in the journal:
never reorder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from typing import Generic, TypeVar

import msgspec

from journal.events.base import Payload

P = TypeVar("P", bound=Payload)
P_co = TypeVar("P_co", bound=Payload, covariant=True)


class Event(msgspec.Struct, Generic[P_co], frozen=True, forbid_unknown_fields=True, gc=False):
    """One immutable fact and its place in the journal.

    seq    place in the journal, from 1, without gaps; the only order there is
    ts     when it was received or decided, nanoseconds UTC; a decision bears the time of its cause
    type   name of the payload's type, past tense
    v      version of that type's shape
    run    the run that wrote it
    cause  `seq` of the event that led to it, 0 for what came from outside on its own
    corr   order key of the story it belongs to, empty for what belongs to none
    data   the payload
    """

    seq: int
    ts: int
    type: str
    v: int
    run: str
    cause: int
    corr: str
    data: P_co


AnyEvent = Event[Payload]


def stamp(data: Payload, seq: int, ts: int, run: str, cause: int = 0, corr: str = "") -> AnyEvent:
    """Put a payload into its envelope."""
    kind = type(data)
    return Event(seq, ts, kind.__name__, kind.VERSION, run, cause, corr, data)


def stamp_all(
    payloads: Sequence[P], first: int, moments: Iterable[int], run: str
) -> list[Event[P]]:
    """Put payloads of one type, at least one, into their envelopes: the `first` sequence and those
    behind it, each with its own time, and nothing that led to them."""
    kind = type(payloads[0])
    name, version = kind.__name__, kind.VERSION
    return [
        Event(seq, ts, name, version, run, 0, "", data)
        for seq, ts, data in zip(count(first), moments, payloads)
    ]
