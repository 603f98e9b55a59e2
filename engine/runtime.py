"""The live loop: one task that owns the kernel and the journal, between a broker and a clock.

Who does what: the recorder appends and decides, the bars and the reconciler bring what is new, the
effects carry out what was decided. Here is only the order of things, and how a run ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass

import anyio.lowlevel
import msgspec

from engine.broker.gateway import CallFailed, Gateway
from engine.broker.server_time import ServerTime
from engine.clock import Clock, Passage
from engine.clock_watch import ClockWatch
from engine.config import Config
from engine.connection import Connection
from engine.effects import Effects
from engine.feeds.live import LiveBars
from engine.feeds.prices import LivePrices
from engine.kernel import Kernel
from engine.ops.commands import Standing
from engine.ops.operator import Doors, Operator
from engine.reconciler import Reconciler
from engine.recorder import Journal, Memory, Recorder
from journal.envelope import AnyEvent
from journal.errors import BrokerError
from journal.events import RunEnded, RunStarted
from projections.state import State, digest

BREATH = 256
"""Turns without waiting after which other tasks are let in."""

REST_S = 1.0
"""Seconds after which somebody who waits for the terminal looks up."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside that a run touches; all of it can be simulated.

    doors    by which an operator reaches the run; None where there is no operator
    passage  lets quiet time pass at once; None where time cannot be turned back
    """

    journal: Journal
    gateway: Gateway
    clock: Clock
    server_time: ServerTime
    memory: Memory | None = None
    doors: Doors | None = None
    passage: Passage | None = None


class Progress(msgspec.Struct, frozen=True):
    """How far a run has come; `equity` in account currency."""

    bars: int
    fills: int
    equity: float


class Ending(msgspec.Struct, frozen=True):
    """How a run ended; `bars` are those of this run."""

    reason: str
    bars: int
    digest: str


class Engine:
    """One run of the engine."""

    def __init__(
        self,
        *,
        config: Config,
        run: str,
        manifest: RunStarted,
        kernel: Kernel,
        world: World,
        observe: Callable[[Progress], None] | None = None,
        max_bars: int = 0,
    ) -> None:
        gateway, clock = world.gateway, world.clock
        recorder = Recorder(world.journal, kernel, clock, run)
        self._manifest, self._recorder = manifest, recorder
        self._gateway, self._clock, self._memory = gateway, clock, world.memory
        self._observe, self._max_bars = observe, max_bars or sys.maxsize
        self._bars = LiveBars(recorder, gateway, config, world.passage)
        self._prices = LivePrices(recorder, gateway, clock, config)
        self._reconciler = Reconciler(recorder, gateway, clock, config)
        doors = world.doors
        forbidden = doors.switch.thrown if doors is not None else lambda: False
        self._effects = Effects(recorder, gateway, self._reconciler, clock, config, forbidden)
        self._watch = ClockWatch(
            recorder, gateway, clock, world.server_time, config.reconcile.clock_s
        )
        self._connection = Connection(
            recorder,
            gateway,
            self._bars,
            self._reconciler,
            self._effects,
            clock,
            world.server_time,
            self._watch,
        )
        self._operator = (
            Operator(doors, recorder, self._reconciler, config, self.stop) if doors else None
        )
        self._stopping = ""

    @property
    def state(self) -> State:
        """What the projections say now."""
        return self._recorder.state

    @property
    def standing(self) -> Standing:
        """How the run stands; may be asked for while it waits for the terminal."""
        run = self.state.run
        return Standing(os.getpid(), run.id, self.state.seq, run.connected, run.live)

    def stop(self, reason: str = "stopped") -> None:
        """Ask for a clean end: what is in flight is settled first. Safe to call from a signal
        handler."""
        self._stopping = reason

    async def run(self, missing: list[AnyEvent]) -> Ending:
        """Trade until stopped or until the data ends. `missing`: decisions cut off by a crash
        (`engine.recovery`).

        Raises BrokerError when the terminal is not the configured account's, JournalError when the
        journal halts.
        """
        self._recorder.begin(missing)
        self._recorder.record(self._manifest)
        if self._operator is not None:
            self._operator.look_at_switch()
        try:
            await self._connection.connect()
            await self._trade()
        except BrokerError as error:
            self._end("failed", str(error))
            raise
        finally:
            await self._gateway.close()
        return self._end(self._stopping or "data ended", "")

    async def _trade(self) -> None:
        turns, operator = 0, self._operator
        waiting = operator.waiting if operator is not None else ()
        while not self._stopping and await self._clock.next():
            try:
                if waiting and operator is not None:
                    await operator.hear()
                await self._turn()
            except CallFailed as error:
                await self._connection.reconnect(error, lambda: bool(self._stopping), self._rest)
            turns += 1
            if turns % BREATH == 0:
                self._report()
                self._remember()
                await anyio.lowlevel.checkpoint()
        self._report()

    async def _turn(self) -> None:
        """Look once at everything that may be new: deals before bars, as they happened within the
        bar."""
        recorder, bars = self._recorder, self._bars
        if self._watch.due():
            await self._watch.look()
        quiet_until = min(await self._reconciler.look(), self._watch.quiet_until)
        if self._prices.needed and recorder.state.positions.open:
            quiet_until = 0
        await bars.read(quiet_until, self._max_bars)
        if self._prices.needed:
            await self._prices.look()
        while recorder.decided:
            await self._effects.settle()
            # Done, and nothing of it under way: it is as quiet as it was.
            if not (self._reconciler.under_way or self._prices.needed or self._stopping):
                await bars.glide(quiet_until, self._max_bars)
        if bars.count >= self._max_bars:
            self.stop("bars reached")
        if recorder.state.orders.open:
            await self._effects.resume()
        recorder.commit_if_due()

    async def _rest(self, seconds: float) -> None:
        """Wait for a lost terminal; an operator is heard meanwhile."""
        operator = self._operator
        while seconds > 0.0 and not self._stopping:
            await self._clock.sleep(min(seconds, REST_S))
            seconds -= REST_S
            if operator is not None and operator.waiting:
                await operator.hear()

    def _report(self) -> None:
        if self._observe is not None:
            state = self.state
            self._observe(Progress(self._bars.count, state.orders.fills, state.performance.equity))

    def _remember(self) -> None:
        """Between two turns everything is settled: the moment for a snapshot, if one is due."""
        if self._memory is not None and self._memory.due(self.state.seq):
            self._recorder.remember(self._memory)

    def _end(self, reason: str, detail: str) -> Ending:
        state_digest, asked = digest(self.state), self.state.commands.stop
        cause = asked.seq if asked is not None else 0
        self._recorder.record(RunEnded(reason, detail, state_digest), cause)
        self._recorder.commit()
        if self._memory is not None:
            self._recorder.remember(self._memory)
        return Ending(reason, self._bars.count, state_digest)
