"""What each position brought and cost, who closed it, and the sums of each strategy; from deals.

A deal belongs to a position by its identifier, and a position to the magic that opened it: of the
deals that close it brokers report magic, comment and even reason wrongly (facts 4.2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from journal.envelope import Event
from journal.events import DealRecorded, OrderIntended, OrderProposed, PositionAdopted
from journal.events.mt5 import DealReason
from projections.base import Projection, Reading
from projections.positions import OPENING, POSITIONS, Positions

KEEP_DONE = 64
"""Finished positions that stay in the state for screens; the journal has them all."""

CLOSED_BY: dict[int, str] = {
    DealReason.CLIENT: "hand",
    DealReason.MOBILE: "phone",
    DealReason.WEB: "web terminal",
    DealReason.EXPERT: "another program",
    DealReason.SL: "stop loss",
    DealReason.TP: "take profit",
    DealReason.SO: "stop-out",
    DealReason.ROLLOVER: "rollover",
    DealReason.VMARGIN: "variation margin",
    DealReason.SPLIT: "split",
}
"""Who closed a position, by the reason of the deal."""


@dataclass(slots=True)
class Sums:
    """Money, account currency."""

    profit: float = 0.0
    commission: float = 0.0
    swap: float = 0.0
    fee: float = 0.0

    @property
    def net(self) -> float:
        """What is left."""
        return self.profit + self.commission + self.swap + self.fee

    def add(self, deal: DealRecorded) -> None:
        """Book one deal."""
        self.profit += deal.profit
        self.commission += deal.commission
        self.swap += deal.swap
        self.fee += deal.fee


class Life(msgspec.Struct, gc=False):
    """One position, from its first deal to its last.

    key        order key that opened it, empty for none of ours
    begun      whether a deal that opens it was seen: a later one may be seen first
    opened, closed   nanoseconds UTC; `closed` 0 while it is open
    closing    key and reason of the newest proposal to close it
    closed_by  who closed it, or a part of it: the rule that spoke where we did, else as
               `CLOSED_BY` says; empty while nobody has
    """

    identifier: int
    symbol: str
    magic: int
    key: str
    opened: int
    sums: Sums
    begun: bool = False
    closed: int = 0
    closing: tuple[str, str] = ("", "")
    closed_by: str = ""


class Strategy(msgspec.Struct):
    """The sums of one magic number; `name` is empty for others than the configured ones."""

    sums: Sums
    name: str = ""
    positions: int = 0
    closed: int = 0


class Costs(msgspec.Struct):
    """State of the costs: open positions, the last finished ones, and strategies by magic."""

    open: dict[int, Life] = {}
    done: list[Life] = []
    strategies: dict[int, Strategy] = {}


def _strategy(state: Costs, magic: int) -> Strategy:
    found = state.strategies.get(magic)
    if found is None:
        found = state.strategies[magic] = Strategy(Sums())
    return found


def _intended(state: Costs, event: Event[OrderIntended]) -> None:
    _strategy(state, event.data.magic).name = event.data.strategy


def _proposed(state: Costs, event: Event[OrderProposed]) -> None:
    data = event.data
    for identifier in (data.position, data.by):
        life = state.open.get(identifier)
        if life is not None:
            life.closing = data.key, data.reason


def _adopted(state: Costs, event: Event[PositionAdopted]) -> None:
    data = event.data
    _strategy(state, data.magic).name = data.strategy
    life = state.open.get(data.identifier)
    if life is not None:
        life.magic = data.magic


def _deal(state: Costs, positions: Positions, event: Event[DealRecorded]) -> None:
    deal, impact = event.data, positions.impact
    if impact is None or not deal.position_id:
        return
    life = state.open.get(deal.position_id)
    if life is None:
        life = state.open[deal.position_id] = Life(
            deal.position_id, deal.symbol, deal.magic, "", event.ts, Sums()
        )
        _strategy(state, deal.magic).positions += 1
    if deal.entry in OPENING:
        if not life.begun:
            life.begun, life.magic, life.key = True, deal.magic, event.corr
    else:
        life.closed_by = _closer(life, event)
    life.sums.add(deal)
    strategy = _strategy(state, life.magic)
    strategy.sums.add(deal)
    if impact.did == "closed":
        strategy.closed += 1
        _finish(state, life, event.ts)


def _closer(life: Life, event: Event[DealRecorded]) -> str:
    key, reason = life.closing
    if event.corr and event.corr == key:
        return reason
    if event.corr and event.corr != life.key:
        return f"order {event.corr}"
    return CLOSED_BY.get(event.data.reason) or f"reason {event.data.reason}"


def _finish(state: Costs, life: Life, ts: int) -> None:
    del state.open[life.identifier]
    life.closed = ts
    state.done.append(life)
    if len(state.done) > KEEP_DONE:
        del state.done[0]


_HANDLERS: dict[Any, Any] = {
    OrderIntended: _intended,
    OrderProposed: _proposed,
    PositionAdopted: _adopted,
    DealRecorded: Reading(_deal, (POSITIONS,)),
}

COSTS = Projection("costs", 2, Costs, _HANDLERS)
