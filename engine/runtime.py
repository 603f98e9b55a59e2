"""The live loop: one task that owns the kernel and the journal, between a broker and a clock.

Every input is appended before the kernel sees it, every decision before anything leaves the
process; an order is sent only after its intent is durable. What to decide is the kernel's alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import anyio
import anyio.lowlevel
import msgspec

from engine.broker.gateway import CallFailed, Gateway
from engine.broker.server_time import ServerTime
from engine.broker.server_watch import measure_offset
from engine.broker.zones import require_agreement
from engine.clock import Clock
from engine.config import Config
from engine.execution.evidence import gather
from engine.execution.reconcile import diff
from engine.kernel import Kernel
from journal.envelope import AnyEvent, stamp
from journal.errors import BrokerError
from journal.events import (
    BrokerSnapshotTaken,
    ClockOffsetMeasured,
    FeedCaughtUp,
    JournalRecovered,
    OrderFinished,
    OrderIntended,
    OrderProposed,
    OrderUnresolved,
    Payload,
    QuoteUnavailable,
    RunEnded,
    RunStarted,
    TerminalLost,
)
from projections.idempotency import key_of
from projections.market import series_name
from projections.orders import Order, unresolved
from projections.state import State, digest

BREATH = 256
"""Turns without waiting after which other tasks are let in."""

OVERLAP_MSC = 2 * 3600 * 1000
"""How far behind the newest known deal each reading begins: lists are complete only after some
seconds, and a server's clock that is set back by an hour stamps new deals before known ones."""

DAY_MSC = 24 * 3600 * 1000
"""The same at a start, when clocks may have been set back and the engine was away."""

RECONNECT_S = (1.0, 60.0)
"""Shortest and longest wait between two attempts to reconnect; doubled each time."""


class Journal(Protocol):
    """What the loop needs of the journal's writer."""

    next_seq: int
    head: bytes
    recovered: list[JournalRecovered]

    def append(self, event: AnyEvent) -> None:
        """Add an event behind the last one."""

    def commit(self) -> None:
        """Return when everything appended is durable."""

    def commit_if_due(self) -> None:
        """Commit when the oldest uncommitted event has waited long enough."""


class Memory(Protocol):
    """Keeps what the kernel knows, so that the next start need not fold the whole journal."""

    def due(self, seq: int) -> bool:
        """Tell whether it is time to keep it again."""

    def save(self, kernel: Kernel, head: bytes) -> None:
        """Keep what the kernel knows at the journal's head, all of it durable."""


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside that a run touches; all of it can be simulated."""

    journal: Journal
    gateway: Gateway
    clock: Clock
    server_time: ServerTime
    memory: Memory | None = None


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
        self._config, self._run, self._manifest = config, run, manifest
        self._kernel = kernel
        self._journal, self._gateway = world.journal, world.gateway
        self._clock, self._server_time = world.clock, world.server_time
        self._memory = world.memory
        self._observe, self._max_bars = observe, max_bars
        self._stopping = ""
        self._bars = 0
        self._quiet_turns = 0
        self._decided: deque[AnyEvent] = deque()
        self._series = sorted({(s.symbol, s.timeframe) for s in config.strategies})
        self._effects: dict[type, Callable[[AnyEvent], Awaitable[None]]] = {
            OrderProposed: self._weigh,
            OrderIntended: self._send,
            OrderUnresolved: self._investigate,
        }

    @property
    def state(self) -> State:
        """What the projections say now."""
        return self._kernel.state

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
        for decision in missing:
            self._journal.append(decision)
        for note in self._journal.recovered:
            now = self._clock.now_ns()
            self._journal.append(stamp(note, self._journal.next_seq, now, self._run))
        self._record(self._manifest)
        try:
            await self._connect()
            await self._trade()
        except BrokerError as error:
            self._end("failed", str(error))
            raise
        finally:
            await self._gateway.close()
        return self._end(self._stopping or "data ended", "")

    # --- the journal and the kernel

    def _record(self, data: Payload, cause: int = 0, corr: str = "") -> None:
        """Append an input, let the kernel decide, append what it decided."""
        journal = self._journal
        event = stamp(data, journal.next_seq, self._clock.now_ns(), self._run, cause, corr)
        journal.append(event)
        for decision in self._kernel.step(event):
            journal.append(decision)
            self._decided.append(decision)

    def _end(self, reason: str, detail: str) -> Ending:
        state_digest = digest(self.state)
        self._record(RunEnded(reason, detail, state_digest))
        self._journal.commit()
        if self._memory is not None:
            self._memory.save(self._kernel, self._journal.head)
        return Ending(reason, self._bars, state_digest)

    # --- the loop

    async def _trade(self) -> None:
        turns = 0
        while not self._stopping and await self._clock.next():
            try:
                await self._turn()
            except CallFailed as error:
                self._record(TerminalLost(error.code, str(error)))
                await self._reconnect()
            turns += 1
            if turns % BREATH == 0:
                self._report()
                self._remember()
                await anyio.lowlevel.checkpoint()
        self._report()

    async def _turn(self) -> None:
        """Look once at everything that may be new: deals before bars, as they happened within the
        bar."""
        state = self._kernel.state
        self._quiet_turns += 1
        # Worth reading is the deal list when an order is out, when a position came or went, and now
        # and then anyway.
        if (
            state.orders.open
            or self._quiet_turns >= self._config.broker.idle_polls
            or (state.positions.open and await self._positions_changed())
        ):
            self._quiet_turns = 0
            await self._read_deals(OVERLAP_MSC)
            await self._follow()
        await self._read_bars()
        if self._decided:
            await self._settle()
        self._journal.commit_if_due()

    async def _positions_changed(self) -> bool:
        return await self._gateway.positions_total() != len(self._kernel.state.positions.open)

    async def _read_bars(self) -> None:
        known = self._kernel.state.market.series
        for symbol, timeframe in self._series:
            series = known.get(series_name(symbol, timeframe))
            after = series.last_time if series is not None else 0
            for bar in await self._gateway.bars(symbol, timeframe, after):
                self._record(bar)
                self._bars += 1
        if self._max_bars and self._bars >= self._max_bars:
            self.stop("bars reached")

    async def _read_deals(self, overlap_msc: int) -> None:
        index = self._kernel.state.idempotency
        for deal in await self._gateway.deals(index.watermark - overlap_msc):
            if deal.ticket not in index.deals:
                key = key_of(index, deal)
                self._record(deal, cause=index.intents.get(key, 0), corr=key)

    def _remember(self) -> None:
        """Between two steps everything is settled: the moment to take a snapshot, if one is due."""
        if self._memory is not None and self._memory.due(self.state.seq):
            self._journal.commit()
            self._memory.save(self._kernel, self._journal.head)

    async def _follow(self) -> None:
        """Ask the broker's history about accepted orders that their deals have not filled: the rest
        may have been cancelled, and nothing else tells."""
        waiting = {
            order.ticket: order
            for order in self.state.orders.open.values()
            if order.status == "accepted"
        }
        if not waiting:
            return
        since = min(order.server_msc for order in waiting.values()) - DAY_MSC
        for seen in await self._gateway.orders(since):
            order = waiting.get(seen.ticket)
            if order is not None and seen.done and seen.filled != order.final:
                done = OrderFinished(order.key, seen.ticket, seen.state, seen.filled)
                self._record(done, cause=order.seq, corr=order.key)

    def _report(self) -> None:
        if self._observe is not None:
            state = self.state
            self._observe(Progress(self._bars, state.orders.fills, state.performance.equity))

    # --- effects: each begins with a decision that is in the journal

    async def _settle(self) -> None:
        """Carry out what was decided, and what is decided in turn, until nothing is left to do.

        One story to its end before the next: a second strategy's proposal must not find the first
        one's order intended and not yet sent.
        """
        while self._decided:
            decision = self._decided.popleft()
            effect = self._effects.get(type(decision.data))
            if effect is None:
                continue
            later, self._decided = self._decided, deque()
            try:
                await effect(decision)
            finally:
                self._decided.extend(later)

    async def _weigh(self, proposed: AnyEvent) -> None:
        order = self.state.orders.open.get(proposed.corr)
        if order is None or order.status != "proposed":  # vetoed already, no quote is needed
            return
        try:
            data: Payload = await self._gateway.quote(order.symbol, order.side)
        except BrokerError as error:
            data = QuoteUnavailable(order.symbol, str(error))
        self._record(data, cause=proposed.seq, corr=order.key)

    async def _send(self, intended: AnyEvent) -> None:
        """Send an intent: made durable first, sent once, and whatever came back is recorded."""
        intent = intended.data
        assert isinstance(intent, OrderIntended)
        self._journal.commit()
        reply = await self._gateway.submit(intent)
        self._record(reply, cause=intended.seq, corr=intent.key)
        if not unresolved(self.state.orders):
            await self._read_deals(OVERLAP_MSC)
            await self._follow()

    async def _investigate(self, decision: AnyEvent) -> None:
        order = self.state.orders.open.get(decision.corr)
        if order is not None and order.status == "unresolved":
            await self._search(order)
            await self._read_deals(DAY_MSC)
            await self._follow()

    async def _search(self, order: Order) -> None:
        """Look for what became of an unresolved order, and record what the broker's lists show.

        Before its deals are read: a broker may name the key on the order alone, and only the
        order's ticket tells whose they are.
        """
        evidence = await gather(
            self._gateway,
            order,
            self.state.idempotency,
            self._clock,
            self._config.broker.evidence,
        )
        self._record(evidence, cause=order.seq, corr=order.key)

    # --- connecting: the same at a start, after a crash and after a lost terminal

    async def _connect(self) -> None:
        """Connect, take in what happened meanwhile, settle what is unresolved; only then trade."""
        symbols = sorted({symbol for symbol, _ in self._series})
        self._record(await self._gateway.connect(symbols))
        for symbol in symbols:
            self._record(await self._gateway.specify(symbol))
        await self._measure_clock()
        for order in unresolved(self.state.orders):
            await self._search(order)
        await self._read_deals(DAY_MSC)
        await self._follow()
        self._decided.clear()  # a start acts on the state, not on what led to it
        await self._catch_up()
        await self._reconcile()
        await self._settle()

    async def _measure_clock(self) -> None:
        """Hold the broker's clock against ours; while no tick is fresh, its rule is believed."""
        rule = self._server_time.rule
        measured = await measure_offset(self._gateway, self._clock)
        if measured is None:
            server_msc = await self._gateway.server_msc()
            offset = self._server_time.offset(server_msc // 1000)
            self._record(ClockOffsetMeasured(offset, rule, server_msc))
            return
        require_agreement(rule, measured)
        self._record(
            ClockOffsetMeasured(measured.offset_s, rule, measured.server_msc, measured.symbols)
        )

    async def _catch_up(self) -> None:
        """Record the bars that were missed; at a first start, those that the strategies need to be
        warm."""
        before = self._bars
        market = self.state.market
        for symbol, timeframe in self._series:
            if series_name(symbol, timeframe) not in market.series:
                bars = await self._gateway.latest_bars(symbol, timeframe, market.keep)
                for bar in bars:
                    self._record(bar)
                self._bars += len(bars)
        await self._read_bars()
        self._record(FeedCaughtUp(self._bars - before))

    async def _reconcile(self) -> None:
        """Hold the journal against the broker's own picture; give its lists time to agree before
        judging."""
        polls = self._config.broker.evidence.polls
        for poll in range(1, polls + 1):
            snapshot: BrokerSnapshotTaken = await self._gateway.snapshot()
            if poll == polls or not diff(self.state, snapshot):
                break
            await self._clock.sleep(self._config.broker.evidence.interval_s)
            whole = poll == polls - 1  # before the verdict: a late deal may bear an old stamp
            await self._read_deals(self.state.idempotency.watermark if whole else DAY_MSC)
        self._record(snapshot)

    async def _reconnect(self) -> None:
        wait, longest = RECONNECT_S
        while not self._stopping:
            await self._clock.sleep(wait)
            try:
                await self._connect()
            except CallFailed as error:
                self._record(TerminalLost(error.code, str(error)))
                wait = min(2 * wait, longest)
            else:
                return
