"""What an operator can ask for, and what is answered: values that cross a process's border.

Only shapes. What a command leads to is `engine.ops.obey`, how it travels `engine.ops.channel`.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from engine.audit import Audit

Words = Annotated[str, Meta(max_length=500)]
"""What a person typed; it goes into the journal as it is."""

Name = Annotated[str, Meta(max_length=64)]


class _Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag=True, kw_only=True):
    """Base of all commands: who asks, the user's name on the machine, and why."""

    by: Name
    reason: Words = ""


class PauseTrading(_Command, frozen=True):
    """Let nothing new be sent; what is open may still be closed and protected."""


class ResumeTrading(_Command, frozen=True):
    """Let trading go on after a halt or a pause, and remove the halt file."""


class HaltTrading(_Command, frozen=True):
    """Emergency stop: let nothing at all be sent. Makes the halt file."""


class FlattenPositions(_Command, frozen=True):
    """Close positions and cancel pending orders: all, or of one symbol or strategy."""

    symbol: Name = ""
    strategy: Name = ""


class CancelOrders(_Command, frozen=True):
    """Cancel pending orders: one by its key, or all, or of one symbol or strategy."""

    order_key: Name = ""
    symbol: Name = ""
    strategy: Name = ""


class ResolveOrder(_Command, frozen=True):
    """Say what became of an unresolved order or change.

    order  the broker's ticket when it was executed; 0 for a change, which has none
    """

    key: Name
    executed: bool
    order: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0


class ReconcileAccount(_Command, frozen=True):
    """Hold the journal against the broker now.

    since_s    how many seconds back the broker's history is read
    since_msc  from which server millisecond on it is read; 0 for `since_s`
    dry_run    heal nothing
    """

    since_s: Annotated[int, Meta(ge=0)] = 0
    since_msc: Annotated[int, Meta(ge=0)] = 0
    dry_run: bool = False


class StopEngine(_Command, frozen=True):
    """End the run cleanly: what is in flight is settled first."""


class ReportStatus(_Command, frozen=True):
    """Say that the engine is alive, and how far it is."""


class LookAtSwitch(_Command, frozen=True):
    """Somebody may have made the halt file: look. Only the engine asks this, of itself."""


Command = (
    PauseTrading
    | ResumeTrading
    | HaltTrading
    | FlattenPositions
    | CancelOrders
    | ResolveOrder
    | ReconcileAccount
    | StopEngine
    | ReportStatus
)
"""What can come over the channel."""


class Standing(msgspec.Struct, frozen=True):
    """How a running engine stands.

    pid        of its process
    seq        of its newest event, which need not be durable yet
    connected  to its terminal
    live       bars are news to it
    """

    pid: int
    run: str
    seq: int
    connected: bool
    live: bool


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command.

    done   it was obeyed and what it left in the journal is durable; False when it was refused
    text   for people: what was done, or why not
    seq    of the journal's last event behind it, 0 when it left none
    halt_rule, halt_reason  whether trading is halted now
    audit                   what a reconciliation showed
    standing                how the engine stands, where that was asked
    """

    done: bool
    text: str
    seq: int = 0
    halt_rule: str = ""
    halt_reason: str = ""
    audit: Audit | None = None
    standing: Standing | None = None
