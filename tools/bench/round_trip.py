"""The contest of the worker's round trip (`tools.bench.worker`) against a bare pipe."""

from __future__ import annotations

from tools.bench.rows import Contest, Metric, Round, Sample, Setting
from tools.bench.worker import measure


def calls(setting: Setting) -> Round:
    """Start a worker and call it."""

    def run() -> Sample:
        found = measure(setting.size)
        return {
            "tick": found["record"]["p50_ms"],
            "tick_p99": found["record"]["p99_ms"],
            "bars": found["100 bars"]["p50_ms"],
        }

    return run


_PIPE = "bare pipe"

CONTESTS = (
    Contest(
        name="worker",
        group="terminal",
        summary="a call to the terminal in the worker's process, and its answer",
        ours="tools.bench.round_trip:calls",
        references={_PIPE: "tools.bench.references.pipe:echo"},
        metrics=(
            Metric(
                "tick",
                "worker round trip, a tick, p50",
                "ms",
                better="less",
                limit=0.3,
                against={_PIPE: None},
            ),
            Metric("tick_p99", "  the same, p99", "ms", better="less"),
            Metric("bars", "worker round trip, 100 bars, p50", "ms", better="less"),
        ),
        size=2_000,
        quick=20,
        rounds=5,
        note="worker: the bare pipe echoes 100 bytes between two Python processes.",
    ),
)
