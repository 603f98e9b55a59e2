"""From a bar's arrival to `order_send` called: the kernel's part of it, and all of it with the
durable barrier.

Everything is the engine's own: its loop, journal and adapter, on the demo's bars. The disk's
barrier is replaced, by one that takes as long as the target supposes, so that the figure does not
depend on this machine's disk; and minutes pass one by one, as they do at a real terminal.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from time import perf_counter_ns, thread_time_ns
from typing import Any

from engine.broker.calls import InProcess
from engine.clock import MarketClock
from engine.kernel import Kernel
from engine.recorder import Recorder
from journal.envelope import AnyEvent
from journal.events import BarClosed, Payload
from journal.fs import OS_FS
from tools.bench.corpus import CONFIG, demo_config
from tools.bench.probes import Sealings, percentile
from tools.bench.rows import Contest, Metric, Round, Sample, Setting
from tools.cli.compose import run_engine

BARRIER_NS = 200_000
"""What one barrier takes: 0.2 ms."""


class Stopwatch:
    """Times every order of a run, nanoseconds.

    kernel  spent in the kernel's steps between bar and sending; `busy` by processor time alone
    whole   from the bar's arrival to the sending, the terminal's answers in between included
    """

    def __init__(self) -> None:
        self.kernel: list[int] = []
        self.busy: list[int] = []
        self.whole: list[int] = []
        self._begun = self._spent = self._busy = 0
        # On the classes: this process runs nothing else.
        self._record, self._step, self._call = Recorder.record, Kernel.step, InProcess.call
        watch = self

        def record(recorder: Recorder, data: Payload, cause: int = 0, corr: str = "") -> None:
            if type(data) is BarClosed:
                watch._spent = watch._busy = 0
                watch._begun = perf_counter_ns()
            watch._record(recorder, data, cause, corr)

        def step(kernel: Kernel, event: AnyEvent) -> list[AnyEvent]:
            busy, begun = thread_time_ns(), perf_counter_ns()
            decisions = watch._step(kernel, event)
            watch._spent += perf_counter_ns() - begun
            watch._busy += thread_time_ns() - busy
            return decisions

        async def call(way: InProcess, function: str, *args: Any, **kwargs: Any) -> Any:
            if function == "order_send":
                watch.kernel.append(watch._spent)
                watch.busy.append(watch._busy)
                watch.whole.append(perf_counter_ns() - watch._begun)
            return await watch._call(way, function, *args, **kwargs)

        for place, name, timed in (
            (Recorder, "record", record),
            (Kernel, "step", step),
            (InProcess, "call", call),
            (MarketClock, "glide", one_by_one),
        ):
            setattr(place, name, timed)
        setattr(OS_FS, "sync", barrier)  # noqa: B010 (mypy refuses a method's assignment)

    def reset(self) -> None:
        """Begin anew."""
        self.kernel.clear()
        self.busy.clear()
        self.whole.clear()


def one_by_one(clock: MarketClock, until_ns: int) -> list[int]:
    """Let no minute pass together with others."""
    del clock, until_ns
    return []


def barrier(handle: int) -> None:
    """Last as long as a barrier, and make nothing durable."""
    del handle
    end = perf_counter_ns() + BARRIER_NS
    while perf_counter_ns() < end:
        pass


def send(setting: Setting) -> Round:
    """Run the demo and time each of its orders."""
    numbers = count()
    watch, sealings = Stopwatch(), Sealings(prevented=True)

    def run() -> Sample:
        watch.reset()
        config = demo_config(Path(setting.folder) / str(next(numbers)))
        run_engine(config, base=CONFIG.parent, max_bars=setting.size)
        sealings.wait()
        return {
            "kernel_p50": percentile(watch.kernel, 50) / 1e3,
            "kernel_p99": percentile(watch.kernel, 99) / 1e3,
            "busy_p99": percentile(watch.busy, 99) / 1e3,
            "whole_p50": percentile(watch.whole, 50) / 1e6,
            "whole_p99": percentile(watch.whole, 99) / 1e6,
            "orders": len(watch.whole),
        }

    return run


_BARE = "bare write"

CONTESTS = (
    Contest(
        name="order",
        group="engine",
        summary="from a bar's arrival to order_send called",
        ours="tools.bench.order:send",
        references={_BARE: "tools.bench.references.barrier:write_orders"},
        metrics=(
            Metric(
                "kernel_p50", "bar to order_send, kernel part, p50", "µs", better="less", limit=150
            ),
            Metric("kernel_p99", "  the same, p99", "µs", better="less", limit=500),
            Metric(
                "busy_p99",
                "  the same, p99, by processor time alone",
                "µs",
                better="less",
                limit=500,
            ),
            Metric(
                "whole_p50",
                "bar to order_send, barrier of 0.2 ms and all, p50",
                "ms",
                better="less",
                limit=1,
                against={_BARE: None},
            ),
            Metric("whole_p99", "  the same, p99", "ms", better="less", against={_BARE: None}),
        ),
        size=20_000,
        quick=600,
        rounds=5,
        note=(
            "order: {ours[orders]:,.0f} orders a round; the barrier is a wait of 0.2 ms, and the "
            "simulated terminal's answers are inside. The bare write encodes the same four events, "
            "writes them and waits as long."
        ),
    ),
)
