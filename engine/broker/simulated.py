"""The simulated terminal behind the worker: what the worker opens in its process, and the clock
that moves it from here.

It is for tests and rehearsals of the worker; in one process the simulation is the same and faster.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import msgspec
import numpy.typing as npt

from engine.broker.calls import Calls
from engine.broker.gateway import CallFailed
from engine.broker.server_time import ServerTime
from engine.feeds.bars import read_rates
from engine.terminal import Terminal, load_profile
from engine.terminal.faults import load_faults
from engine.terminal.market import BarMarket

EXTRA_FUNCTIONS = ("advance", "server_time_msc")
"""What the worker lets through beside the module's own functions (`engine.broker.worker`)."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a simulated terminal is made of.

    bars     symbol to a file of bars
    model    how a bar becomes prices
    history  bars that exist before the first one that can be traded
    faults   plan of what goes wrong
    book     file in which the broker keeps its book: it outlives the process
    seed     of all that is drawn
    """

    profile: str
    bars: dict[str, str]
    model: Literal["open", "ohlc"] = "ohlc"
    history: int = 200
    faults: str = ""
    book: str = ""
    seed: int = 0


def read_bars(setup: Setup) -> dict[str, npt.NDArray[Any]]:
    """Return each symbol's bars. Raises UsageError for a file that cannot be used."""
    return {symbol: read_rates(Path(file)) for symbol, file in setup.bars.items()}


def build_terminal(setup: Setup, rates: dict[str, npt.NDArray[Any]]) -> Terminal:
    """Return the terminal that `setup` describes. Raises DaybookError."""
    market = BarMarket(rates, model=setup.model, start=setup.history)
    book = Path(setup.book) if setup.book else None
    terminal = Terminal(load_profile(setup.profile), market, book=book, seed=setup.seed)
    if setup.faults:
        terminal.inject(load_faults(setup.faults))
    return terminal


def open_module(text: str) -> SimpleNamespace:
    """Return the simulated module, with the functions that move its market, for the worker.

    text  a `Setup` in JSON
    """
    setup = msgspec.json.decode(text, type=Setup)
    terminal = build_terminal(setup, read_bars(setup))

    def advance() -> int:
        """Make the market's next step; return its server milliseconds, 0 when its data has
        ended."""
        return terminal.server_time_msc if terminal.advance() else 0

    def server_time_msc() -> int:
        return terminal.server_time_msc

    functions: dict[str, Any] = vars(terminal.module())
    return SimpleNamespace(**{**functions, "advance": advance, "server_time_msc": server_time_msc})


class RemoteMarketClock:
    """The time of a simulated market in a worker; it advances as fast as the engine looks."""

    def __init__(self, calls: Calls, server_time: ServerTime, server_msc: int) -> None:
        """Take the server milliseconds to begin with."""
        self._calls = calls
        self._server_time = server_time
        self._now = server_time.utc_ns(server_msc)

    @classmethod
    async def begin(cls, calls: Calls, server_time: ServerTime) -> RemoteMarketClock:
        """Start the worker and ask its market for the time. Raises BrokerError."""
        await calls.call("initialize")
        return cls(calls, server_time, await calls.call("server_time_msc"))

    def now_ns(self) -> int:
        """Return the time of the last tick, nanoseconds UTC."""
        return self._now

    async def next(self) -> bool:
        """Advance the market by one step. A lost worker is left for the next call to find."""
        try:
            msc = await self._calls.call("advance")
        except CallFailed:
            return True
        if not msc:
            return False
        self._now = self._server_time.utc_ns(msc)
        return True

    async def sleep(self, seconds: float) -> None:
        """Return at once: the simulated terminal's lists are complete when a call returns."""
        del seconds
