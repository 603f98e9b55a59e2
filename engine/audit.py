"""The journal held against the broker on request, history included: what `daybook reconcile` shows.

It reads; what is recorded of it, the reconciler records.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec

from engine.broker.gateway import AccountView, OrderSeen
from engine.execution.differences import Discrepancy
from engine.execution.reconcile import History, diff
from journal.events import BrokerSnapshotTaken, DealRecorded, DiscrepancyFound
from projections.state import State


class Stranger(msgspec.Struct, frozen=True):
    """A position or a live order that is none of ours: shown, and never touched.

    kind    `position` or `order`
    ticket  a position's identifier, an order's ticket
    side    `buy` or `sell`; volume in lots, price in price units
    """

    kind: str
    ticket: int
    symbol: str
    side: str
    volume: float
    price: float
    magic: int
    comment: str


class Audit(msgspec.Struct, frozen=True):
    """What a comparison showed.

    since_msc      server milliseconds from which on the history was read
    deals, orders  how many of each there were
    found          what differed at first; `remaining` what still does after healing
    """

    since_msc: int
    deals: int
    orders: int
    found: list[DiscrepancyFound]
    remaining: list[DiscrepancyFound]
    strangers: list[Stranger]

    def __repr__(self) -> str:
        """Say how much was found: `asyncio.run` looks twice at what its task returned (as it puts
        the handler of Ctrl-C back), and the text of a whole history is megabytes."""
        found, remaining = len(self.found), len(self.remaining)
        return f"Audit(deals={self.deals}, orders={self.orders}, {found=}, {remaining=})"


@dataclass(frozen=True, slots=True)
class Examination:
    """One reading of everything."""

    snapshot: BrokerSnapshotTaken
    deals: Sequence[DealRecorded]
    orders: Sequence[OrderSeen]
    found: Sequence[Discrepancy]


async def examine(
    state: State,
    account: AccountView,
    magics: Collection[int],
    since_msc: int,
    whose: tuple[int, str],
) -> Examination:
    """Read everything once and compare. `whose`: login and server that are read. Raises
    BrokerError."""
    deals = await account.deals(since_msc)
    orders = await account.orders(since_msc)
    snapshot = await account.snapshot()
    found = diff(state, snapshot, magics, History(*whose, deals, orders))
    return Examination(snapshot, deals, orders, found)


def report(
    since_msc: int,
    state: State,
    magics: Collection[int],
    first: Examination,
    last: Examination | None = None,
) -> Audit:
    """Say what was found first, and what is left at last."""
    last = last or first
    return Audit(
        since_msc,
        len(last.deals),
        len(last.orders),
        [one.found for one in first.found],
        [one.found for one in last.found],
        strangers(state, last.snapshot, magics),
    )


def strangers(state: State, broker: BrokerSnapshotTaken, magics: Collection[int]) -> list[Stranger]:
    """Return the broker's positions and live orders that are none of ours."""
    found = []
    for held in broker.positions:
        known = state.positions.open.get(held.identifier)
        ours = held.magic in magics or (known is not None and (known.key or known.strategy))
        if not ours:
            found.append(
                Stranger(
                    "position",
                    held.identifier,
                    held.symbol,
                    "buy" if held.type == 0 else "sell",
                    held.volume,
                    held.price_open,
                    held.magic,
                    held.comment,
                )
            )
    for order in broker.orders:
        if order.magic not in magics:
            side = "buy" if order.type % 2 == 0 else "sell"
            found.append(
                Stranger(
                    "order",
                    order.ticket,
                    order.symbol,
                    side,
                    order.volume,
                    order.price,
                    order.magic,
                    order.comment,
                )
            )
    return found
