"""What every event type is: an immutable, versioned, strictly decoded Struct with a role."""

from __future__ import annotations

from enum import Enum
from typing import ClassVar

import msgspec


class Role(Enum):
    """Where an event comes from, which decides what a replay does with it."""

    INPUT = "input"
    """From outside the kernel, recorded as it came: a replay feeds it again."""

    DECISION = "decision"
    """Computed by the kernel from inputs alone: a replay computes it again and compares."""

    NOTE = "note"
    """The journal's own bookkeeping: a replay passes over it."""


class Payload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Base of all event payloads.

    Fields are never optional: what is absent is 0, 0.0 or an empty text, as in MetaTrader 5's own
    records, so
    that `null` cannot stand in the journal. Enumerations of MT5 stay the integers that the broker
    sent
    (`journal.events.mt5` names them): a number nobody knows must be recordable.
    """

    VERSION: ClassVar[int] = 1
    ROLE: ClassVar[Role]


class Input(Payload, frozen=True, gc=False):
    """A fact from outside."""

    ROLE: ClassVar[Role] = Role.INPUT


class Decision(Payload, frozen=True, gc=False):
    """A fact that the kernel computed."""

    ROLE: ClassVar[Role] = Role.DECISION


class Note(Payload, frozen=True, gc=False):
    """A fact about the journal itself."""

    ROLE: ClassVar[Role] = Role.NOTE
