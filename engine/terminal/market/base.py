"""What a market is to the terminal: quotes that move in steps, and the history that led to them.

A market knows prices and time and nothing about orders. To be fast it is told, per symbol, between
which prices nothing can happen (the guard); only a step that leaves the guard is played tick by
tick.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from engine.terminal.clock import ZoneRule
from engine.terminal.errors import MarketError
from engine.terminal.profile import Symbol

Table: TypeAlias = npt.NDArray[np.void]

#: Time of the guard when no timer is set.
NEVER = 1 << 62


class Guard(NamedTuple):
    """While bid and ask stay strictly inside, nothing can happen. Never changed, only replaced."""

    bid_low: float = -math.inf
    bid_high: float = math.inf
    ask_low: float = -math.inf
    ask_high: float = math.inf

    def holds(self, bid: float, ask: float) -> bool:
        """Whether prices are inside."""
        bid_low, bid_high, ask_low, ask_high = self
        return bid_low < bid < bid_high and ask_low < ask < ask_high


#: Nothing can happen at any price.
OPEN = Guard()


class Quote:
    """A symbol's current prices, and its guard."""

    __slots__ = ("ask", "bid", "flags", "guard", "last", "symbol", "time_msc", "volume")

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.time_msc = 0
        self.bid = 0.0
        self.ask = 0.0
        self.last = 0.0
        self.volume = 0.0
        self.flags = 0
        self.guard = OPEN


class Point(msgspec.Struct, frozen=True, gc=False):
    """One price in a step. `continuous`: the price moved there through every price between."""

    symbol: str
    time_msc: int
    bid: float
    ask: float
    last: float
    volume: float
    flags: int
    continuous: bool


#: Called with the points of a step that left the guard; it sets the quotes.
Listener: TypeAlias = Callable[[Iterator[Point]], None]


class Market(ABC):
    """A source of quotes that moves in steps.

    After `bind`, `step` is the absolute number of the current step, counted from the first datum,
    and stays meaningful across processes.
    """

    def __init__(self) -> None:
        self.quotes: dict[str, Quote] = {}
        self.listener: Listener = lambda points: None
        #: Server milliseconds of the next thing that happens by time alone.
        self.timer = NEVER
        self.step = 0
        self.time_msc = 0

    @abstractmethod
    def bind(self, symbols: Mapping[str, Symbol], zone: ZoneRule) -> None:
        """Prepare for a broker: its spreads, its digits, its clock. Stands at the first step
        after."""

    @abstractmethod
    def seek(self, step: int) -> None:
        """Go to that step and set the quotes, without telling the listener."""

    @abstractmethod
    def advance(self) -> bool:
        """Make the next step; False (and nothing changed) when the data has ended."""

    def glide(self, limit: int) -> list[int]:
        """Make up to `limit` steps at once, as far as nothing can happen in them; return the server
        milliseconds of each. A market that cannot tell in advance makes none."""
        del limit
        return []

    def back(self, steps: int) -> None:
        """Undo the last `steps` of the glide just made: somebody wants to act before them."""
        del steps

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of the data and the model."""

    @abstractmethod
    def rates(self, symbol: str, timeframe: int) -> Rates:
        """The bars of a symbol up to now."""

    @abstractmethod
    def ticks(self, symbol: str) -> Ticks:
        """The ticks of a symbol up to now."""

    def quote_at(self, symbol: str, time_msc: int) -> tuple[float, float]:
        """Bid and ask as they will be at that server time, for orders that arrive late."""
        del time_msc  # a market of bars knows no price between two of its points
        quote = self.quotes[symbol]
        return quote.bid, quote.ask


class Ticks(NamedTuple):
    """Ticks, oldest first, and their `time_msc` by themselves: views, to be copied before handing
    out."""

    table: Table
    times: npt.NDArray[np.int64]


class Rates(ABC):
    """The bars of one symbol and timeframe, as seen at the market's current step."""

    @abstractmethod
    def count(self) -> int:
        """Bars so far, the unfinished one included."""

    @abstractmethod
    def slice(self, first: int, end: int) -> Table:
        """A copy of the bars from `first` up to and without `end`, counted from the oldest."""

    @abstractmethod
    def position(self, time: int) -> int:
        """How many bars opened before that server second."""


def require_ascending(times: npt.NDArray[np.int64], what: str, *, strictly: bool) -> None:
    """Raise unless times ascend.

    Raises:
        MarketError: naming the first pair that does not.
    """
    if times.size == 0:
        raise MarketError(f"{what}: there is no data; at least one row is needed")
    steps = np.diff(times)
    wrong = np.flatnonzero(steps <= 0 if strictly else steps < 0)
    if wrong.size:
        row = int(wrong[0])
        raise MarketError(
            f"{what}: row {row + 1} has time {times[row + 1]}, after {times[row]} in row {row};"
            f" times must ascend. Sort the data{' and drop duplicates' if strictly else ''}"
        )


def require_known(names: Mapping[str, object], symbols: Mapping[str, Symbol]) -> None:
    """Raise for data of a symbol that the profile does not have.

    Raises:
        MarketError: naming the symbol and what the profile has.
    """
    for name in names:
        if name not in symbols:
            raise MarketError(
                f"the market has data for {name!r}, which the profile does not know;"
                f" it knows {', '.join(sorted(symbols))}. Add the symbol to the profile"
            )
