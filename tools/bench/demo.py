"""The demo's bars a second: the engine's loop, every bar journalled, chained and replayable."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from time import process_time

from journal.fs import OS_FS
from tools.bench.corpus import CONFIG, demo_config
from tools.bench.probes import LeftOut, Sealings, TimedSync
from tools.bench.rows import Contest, Metric, Round, Sample, Setting
from tools.cli import compose

MARGIN = 1_000_000
"""More bars than the file has: all of them."""


def trade(setting: Setting) -> Round:
    """Run the engine on the demo's bars into a new journal.

    Timed from opening the journal to closing it; reading the prices and building the market of them
    is not in it.
    """
    numbers = count()
    sync, sealings = TimedSync(OS_FS), Sealings()
    reading = LeftOut(compose, "reach")

    def run() -> Sample:
        config = demo_config(Path(setting.folder) / str(next(numbers)))
        sync.reset()
        reading.reset()
        begun = process_time()
        summary = compose.run_engine(config, base=CONFIG.parent, max_bars=setting.size)
        busy = process_time() - begun - reading.busy
        sealings.wait()
        return {
            "rate": summary.bars / summary.seconds,
            "loop_rate": summary.bars / summary.seconds,
            "busy_rate": summary.bars / busy,
            "sync": 100.0 * sync.seconds / summary.seconds,
            "syncs": sync.count,
            "bars": summary.bars,
            "events": summary.events,
            "trades": summary.trades,
        }

    return run


CONTESTS = (
    Contest(
        name="demo",
        group="engine",
        summary="the demo's bars a second, from the first bar to the last",
        ours="tools.bench.demo:trade",
        references={"backtesting": "tools.bench.references.backtest:trade"},
        metrics=(
            Metric("rate", "demo", "bars/s", against={"backtesting": 0.5}),
            Metric(
                "loop_rate",
                "  beside its bars alone, statistics left out",
                "bars/s",
                against={"backtesting": None},
            ),
            Metric(
                "busy_rate",
                "  beside its whole run, by processor time alone",
                "bars/s",
                against={"backtesting": None},
            ),
            Metric("sync", "  of that time spent in barriers", "%", better="less"),
        ),
        size=MARGIN,
        quick=600,
        rounds=11,  # the host and its disk change from one to the next
        note=(
            "demo: {ours[bars]:,.0f} bars, {ours[trades]:,.0f} trades, {ours[events]:,.0f} events "
            "written, {ours[syncs]:,.0f} barriers; backtesting: {backtesting[bars]:,.0f} bars, "
            "{backtesting[trades]:,.0f} trades, nothing written. Why the trades differ: README."
        ),
    ),
)
