"""What a strategy is: it is told every bar, and is asked for a proposal only when trading is
possible.

A strategy sees bars and nothing else: no clock, no broker, no account, no randomness. What it
proposes is weighed, sized and perhaps vetoed by risk; it never knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta

from engine.execution.protection.rules import Rules
from journal.events import BarClosed

Side = Literal["buy", "sell"]


class StrategyBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every strategy's configuration has.

    name        unique within a configuration
    magic       MT5's number that marks this strategy's orders at the broker; unique too
    timeframe   of the bars it is told, MT5's name
    protection  what moves its positions' stops and closes them; nothing when left out
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    magic: Annotated[int, Meta(gt=0, lt=2**62)]
    symbol: Annotated[str, Meta(min_length=1, max_length=29)]
    timeframe: Literal["M1", "M5", "M15", "M30", "H1", "H4", "D1"] = "M1"
    protection: Rules = []


OrderKind = Literal["market", "limit", "stop", "stop limit"]


class Proposal(msgspec.Struct, frozen=True, gc=False):
    """A wish to open a position, at the market or by a pending order.

    stop_distance, target_distance   price units from the entry price, both positive
    reason      the rule that spoke, with its figures
    price       price units, at which a pending order fills or triggers
    limit       price units, of the limit order that a stop limit's trigger places
    lifetime_s  seconds until a pending order expires, 0 for never
    """

    side: Side
    stop_distance: float
    target_distance: float
    reason: str
    type: OrderKind = "market"
    price: float = 0.0
    limit: float = 0.0
    lifetime_s: int = 0


class Strategy(Protocol):
    """One strategy on one symbol: a Struct of plain values, so that a snapshot can hold it.

    VERSION  goes up whenever the same bars would lead to another state
    """

    VERSION: ClassVar[int]

    @property
    def config(self) -> StrategyBase:
        """What it was configured with."""

    @property
    def warmup(self) -> int:
        """How many bars it must have been told before it can propose."""

    def update(self, bar: BarClosed) -> None:
        """Take in one more bar."""

    def follow(self, bars: Sequence[BarClosed]) -> int:
        """Take in bars up to the first after which it may have a proposal; return how many.

        After each bar before that one, `propose` would have returned None.
        """

    def propose(self) -> Proposal | None:
        """Say what the bars taken in so far ask for. Changes nothing."""


def follow(strategies: Sequence[Strategy], bars: Sequence[BarClosed]) -> int:
    """Tell strategies bars, one after another, up to the first after which one of them has a
    proposal; return how many."""
    for count, bar in enumerate(bars, 1):
        for strategy in strategies:
            strategy.update(bar)
        for strategy in strategies:
            if strategy.propose() is not None:
                return count
    return len(bars)
