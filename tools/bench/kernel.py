"""One kernel step on a bar that leads to no trade: fold, indicators, decide nothing."""

from __future__ import annotations

from time import perf_counter_ns

from engine.kernel import Kernel
from journal.envelope import AnyEvent
from journal.events import BarClosed, Role
from tools.bench.corpus import events
from tools.bench.probes import percentile
from tools.bench.rows import Contest, Metric, Round, Sample, Setting


def step(setting: Setting) -> Round:
    """Step through the demo's inputs and time each step on a bar by itself.

    The state is that of the real run, open positions included. Steps that decide something are
    not counted.
    """
    inputs = [e for e in events(setting, setting.size) if e.data.ROLE is Role.INPUT]

    def run() -> Sample:
        times = _times(inputs)
        return {
            "p50": percentile(times, 50) / 1e3,
            "p99": percentile(times, 99) / 1e3,
            "steps": len(times),
        }

    return run


def _times(inputs: list[AnyEvent]) -> list[int]:
    kernel = Kernel()
    times = []
    for event in inputs:
        if type(event.data) is not BarClosed:
            kernel.step(event)
            continue
        begun = perf_counter_ns()
        decisions = kernel.step(event)
        took = perf_counter_ns() - begun
        if not decisions:
            times.append(took)
    return times


_BARE = "msgspec decode"

CONTESTS = (
    Contest(
        name="kernel",
        group="engine",
        summary="one kernel step on a bar without a trade",
        ours="tools.bench.kernel:step",
        references={_BARE: "tools.bench.references.bare:decode_bars"},
        metrics=(
            Metric(
                "p50",
                "kernel step without a trade, p50",
                "µs",
                better="less",
                limit=20,
                against={_BARE: None},
            ),
            Metric(
                "p99",
                "kernel step without a trade, p99",
                "µs",
                better="less",
                limit=20,
                against={_BARE: None},
            ),
        ),
        size=100_000,
        quick=1_000,
        rounds=5,
        note=(
            "kernel: {ours[steps]:,.0f} steps a round; msgspec decodes the same bar; the "
            "timer's cost is inside, on both sides."
        ),
    ),
)
