"""What a numbered case is, and how a function becomes one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum

import msgspec

from engine.broker.conformance.session import Session
from journal.events.mt5 import MarginMode

Body = Callable[[Session], Awaitable[None]]


class Part(Enum):
    """What a case needs: nothing, a connection, or a demo account to trade on."""

    UNCONNECTED = "unconnected"
    READING = "reading"
    TRADING = "trading"


class Case(msgspec.Struct, frozen=True):
    """One case. `modes` are the margin modes it is for; all when empty."""

    number: int
    title: str
    part: Part
    modes: frozenset[MarginMode]
    body: Body


REGISTERED: list[Case] = []
"""Every case of the modules imported so far, in the order of its number; `suite` has them all."""

HEDGING = frozenset({MarginMode.RETAIL_HEDGING})
NETTING = frozenset({MarginMode.RETAIL_NETTING, MarginMode.EXCHANGE})


def case(
    number: int, title: str, part: Part, modes: frozenset[MarginMode] = frozenset()
) -> Callable[[Body], Body]:
    """Make a function a case; it raises Nonconforming or NotHere, else it passed."""

    def register(body: Body) -> Body:
        assert all(known.number != number for known in REGISTERED), (
            f"two cases bear the number {number}"
        )
        REGISTERED.append(Case(number, title, part, modes, body))
        REGISTERED.sort(key=lambda known: known.number)
        return body

    return register
