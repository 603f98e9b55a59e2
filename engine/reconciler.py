"""Keeps the journal at the broker's truth: reads deals and orders, records what is new, and holds
the two pictures against each other.

It reads and records; it cannot send.
"""

from __future__ import annotations

from engine.broker.gateway import AccountView
from engine.clock import Clock
from engine.config import Config
from engine.execution.reconcile import diff
from engine.recorder import Recorder
from journal.events import BrokerSnapshotTaken, OrderFinished
from projections.idempotency import key_of

OVERLAP_MSC = 2 * 3600 * 1000
"""How far behind the newest known deal each reading begins: lists are complete only after some
seconds, and a server's clock that is set back by an hour stamps new deals before known ones."""

DAY_MSC = 24 * 3600 * 1000
"""The same at a start, when clocks may have been set back and the engine was away."""


class Reconciler:
    """One account's."""

    def __init__(
        self, recorder: Recorder, account: AccountView, clock: Clock, config: Config
    ) -> None:
        self._recorder, self._account, self._clock = recorder, account, clock
        self._settings = config.broker
        self._quiet_looks = 0

    async def look(self) -> None:
        """Record what has happened to orders and positions, where there may be something new.

        Worth reading is the deal list when an order is out, when a position came or went, and now
        and then anyway.
        """
        state = self._recorder.state
        self._quiet_looks += 1
        if (
            state.orders.open
            or self._quiet_looks >= self._settings.idle_polls
            or (
                state.positions.open
                and await self._account.positions_total() != len(state.positions.open)
            )
        ):
            self._quiet_looks = 0
            await self.read()

    async def read(self, overlap_msc: int = OVERLAP_MSC) -> None:
        """Record every deal that is new, then what became of orders that wait for theirs."""
        await self.read_deals(overlap_msc)
        await self.follow()

    async def read_deals(self, overlap_msc: int) -> None:
        """Record every deal that is not in the journal yet, each with the order it belongs to."""
        recorder = self._recorder
        index = recorder.state.idempotency
        for deal in await self._account.deals(index.watermark - overlap_msc):
            if deal.ticket not in index.deals:
                key = key_of(index, deal)
                recorder.record(deal, cause=index.intents.get(key, 0), corr=key)

    async def follow(self) -> None:
        """Ask the broker's history about accepted orders that their deals have not filled: the rest
        may have been cancelled, and nothing else tells."""
        recorder = self._recorder
        waiting = {
            order.ticket: order
            for order in recorder.state.orders.open.values()
            if order.status == "accepted"
        }
        if not waiting:
            return
        since = min(order.server_msc for order in waiting.values()) - DAY_MSC
        for seen in await self._account.orders(since):
            order = waiting.get(seen.ticket)
            if order is not None and seen.done and seen.filled != order.final:
                done = OrderFinished(order.key, seen.ticket, seen.state, seen.filled)
                recorder.record(done, cause=order.seq, corr=order.key)

    async def reconcile(self) -> None:
        """Hold the journal against the broker's own picture; give its lists time to agree before
        judging."""
        evidence = self._settings.evidence
        for poll in range(1, evidence.polls + 1):
            snapshot: BrokerSnapshotTaken = await self._account.snapshot()
            if poll == evidence.polls or not diff(self._recorder.state, snapshot):
                break
            await self._clock.sleep(evidence.interval_s)
            whole = poll == evidence.polls - 1  # before the verdict: a late deal may be stamped old
            watermark = self._recorder.state.idempotency.watermark
            await self.read_deals(watermark if whole else DAY_MSC)
        self._recorder.record(snapshot)
