"""What a strategy is: it is told every bar, and is asked for a proposal only when trading is
possible.

A strategy sees bars and nothing else: no clock, no broker, no account, no randomness. What it
proposes is weighed, sized and perhaps vetoed by risk; it never knows.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Protocol

import msgspec
from msgspec import Meta

from journal.events import BarClosed

Side = Literal["buy", "sell"]


class StrategyBase(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every strategy's configuration has.

    name       unique within a configuration
    magic      MT5's number that marks this strategy's orders at the broker; unique too
    timeframe  of the bars it is told, MT5's name
    """

    name: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
    magic: Annotated[int, Meta(gt=0, lt=2**62)]
    symbol: Annotated[str, Meta(min_length=1, max_length=29)]
    timeframe: Literal["M1", "M5", "M15", "M30", "H1", "H4", "D1"] = "M1"


class Proposal(msgspec.Struct, frozen=True, gc=False):
    """A wish to open a position.

    stop_distance, target_distance   price units from the entry price, both positive
    reason                           the rule that spoke, with its figures
    """

    side: Side
    stop_distance: float
    target_distance: float
    reason: str


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

    def propose(self) -> Proposal | None:
        """Say what the bars taken in so far ask for. Changes nothing."""
