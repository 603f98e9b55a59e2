"""Seeded plans of what goes wrong between a program, its terminal and its broker.

A plan is a list of faults, in code or YAML, each with the calls it strikes; `sabotage` carries it
out. The server's book stays true throughout: faults change what a program is told, when it is told,
and whether it lives to hear it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from engine.terminal.errors import ProfileError
from engine.terminal.profile import PROFILES
from engine.terminal.views import ListName

#: The plans that come with Daybook.
PLANS = PROFILES / "faults"

Whole = Annotated[int, Meta(ge=1)]


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which calls a fault strikes: of a function, by number, every n-th, or by chance.

    Calls are counted per function from 1. Without `number`, `every` and `chance` every call is
    struck. `times` bounds how often altogether; 0 is no bound.
    """

    call: str = "order_send"
    number: Whole | None = None
    every: Whole | None = None
    chance: Annotated[float, Meta(ge=0, le=1)] | None = None
    times: Annotated[int, Meta(ge=0)] = 0


class _Fault(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="fault",
    tag=lambda name: "".join("_" + c.lower() if c.isupper() else c for c in name).lstrip("_"),
):
    """Base of all faults."""

    when: When = When()


class ReplyLost(_Fault, frozen=True):
    """A request's reply does not arrive: `None`, with this `last_error`; executed all the same, or
    not.

    -10001 and -10002 break the pipe as well: every later call gives -10004 until `initialize`.
    """

    executed: bool
    error: Literal[-1, -10000, -10001, -10002] = -10002


class Retcode(_Fault, frozen=True):
    """A request is answered with this retcode; executed all the same, or not."""

    code: int
    executed: bool = False


class DealZero(_Fault, frozen=True):
    """A request is executed, but the server does not know the deal's ticket yet: `deal=0`."""


class Lag(_Fault, frozen=True):
    """Lists stay as they were before a request, for the next `reads` times they are read.

    Which lists lag behind which others decides the order in which a program sees things happen.
    """

    lists: tuple[ListName, ...]
    reads: Whole = 3


class ReversedLists(_Fault, frozen=True):
    """A list comes newest first."""


class CommentOverwritten(_Fault, frozen=True):
    """The broker writes its own comment on the order, the deal and the position."""

    text: str = "broker"


class ConnectionLost(_Fault, frozen=True):
    """The pipe breaks before the call: -10004 until `initialize`."""


class Disconnected(_Fault, frozen=True):
    """The terminal loses its server for `calls` further calls: `connected` is False, trading is
    10031."""

    calls: Whole = 5


class FrozenClock(_Fault, frozen=True):
    """No tick arrives for the next `steps` steps of the market: the server's clock stands."""

    steps: Whole = 100


class DuplicateTicks(_Fault, frozen=True):
    """The last tick of a copy comes twice. Strikes `copy_ticks_*`."""


class LateTicks(_Fault, frozen=True):
    """The last `count` ticks are not there yet; the quote is that of the tick before them.

    Strikes `copy_ticks_*` and `symbol_info_tick`.
    """

    count: Whole = 1


class TicketChange(_Fault, frozen=True):
    """The broker re-opens every position under a new ticket, as a swap by re-opening does."""


class Block(_Fault, frozen=True):
    """The call takes this many seconds, holding the interpreter as the real module does."""

    seconds: float = 60.0


class ProcessDeath(_Fault, frozen=True):
    """The process dies in the call: before the server hears of it, or after it has answered."""

    after: bool = False


Fault = (
    ReplyLost
    | Retcode
    | DealZero
    | Lag
    | ReversedLists
    | CommentOverwritten
    | ConnectionLost
    | Disconnected
    | FrozenClock
    | DuplicateTicks
    | LateTicks
    | TicketChange
    | Block
    | ProcessDeath
)


class FaultPlan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong, and the seed of what goes wrong by chance."""

    faults: tuple[Fault, ...]
    seed: int = 0


def load_faults(name: str | Path) -> FaultPlan:
    """The plan of that name in `configs/terminal/faults/`, or in that YAML file.

    Raises:
        ProfileError: there is none, or it is wrong; the message names the file, the key and what
            is allowed.
    """
    path = Path(name)
    if path.suffix not in {".yaml", ".yml"}:
        path = PLANS / f"{name}.yaml"
    try:
        return msgspec.yaml.decode(path.read_bytes(), type=FaultPlan)
    except OSError as error:
        raise ProfileError(f"{path}: {error.strerror}") from error
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise ProfileError(f"{path}: {error}") from error
