"""Durable appends: one event at a time, and a hundred to a barrier.

The bare reference appends to a file that grows, as who writes a log does first. The journal fills
room that it made before (`journal/README.md`), so its barriers are cheaper, and may beat it.
"""

from __future__ import annotations

from itertools import count
from pathlib import Path
from time import perf_counter

from journal import Writer
from journal.envelope import AnyEvent
from journal.fs import OsFs
from tools.bench.corpus import events
from tools.bench.probes import TimedSync
from tools.bench.rows import Contest, Metric, Round, Sample, Setting

SYNC_S = 0.0002
"""What a barrier costs on the disk for which issue B names a figure."""


def singly(setting: Setting) -> Round:
    """Append with a commit after each event."""
    return _appending(setting, 1)


def by_hundred(setting: Setting) -> Round:
    """Append with a commit after each hundred."""
    return _appending(setting, 100)


def _appending(setting: Setting, batch: int) -> Round:
    todo = events(setting, setting.size + 1)
    numbers = count()
    fs = OsFs()
    sync = TimedSync(fs)

    def run() -> Sample:
        directory = Path(setting.folder) / str(next(numbers))
        with Writer.open(directory, run="bench", fs=fs, seal=False) as writer:
            writer.append(todo[0])
            writer.commit()  # creates the file
            sync.reset()
            begun = perf_counter()
            _append(writer, todo[1:], batch)
            took = perf_counter() - begun
            return _sample(len(todo) - 1, took, sync)

    return run


def _sample(written: int, took: float, sync: TimedSync) -> Sample:
    own = took - sync.seconds
    return {
        "rate": written / took,
        "usual_rate": written / (own + sync.count * SYNC_S),
        "sync_us": sync.seconds / sync.count * 1e6,
        "own_us": own / written * 1e6,
    }


def _append(writer: Writer, todo: list[AnyEvent], batch: int) -> None:
    for number, event in enumerate(todo, 1):
        writer.append(event)
        if number % batch == 0:
            writer.commit()
    writer.commit()


CONTESTS = (
    Contest(
        name="append-singly",
        group="journal",
        summary="events appended one by one, each durable before the next",
        ours="tools.bench.append:singly",
        references={
            "write + fdatasync": "tools.bench.references.bare:write_singly",
            "eventsourcing": "tools.bench.references.event_store:save_singly",
        },
        metrics=(
            Metric(
                "rate",
                "durable append, one at a time",
                "events/s",
                against={"write + fdatasync": 0.8, "eventsourcing": 5.0},
            ),
        ),
        size=500,
        quick=20,
        rounds=15,
        note="append-singly: a barrier took {ours[sync_us]:.0f} µs, ours {ours[own_us]:.1f} µs.",
    ),
    Contest(
        name="append-grouped",
        group="journal",
        summary="events appended a hundred to a barrier",
        ours="tools.bench.append:by_hundred",
        references={
            "write + fdatasync": "tools.bench.references.bare:write_by_hundred",
            "eventsourcing": "tools.bench.references.event_store:save_by_hundred",
        },
        metrics=(
            Metric(
                "rate",
                "durable append, 100 at a time",
                "events/s",
                against={"write + fdatasync": None, "eventsourcing": 4.0},
            ),
            Metric(
                "usual_rate",
                "  the same, were a sync 0.2 ms",
                "events/s",
                limit=150_000,
            ),
        ),
        size=10_000,
        quick=200,
        rounds=9,
        note=(
            "append-grouped: a barrier took {ours[sync_us]:.0f} µs, ours {ours[own_us]:.1f} µs "
            "an event. Its second line is the measured time with the time in barriers replaced."
        ),
    ),
)
