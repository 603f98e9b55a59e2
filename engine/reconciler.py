"""Keeps the journal at the broker's truth: reads deals and orders, records what is new, and holds
the two pictures against each other.

It reads and records; it cannot send.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable

from engine.audit import Audit, examine, report
from engine.broker.gateway import AccountView, CallFailed
from engine.clock import Clock
from engine.config import Config
from engine.execution.differences import Discrepancy
from engine.execution.discrepancies import magics_of
from engine.execution.reconcile import diff, is_reused
from engine.pace import Doubts, Pace
from engine.recorder import Recorder
from journal.events import BrokerSnapshotTaken, DealRecorded, OrderFinished
from projections.idempotency import key_of
from projections.orders import LIVE

OVERLAP_MSC = 2 * 3600 * 1000
"""How far behind the newest known deal each reading begins: lists are complete only after some
seconds, and a server's clock that is set back by an hour stamps new deals before known ones."""

DAY_MSC = 24 * 3600 * 1000
"""The same at a start, when clocks may have been set back and the engine was away."""

MOST_TAKEN = 4096
"""Deals that are remembered as taken in, before they are forgotten: two hours have far fewer."""

REFUSALS = frozenset({-1, -2, -3, -4, -5, -7})
"""Errors of a call that leave the connection as it is (facts 1.8): it is read again, later."""


class Reconciler:
    """One account's."""

    def __init__(
        self, recorder: Recorder, account: AccountView, clock: Clock, config: Config
    ) -> None:
        self._recorder, self._account, self._clock = recorder, account, clock
        self._evidence, self._grace_s = config.broker.evidence, config.reconcile.grace_s
        self._magics = magics_of(config)
        self._pace = Pace(config.reconcile)
        self._doubts = Doubts(config.broker.evidence.polls, config.reconcile.grace_s)
        self._standing: frozenset[Hashable] = frozenset()
        self._reused: dict[int, int] = {}
        self._taken: dict[int, int] = {}  # need not be told again, and do no harm when they are

    async def look(self) -> int:
        """Record what has happened to orders and positions, when it is time to look.

        Too early, it costs next to nothing; with nothing new, it records nothing. Returns until
        when (nanoseconds UTC) looks show nothing new, as long as nothing happens at the broker: 0
        while something is under way, or where nothing was seen. Raises CallFailed when the
        connection broke or readings failed too often in a row.
        """
        now, pace = self._clock.now_ns(), self._pace
        if pace.rests(now):
            return 0
        positions = self._recorder.state.positions.open
        try:
            # The latter as a close and an opening leave the count as it is.
            if self.under_way or pace.whole(now):
                await self.compare(now)
            elif not positions or await self._account.positions_total() == len(positions):
                return pace.looked(now)
            else:
                await self.read()
        except CallFailed as error:
            if pace.failed(now) or error.code not in REFUSALS:
                raise
            return 0
        quiet_until = pace.looked(now)
        return 0 if self.under_way else quiet_until

    @property
    def under_way(self) -> bool:
        """Whether something is asked of the broker, or doubtful."""
        state = self._recorder.state
        return bool(state.orders.open or state.changes.open or self._doubts.seen)

    async def read(self, overlap_msc: int = OVERLAP_MSC) -> None:
        """Record every deal that is new, then what became of orders that wait for theirs."""
        await self.read_deals(overlap_msc)
        if self._recorder.state.orders.open:
            await self.follow()

    async def read_deals(self, overlap_msc: int) -> None:
        """Record every deal that is not in the journal yet, each with the order it belongs to."""
        since_msc = self._recorder.state.idempotency.watermark - overlap_msc
        taken = self._taken
        deals = await self._account.deals(since_msc, taken)
        if deals:
            self._take_in(deals)
            if len(taken) + len(deals) > MOST_TAKEN:
                taken.clear()
            for deal in deals[-MOST_TAKEN:]:
                taken[deal.ticket] = deal.time_msc

    def _take_in(self, deals: Iterable[DealRecorded]) -> None:
        recorder = self._recorder
        index = recorder.state.idempotency
        known = index.deals
        for deal in deals:
            if deal.ticket not in known:
                key = key_of(index, deal)
                recorder.record(deal, cause=index.intents.get(key, 0), corr=key)
            elif is_reused(recorder.state, deal) and self._reused.get(deal.ticket) != deal.time_msc:
                self._reused[deal.ticket] = deal.time_msc
                recorder.record(deal)  # changes nothing but what the kernel thinks of it

    async def follow(self, live: Collection[int] | None = None) -> None:
        """Ask the broker's history about accepted orders that their deals have not filled: the rest
        may have been cancelled, and nothing else tells.

        live  tickets of the orders that are known to be live; without it, orders that wait for a
              price are left for later
        """
        recorder = self._recorder
        waiting = {
            order.ticket: order
            for order in recorder.state.orders.open.values()
            if order.status in LIVE
            and (order.ticket not in live if live is not None else not order.is_pending)
        }
        if not waiting:
            return
        since = min(order.server_msc for order in waiting.values()) - DAY_MSC
        for seen in await self._account.orders(since):
            order = waiting.get(seen.ticket)
            if order is not None and seen.done and seen.filled != order.final:
                done = OrderFinished(order.key, seen.ticket, seen.state, seen.filled)
                recorder.record(done, cause=order.seq, corr=order.key)

    async def compare(self, now: int) -> None:
        """Hold everything against each other once. A difference is recorded only when it has been
        there for several readings: whatever was active just now looks different in each list."""
        await self.read_deals(OVERLAP_MSC)
        snapshot = await self._picture()
        found = diff(self._recorder.state, snapshot, self._magics)
        new = _names(found) - self._standing
        if new and self._doubts.ripe(new, now):
            await self.read_deals(self._recorder.state.idempotency.watermark)
            self._record(await self._picture())
        elif not new:
            self._doubts.clear()
            if len(found) != len(self._standing):  # something explained itself, worth knowing
                self._record(snapshot)
        self._pace.compared(now)

    async def reconcile(self, cause: int = 0) -> None:
        """Hold the journal against the broker's own picture; give its lists time to agree before
        judging. `cause`: sequence of the command that asks for it."""
        polls = self._evidence.polls
        pause = max(self._evidence.interval_s, self._grace_s / (polls - 1))
        for poll in range(1, polls + 1):
            snapshot = await self._picture()
            if poll == polls or not diff(self._recorder.state, snapshot, self._magics):
                break
            await self._clock.sleep(pause)
            whole = poll == polls - 1  # before the verdict: a late deal may be stamped old
            watermark = self._recorder.state.idempotency.watermark
            await self.read_deals(watermark if whole else DAY_MSC)
        self._record(snapshot, cause)
        now = self._clock.now_ns()
        self._pace.looked(now)
        self._pace.compared(now)

    async def audit(
        self,
        since_msc: int,
        since_s: int = 0,
        *,
        dry_run: bool = False,
        whose: tuple[int, str] | None = None,
        running: bool = False,
    ) -> Audit:
        """Hold everything from a time on against the broker, and heal what recording heals.

        since_msc  server milliseconds; 0 for `since_s` seconds ago
        dry_run    heal nothing: what is found remains
        whose      login and server that are read, the journal's own where nothing is said. With
                   another account's, nothing is recorded
        running    the engine asks, which would have read what is new a moment later: what it reads
                   now is recorded and no difference, in a dry run, too
        Raises BrokerError.
        """
        state = self._recorder.state
        if not since_msc:
            now_msc = self._clock.now_ns() // 1_000_000 + state.market.offset_s * 1000
            since_msc = now_msc - since_s * 1000
        own = state.run.login, state.run.server
        whose = whose or own
        if running:
            await self._catch_up()
        first = await examine(state, self._account, self._magics, since_msc, whose)
        if running and first.found:  # by what happened between two of its readings, perhaps
            await self._catch_up()
            first = await examine(state, self._account, self._magics, since_msc, whose)
        if dry_run or whose != own:
            return report(since_msc, state, self._magics, first)
        self._take_in(first.deals)
        asked = state.commands.reconcile
        await self.reconcile(asked.seq if asked is not None else 0)
        last = await examine(state, self._account, self._magics, since_msc, whose)
        if last.found:  # what has happened during the examination is no difference
            self._take_in(last.deals)
            last = await examine(state, self._account, self._magics, since_msc, whose)
        return report(since_msc, state, self._magics, first, last)

    async def _catch_up(self) -> None:
        """Record what is new since the last look, and judge nothing."""
        await self.read_deals(OVERLAP_MSC)
        await self._picture()

    async def _picture(self) -> BrokerSnapshotTaken:
        """Read the broker's picture; the ends of orders that it shows no more are recorded."""
        snapshot = await self._account.snapshot()
        await self.follow({order.ticket for order in snapshot.orders})
        return snapshot

    def _record(self, snapshot: BrokerSnapshotTaken, cause: int = 0) -> None:
        """Let the kernel judge; remember what even then differs, so that it is recorded once."""
        self._recorder.record(snapshot, cause)
        self._standing = _names(diff(self._recorder.state, snapshot, self._magics))
        self._doubts.clear()


def _names(found: Collection[Discrepancy]) -> frozenset[Hashable]:
    return frozenset((one.name, one.subject) for one in found)
