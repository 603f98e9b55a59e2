"""Looks at the broker's clock now and then while a run goes on: it changes at weekends, and so may
this computer's.

It never waits: one look in one turn, the next in a later one.
"""

from __future__ import annotations

from engine.broker.gateway import CallFailed, MarketView
from engine.broker.server_time import ServerTime
from engine.broker.server_watch import LOOK_S, LOOKS
from engine.broker.zones import Look, Measured, measure
from engine.clock import Clock
from engine.recorder import Recorder
from journal.events import ClockOffsetMeasured

SECOND = 1_000_000_000
SURE = 2
"""Measurements in a row that must contradict the rule before it is recorded."""


class ClockWatch:
    """Of one run.

    every_s  seconds between two measurements
    """

    def __init__(
        self,
        recorder: Recorder,
        market: MarketView,
        clock: Clock,
        server_time: ServerTime,
        every_s: float,
    ) -> None:
        self._recorder, self._market, self._clock = recorder, market, clock
        self._server_time, self._every = server_time, int(every_s * SECOND)
        self._due = 0
        self._looks: list[Look] = []
        self._odd = 0
        self._agreed = True

    def rest(self) -> None:
        """The clock was measured just now, and agreed."""
        self._begin(self._clock.now_ns() + self._every)
        self._odd, self._agreed = 0, True

    def due(self) -> bool:
        """Tell whether it is time to look."""
        now = self._clock.now_ns()
        return not now < self._due <= now + self._every  # further ahead, our clock was put back

    @property
    def quiet_until(self) -> int:
        """When the next look is due, nanoseconds UTC."""
        return self._due

    async def look(self) -> None:
        """Take a look when one is due; record an offset that has changed."""
        if not self.due():
            return
        now = self._clock.now_ns()
        try:
            self._looks.append(Look(now, await self._market.tick_times()))
        except CallFailed:  # whether the terminal is lost, more important readings will tell
            self._begin(now + self._every)
            return
        measured = measure(self._looks)
        if measured is not None:
            self._take(measured, now)
        elif len(self._looks) < LOOKS:
            self._due = now + int(LOOK_S * SECOND)
        else:  # the market stands still
            self._begin(now + self._every)

    def _take(self, measured: Measured, now: int) -> None:
        rule = self._server_time.rule
        agrees = measured.offset_s == self._server_time.offset(measured.server_msc // 1000)
        self._odd = 0 if agrees else self._odd + 1
        if not agrees and self._odd < SURE:
            self._begin(now + int(LOOK_S * SECOND))
            return
        changed = measured.offset_s != self._recorder.state.market.offset_s
        if changed or agrees != self._agreed:
            self._agreed = agrees
            seen = ClockOffsetMeasured(
                measured.offset_s, rule, measured.server_msc, measured.symbols, agrees
            )
            self._recorder.record(seen)
        self._begin(now + self._every)

    def _begin(self, due: int) -> None:
        self._due = due
        self._looks.clear()
