"""What goes wrong in one session, as data: the terminal's own fault plan, and troubles around it.

A plan is drawn from a seed, can be written to a file and read back, and can be made smaller.
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Literal

import msgspec

from engine.terminal import faults
from engine.terminal.faults import Fault
from engine.terminal.views import ListName
from journal.errors import UsageError

BrokerKind = Literal["market", "partial", "resting", "instant", "netting"]
"""How the broker fills: at the market and whole, only a part (IOC), a part with the rest resting
(RETURN), at the asked price or not at all, or into one position per symbol."""

Entry = Literal["market", "stop", "stop limit", "limit"]
"""How a strategy opens: the baseline at the market, the breakout by pending orders."""

Policy = Literal["one", "one-direction", "add", "reduce", "reverse"]
Found = Literal["leave", "adopt", "close"]
Comment = Literal["prefix", "suffix", "case", "cut", "deals"]
Operation = Literal["write", "sync"]
Manner = Literal["die before", "die half", "die after", "power cut", "full", "broken"]
Switch = Literal["connected", "trade_allowed", "account_trade_allowed", "trade_expert"]
Hand = Literal[
    "trade", "close", "close part", "move stops", "remove stops", "cancel rest", "move order",
    "deposit", "withdraw", "credit", "correction", "dividend", "commission",
    "robot trades", "robot waits", "twin trades", "twin waits",
]  # fmt: skip
"""A robot has a magic of its own; a twin has one of ours, as a second engine would: they open at
the market, or lay an order that waits for its price."""
Order = Literal["pause", "resume", "flatten", "cancel", "halt", "halt file", "reconcile"]
"""What an operator may tell a running engine."""


REQUOTES = (10004, 10020, 10021)
"""Refusals after which a fresh price is tried, a few times."""


class _Trouble(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="trouble",
    tag=lambda name: "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_"),
):
    """Base of all troubles."""


class CallLost(_Trouble, frozen=True):
    """The `number`-th call of a function gives nothing but this error; carried out, or not.

    The error is the module's `last_error` or the worker's (`engine.broker.calls.Fault`).
    """

    call: str
    number: int
    error: int
    executed: bool = False


class CommentChanged(_Trouble, frozen=True):
    """The broker keeps another comment than it was sent: something before or behind it, another
    case, or only its beginning; or another one on the deals alone."""

    number: int
    how: Comment


class Doubled(_Trouble, frozen=True):
    """A bridge of the broker carries out the `number`-th sending twice, if it opens at the market,
    and its answer is lost."""

    number: int


class ListsLag(_Trouble, frozen=True):
    """From the `number`-th call of a function on, lists stay as they are for so many readings."""

    call: str
    number: int
    lists: tuple[ListName, ...]
    reads: int


class DealLate(_Trouble, frozen=True):
    """The newest deal of the `number`-th reading is missing in it and in the next ones; newer ones
    are not."""

    number: int
    reads: int


class DiskTrouble(_Trouble, frozen=True):
    """The `number`-th write or sync: the process dies before, half-way or after; the power is cut;
    the disk is full, or broken."""

    operation: Operation
    number: int
    manner: Manner


class ByHand(_Trouble, frozen=True):
    """At a step of the market somebody else acts on the account. `size` is lots or money."""

    step: int
    what: Hand
    size: float


class HandBefore(_Trouble, frozen=True):
    """The engine has made up its mind to send, for the `number`-th time; right before it does,
    somebody else acts on what is open."""

    number: int
    what: Hand


class Commanded(_Trouble, frozen=True):
    """At a step an operator gives the running engine a command."""

    step: int
    what: Order


class ListsSlow(_Trouble, frozen=True):
    """From the `number`-th call of a function on, lists stay as they are for so many seconds."""

    call: str
    number: int
    lists: tuple[ListName, ...]
    seconds: float


class ClockSet(_Trouble, frozen=True):
    """At a step this computer's clock is put forward or back, until it is put right."""

    step: int
    seconds: float
    until: int


class SwitchedOff(_Trouble, frozen=True):
    """From a step to another, something that trading needs is off."""

    step: int
    what: Switch
    until: int


class Stopped(_Trouble, frozen=True):
    """At a step the operator stops the engine; it is started again later."""

    step: int


class ServerReset(_Trouble, frozen=True):
    """At a step the broker forgets the account and opens it again, as is done with demo accounts:
    its tickets begin anew. The engine has to halt, and the operator begins a new journal."""

    step: int


Trouble = (
    CallLost
    | CommentChanged
    | Doubled
    | ListsLag
    | DealLate
    | DiskTrouble
    | ByHand
    | HandBefore
    | Commanded
    | ListsSlow
    | ClockSet
    | SwitchedOff
    | Stopped
    | ServerReset
)


class Plan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One session.

    seed        of everything drawn while it runs
    broker      how orders are filled
    strategies  how many trade
    symbols     that they share in turn
    entries     how each opens; at the market where nothing is said
    protected   whether their stops trail, their targets are partial, their time is limited
    policy      how the positions of a symbol go together
    found       what becomes of positions that are found at a start
    close_by    whether opposite positions that all have to go are closed by each other
    most        positions that may be open at once, strangers' included; 0 for any number
    first_bar   in the file of bars
    bars        that are traded with troubles
    batch       events that may wait for one sync
    away        steps that the market makes between two processes at the most
    """

    seed: int
    broker: BrokerKind
    strategies: int
    symbols: int = 1
    entries: tuple[Entry, ...] = ()
    protected: bool = False
    policy: Policy = "one"
    found: Found = "leave"
    close_by: bool = False
    most: int = 0
    first_bar: int
    bars: int
    batch: int
    away: int
    faults: tuple[Fault, ...] = ()
    troubles: tuple[Trouble, ...] = ()


def dice(seed: int, stream: int) -> Random:
    """Return the draws of one part of a session, independent of its other parts."""
    return Random(f"{seed}/{stream}")  # noqa: S311 (a simulation repeats itself, and hides nothing)


def load_plan(path: Path) -> Plan:
    """Return the plan in a YAML file. Raises UsageError."""
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=Plan)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{path} is not a plan of the simulation: {error}") from error


def save_plan(plan: Plan, path: Path) -> None:
    """Write a plan as YAML."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.yaml.encode(plan))


def name_of(item: Fault | Trouble) -> str:
    """Return the row of the table of visits in which a fault or trouble counts."""
    done = "executed" if getattr(item, "executed", False) else "not executed"
    match item:
        case CallLost(call="order_send", error=error):
            return f"sending gives {error}, {done}"
        case CallLost(error=error):
            return f"reading gives {error}"
        case faults.ReplyLost(error=error):
            return f"reply lost, {error}, {done}"
        case faults.Retcode(code=code):
            return "requote" if code in REQUOTES else f"retcode, {done}"
        case faults.ProcessDeath(after=after, when=when):
            where = "sending" if when.call == "order_send" else "another call"
            return f"death {'after' if after else 'before'} {where}"
        case DiskTrouble(operation=operation, manner=manner):
            return f"{operation} of the journal, {manner}"
    named = getattr(item, "what", "") or getattr(item, "how", "")
    return f"{_words(type(item).__name__)}, {named}" if named else _words(type(item).__name__)


def _words(name: str) -> str:
    return "".join(" " + c.lower() if c.isupper() else c for c in name).strip()
