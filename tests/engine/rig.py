"""A rig for tests: the real kernel, journal, adapter and simulated terminal, and death at a moment.

Dying loses what the process held in memory and keeps what the operating system was given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from engine import memory
from engine.broker.calls import InProcess
from engine.broker.mt5 import Mt5Gateway
from engine.broker.server_time import ServerTime
from engine.clock import Clock, MarketClock
from engine.config import (
    Account,
    Broker,
    Config,
    JournalLimits,
    Reconcile,
    SimulatedTerminal,
)
from engine.feeds.bars import read_rates
from engine.kernel import warmup_of
from engine.ops.operator import Doors
from engine.recovery import rebuild
from engine.runtime import Ending, Engine, World
from engine.settings import canonical
from engine.strategies.baseline import MaCrossRsiConfig
from engine.terminal import Terminal, load_profile
from engine.terminal.market import BarMarket
from journal import Limits, Writer, read
from journal.events import BrokerReplied, DealRecorded, OrderIntended, RunStarted
from journal.fs import OsFs
from projections.state import State

BARS = Path(__file__).resolve().parents[2] / "tools" / "data" / "eurusd_m1_2023q4.csv"
RATES = read_rates(BARS)
RATES.flags.writeable = False  # all terminals share them
FIRST_BAR = 3000  # where the spread is that of a liquid market
PROFILE = load_profile("ecn-hedging")

CONFIG = Config(
    name="rig",
    journal="",
    broker=Broker(
        kind="simulated",
        account=Account(login=PROFILE.account.login, server=PROFILE.account.server),
    ),
    terminal=SimulatedTerminal(bars={"EURUSD": "bars"}, history=100),
    strategies=[
        MaCrossRsiConfig(name="quick", magic=71, symbol="EURUSD", fast=4, slow=9, atr_period=20)
    ],
    reconcile=Reconcile(slow_s=3600.0),  # of a market that makes a minute a turn
    limits=JournalLimits(batch=40),
)


class Died(BaseException):
    """The process is gone: nothing in it may catch this and go on."""


@dataclass
class Fate:
    """Counts the moments at which a process can die, and dies at one of them.

    moment  which one, from 1; 0 never
    manner  `before` the operation, `half` way through a write, or `after` it
    """

    moment: int = 0
    manner: str = "before"
    passed: int = 0
    dead: bool = False
    seen: list[str] = field(default_factory=list)

    def meet(self, name: str) -> str:
        """Pass one more moment; return in which manner to die at it, empty to live."""
        if self.dead:
            raise Died(name)
        self.passed += 1
        self.seen.append(name)
        return self.manner if self.passed == self.moment else ""

    def die(self, name: str) -> None:
        """Be dead from now on."""
        self.dead = True
        raise Died(name)


class MortalFs(OsFs):
    """The real file system, in a process that can die at any write or sync."""

    def __init__(self, fate: Fate) -> None:
        self._fate = fate

    def write(self, handle: int, data: bytes) -> int:
        """Append, or die before, half-way or after."""
        return self._mortal(data, lambda some: OsFs.write(self, handle, some))

    def write_at(self, handle: int, data: bytes, offset: int, blanks: int = 0) -> int:
        """Write, or die before, half-way or after."""
        room = b"\n" * blanks
        return self._mortal(data + room, lambda some: OsFs.write_at(self, handle, some, offset))

    def sync(self, handle: int) -> None:
        """Sync, or die before or after."""
        manner = self._fate.meet("sync")
        if manner != "before":
            super().sync(handle)
        if manner:
            self._fate.die("sync")

    def _mortal(self, data: bytes, write: Callable[[bytes], int]) -> int:
        manner = self._fate.meet("write")
        if manner == "half":
            write(data[: len(data.rstrip(b"\n")) // 2])  # of the lines, not of the room
        elif manner != "before":
            taken = write(data)
        if manner:
            self._fate.die("write")
        return taken


class MortalModule:
    """The simulated terminal's module, in a process that can die around any sending of an order."""

    def __init__(self, module: Any, fate: Fate) -> None:
        self._module, self._fate = module, fate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def order_send(self, request: dict[str, Any]) -> Any:
        """Send, or die before the broker has it, or before its answer is known here."""
        manner = self._fate.meet("order_send")
        result = self._module.order_send(request) if manner != "before" else None
        if manner:
            self._fate.die("order_send")
        return result


@dataclass
class Rig:
    """One journal and one broker that several processes work on, one after the other."""

    folder: Path
    config: Config = CONFIG
    bars: int = 400
    state: State | None = None
    doors: Doors | None = None
    clock: Callable[[Terminal, ServerTime], Clock] = MarketClock

    @property
    def journal(self) -> Path:
        """The journal's folder."""
        return self.folder / "journal"

    def terminal(self) -> Terminal:
        """A terminal at the broker's book as it is now."""
        rates = RATES[FIRST_BAR : FIRST_BAR + self.bars]
        market = BarMarket({"EURUSD": rates}, model="ohlc", start=100)
        return Terminal(PROFILE, market, book=self.folder / "broker", seed=1)

    def process(self, fate: Fate | None = None, max_bars: int = 0) -> Ending:
        """Be one process: start on whatever is there, trade to the end of the data or die."""
        fate = fate or Fate()
        terminal = self.terminal()
        server_time = ServerTime(self.config.broker.zone)
        limits = Limits(batch=self.config.limits.batch, delay_ns=10**15)
        try:
            with Writer.open(self.journal, run="rig", fs=MortalFs(fate), limits=limits) as writer:
                kernel = memory.recall(self.journal)
                missing = rebuild(kernel, memory.later(self.journal, kernel))
                self.state = kernel.state
                clock = self.clock(terminal, server_time)
                world = World(
                    writer,
                    Mt5Gateway(
                        InProcess(MortalModule(terminal.module(), fate)),
                        self.config.broker.account,
                    ),
                    clock,
                    server_time,
                    memory.Keeper(self.journal, after=kernel.state.seq, every=150),
                    self.doors,
                    clock if type(clock) is MarketClock else None,  # another one sees each step
                )
                writer.run = f"20231002-R{writer.next_seq:06d}"
                engine = Engine(
                    config=self.config,
                    run=writer.run,
                    manifest=self._manifest(),
                    kernel=kernel,
                    world=world,
                    max_bars=max_bars,
                )
                return anyio.run(engine.run, missing)
        finally:
            terminal.close()

    def _manifest(self) -> RunStarted:
        settings, config_hash = canonical(self.config)
        return RunStarted(
            "0", "simulated", settings, config_hash, "", "", "", 0, warmup_of(self.config), "", ""
        )

    def recorded(self, *kinds: type) -> list[Any]:
        """The payloads of these types in the journal, in order."""
        return [event.data for event in read(self.journal) if type(event.data) in kinds]

    def intents(self) -> list[OrderIntended]:
        """All intents."""
        return self.recorded(OrderIntended)

    def deals(self) -> list[DealRecorded]:
        """All recorded deals."""
        return self.recorded(DealRecorded)

    def replies(self) -> list[BrokerReplied]:
        """All recorded replies."""
        return self.recorded(BrokerReplied)
