"""Connecting to the broker: the same at a start, after a crash and after a lost terminal.

Take in what happened meanwhile, settle what is unresolved, hold the pictures against each other;
only then trade.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from engine.broker.gateway import CallFailed, Gateway
from engine.broker.server_time import ServerTime
from engine.broker.server_watch import measure_offset
from engine.broker.zones import require_agreement
from engine.clock import Clock
from engine.clock_watch import ClockWatch
from engine.effects import Effects
from engine.feeds.live import LiveBars
from engine.reconciler import DAY_MSC, Reconciler
from engine.recorder import Recorder
from journal.events import ClockOffsetMeasured, TerminalLost
from projections.orders import unresolved

RECONNECT_S = (1.0, 60.0)
"""Shortest and longest wait between two attempts to reconnect; doubled each time."""


class Connection:
    """One run's way to its broker."""

    def __init__(
        self,
        recorder: Recorder,
        gateway: Gateway,
        bars: LiveBars,
        reconciler: Reconciler,
        effects: Effects,
        clock: Clock,
        server_time: ServerTime,
        watch: ClockWatch,
    ) -> None:
        self._recorder, self._gateway, self._bars = recorder, gateway, bars
        self._reconciler, self._effects = reconciler, effects
        self._clock, self._server_time, self._watch = clock, server_time, watch

    async def connect(self) -> None:
        """Connect and recover. Raises BrokerError, CallFailed."""
        recorder, gateway = self._recorder, self._gateway
        symbols = self._bars.symbols
        recorder.record(await gateway.connect(symbols))
        for symbol in symbols:
            recorder.record(await gateway.specify(symbol))
        await self._measure_clock()
        for order in unresolved(recorder.state.orders):
            await self._effects.search(order)
        for change in list(recorder.state.changes.open.values()):
            await self._effects.check(change)
        await self._reconciler.read(DAY_MSC)
        recorder.decided.clear()  # a start acts on the state, not on what led to it
        await self._bars.catch_up()
        await self._reconciler.reconcile()
        await self._effects.settle()

    async def reconnect(
        self,
        lost: CallFailed,
        stopping: Callable[[], bool],
        rest: Callable[[float], Awaitable[None]],
    ) -> None:
        """Record that the terminal was lost, and try until it is back or `stopping` says so.

        rest  lets so many seconds pass between two attempts, or fewer when there is a reason
        """
        self._lost(lost)
        wait, longest = RECONNECT_S
        while not stopping():
            await rest(wait)
            if stopping():
                return
            try:
                await self.connect()
            except CallFailed as error:
                self._lost(error)
                wait = min(2 * wait, longest)
            else:
                return

    def _lost(self, error: CallFailed) -> None:
        self._recorder.record(TerminalLost(error.code, str(error)))

    async def _measure_clock(self) -> None:
        """Hold the broker's clock against ours; while no tick is fresh, its rule is believed."""
        rule = self._server_time.rule
        self._watch.rest()
        measured = await measure_offset(self._gateway, self._clock)
        if measured is None:
            server_msc = await self._gateway.server_msc()
            offset = self._server_time.offset(server_msc // 1000)
            self._recorder.record(ClockOffsetMeasured(offset, rule, server_msc))
            return
        require_agreement(rule, measured)
        self._recorder.record(
            ClockOffsetMeasured(measured.offset_s, rule, measured.server_msc, measured.symbols)
        )
