"""Reconciling: a whole history of which the journal knows nothing, and a pass with nothing new
beside a short and a long past.

The broker's lists are ready in memory, so what is timed is what comes on top of its calls.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from time import perf_counter, perf_counter_ns, process_time, thread_time_ns

import anyio

from engine.broker.gateway import NONE_KNOWN, OrderSeen, Stamps
from engine.kernel import Kernel
from engine.reconciler import Reconciler
from engine.recorder import Recorder
from engine.settings import canonical
from journal import Writer
from journal.events import (
    BrokerSnapshotTaken,
    DealRecorded,
    OrderListed,
    PositionSeen,
    RunStarted,
    TerminalConnected,
)
from tools.bench.corpus import demo_config
from tools.bench.probes import percentile
from tools.bench.rows import Contest, Metric, Round, Sample, Setting

NOW_MSC = 1_700_000_000_000
ORDERS_OF = 10
"""Deals for each order of the history."""
HELD = 100
SHORT, LONG = 10_000, 1_000_000
"""Deals that are known when a pass finds nothing new."""
SPAN_MSC = 60_000
"""Between two deals of the past; two hours have 120 of them."""


class Account:
    """A broker that answers at once."""

    def __init__(self, deals: list[DealRecorded], orders: list[OrderSeen]) -> None:
        self._deals, self._orders = deals, orders
        held = [position(deal) for deal in deals[-HELD:]]
        self._snapshot = BrokerSnapshotTaken(0.0, 0.0, 0.0, 0.0, 0.0, held, [pending()])

    async def snapshot(self) -> BrokerSnapshotTaken:
        """Return positions and live orders."""
        return self._snapshot

    async def positions_total(self) -> int:
        """Count the positions."""
        return HELD

    async def deals(self, since_msc: int, known: Stamps = NONE_KNOWN) -> list[DealRecorded]:
        """Return the deals from a time on."""
        if since_msc <= self._deals[0].time_msc:
            return self._deals
        few = (self._deals[-1].time_msc - since_msc) // SPAN_MSC + 1
        return [deal for deal in self._deals[-few:] if known.get(deal.ticket) != deal.time_msc]

    async def orders(self, since_msc: int) -> list[OrderSeen]:
        """Return all orders."""
        del since_msc
        return self._orders


class Clock:
    """Time that passes only by waiting."""

    def now_ns(self) -> int:
        """Return the same moment always."""
        return NOW_MSC * 1_000_000

    async def next(self) -> bool:
        """Go on."""
        return True

    async def sleep(self, seconds: float) -> None:
        """Wait for nothing."""
        del seconds


def history(size: int) -> list[DealRecorded]:
    """Return `size` deals of closed positions in pairs; the last ones are open."""
    return [_deal(number, size) for number in range(size)]


def _deal(number: int, size: int) -> DealRecorded:
    held = number >= size - HELD
    opens = held or number % 2 == 0
    msc = NOW_MSC - SPAN_MSC * (size - number)
    return DealRecorded(
        ticket=1_000_000 + number,
        order=5_000_000 + number,
        time=msc // 1000,
        time_msc=msc,
        type=0 if opens else 1,
        entry=0 if opens else 1,
        magic=0,
        position_id=5_000_000 + (number if opens else number - 1),
        reason=0,
        volume=0.1,
        price=1.1,
        commission=0.0,
        swap=0.0,
        profit=0.0,
        fee=0.0,
        symbol="EURUSD",
        comment="",
        external_id="",
    )


def position(deal: DealRecorded) -> PositionSeen:
    """Return the open position that a deal opened."""
    return PositionSeen(deal.order, deal.order, "EURUSD", 0, 0, 0.1, 1.1, 0.0, 0.0, "")


def pending() -> OrderListed:
    """Return somebody's order."""
    return OrderListed(9, "EURUSD", 2, 0, 0.1, 0.1, 1.0, 0.0, 0.0, 0.0, 0, NOW_MSC, "")


def orders(size: int) -> list[OrderSeen]:
    """Return `size` done orders."""
    return [
        OrderSeen(5_000_000 + n, "EURUSD", 0, 0, 0.1, NOW_MSC, "", 0.1, 4, True)
        for n in range(size)
    ]


def whole(setting: Setting) -> Round:
    """Take a whole history into a new journal, compare everything twice, and sync."""
    account = Account(history(setting.size), orders(setting.size // ORDERS_OF))
    numbers = count()

    def run() -> Sample:
        folder = Path(setting.folder) / str(next(numbers))
        with Writer.open(folder, run="bench", seal=False) as writer:
            reconciler, recorder = _prepared(writer, account)
            begun, busy = perf_counter(), process_time()
            audit = anyio.run(reconciler.audit, 1)
            recorder.commit()
            took, busy = perf_counter() - begun, process_time() - busy
        assert len(audit.found) > setting.size
        assert audit.remaining == []
        return {"seconds": took, "busy": busy, "deals": audit.deals, "orders": audit.orders}

    return run


def nothing_new(setting: Setting) -> Round:
    """Compare everything when nothing has happened, with few and with many deals known."""
    passes = {}
    for name, size in (("short", SHORT), ("long", min(LONG, setting.size * 1000))):
        account = Account(history(size), [])
        writer = Writer.open(Path(setting.folder) / name, run="bench", seal=False)
        reconciler, _ = _prepared(writer, account)
        anyio.run(reconciler.audit, 1)
        passes[name] = reconciler, writer

    def run() -> Sample:
        sample: Sample = {}
        for name, (reconciler, writer) in passes.items():
            events = writer.next_seq
            times, busy = anyio.run(_timed, reconciler, setting.size)
            assert writer.next_seq == events, "a pass with nothing new was recorded"
            sample[f"{name}_p50"] = percentile(times, 50) / 1e6
            sample[f"{name}_p99"] = percentile(times, 99) / 1e6
            sample[f"{name}_busy"] = percentile(busy, 99) / 1e6
        return sample

    return run


async def _timed(reconciler: Reconciler, passes: int) -> tuple[list[int], list[int]]:
    """Return nanoseconds of each pass, and those that the processor worked for it."""
    times, busy = [], []
    for _ in range(passes):
        begun, working = perf_counter_ns(), thread_time_ns()
        await reconciler.compare(NOW_MSC * 1_000_000)
        times.append(perf_counter_ns() - begun)
        busy.append(thread_time_ns() - working)
    return times, busy


def _prepared(writer: Writer, account: Account) -> tuple[Reconciler, Recorder]:
    """Return a run that has connected and knows nothing of the account yet."""
    config = demo_config(Path("unused"))
    settings, code = canonical(config)
    recorder = Recorder(writer, Kernel(), Clock(), "bench")
    recorder.record(
        RunStarted("", "live", settings, code, "", "", "", 0, 0, "", ""),
    )
    recorder.record(TerminalConnected(1, "Bench", 0, 2, "USD", 100, "", "", 0))
    return Reconciler(recorder, account, Clock(), config), recorder


_PLAIN = "plain sets"

CONTESTS = (
    Contest(
        name="reconcile",
        group="engine",
        summary="a whole history reconciled from scratch",
        ours="tools.bench.reconcile:whole",
        references={_PLAIN: "tools.bench.references.sets:whole"},
        metrics=(
            Metric(
                "seconds",
                "100,000 deals and 10,000 orders, none known",
                "s",
                better="less",
                limit=2,
                against={_PLAIN: None},
            ),
            Metric("busy", "  the same, by processor time alone", "s", better="less", limit=2),
        ),
        size=100_000,
        quick=2_000,
        rounds=5,
        note=(
            "reconcile: {ours[deals]:,.0f} deals and {ours[orders]:,.0f} orders are compared, the "
            "deals recorded and synced, and everything is compared again. The plain sets only find "
            "which tickets are missing, and keep them."
        ),
    ),
    Contest(
        name="reconcile-pass",
        group="engine",
        summary="a continuous pass with nothing new",
        ours="tools.bench.reconcile:nothing_new",
        references={_PLAIN: "tools.bench.references.sets:nothing_new"},
        metrics=(
            Metric(
                "short_p50",
                "a pass with nothing new, 10,000 deals known, p50",
                "ms",
                better="less",
                limit=5,
                against={_PLAIN: None},
            ),
            Metric(
                "long_p50",
                "a pass with nothing new, 1,000,000 deals known, p50",
                "ms",
                better="less",
                limit=5,
                against={_PLAIN: None},
            ),
            Metric("long_p99", "  the same, p99", "ms", better="less", limit=5),
            Metric(
                "long_busy",
                "  the same, p99, by processor time alone",
                "ms",
                better="less",
                limit=5,
            ),
        ),
        size=1_000,
        quick=10,
        rounds=5,
        note=(
            "reconcile-pass: beyond the broker's own calls, whose lists are ready here: 120 deals "
            "of two hours, 100 positions. The plain sets compare the same tickets."
        ),
    ),
)
