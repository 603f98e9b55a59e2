"""The sealed journal at size: decoding, replay, memory, SQL, one order's story, start-up, bytes."""

from __future__ import annotations

import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

import msgspec

import journal
from journal import Writer, read, verify
from journal.codec import TRAILER
from journal.fs import OS_FS
from journal.manifest import load
from journal.reader import lines
from journal.snapshot import Snapshot, newest, save
from projections.state import Fold, State, fold
from tools.bench.contender import ROOT, Missing
from tools.bench.machine import peak_mb
from tools.bench.replay import BOOKS
from tools.bench.rows import Contest, Metric, Round, Sample, Setting
from tools.bench.sealed import some_key

SUMS = """
    SELECT type, symbol, count(*), sum(volume), sum(profit), sum(commission), max(price)
    FROM {source} GROUP BY type, symbol ORDER BY type, symbol"""

VERSION = 1


def decoded(setting: Setting) -> Round:
    """Decode strictly from segments without checking the chain."""

    def run() -> Sample:
        begun = perf_counter()
        last = deque(read(Path(setting.corpus), until=setting.size, verify=False), maxlen=1)
        return {"rate": last[0].seq / (perf_counter() - begun)}

    return run


def folded(setting: Setting) -> Round:
    """Check the chain of segments, decode strictly, fold orders, positions and account."""

    def run() -> Sample:
        begun = perf_counter()
        state = fold(read(Path(setting.corpus), until=setting.size), BOOKS)
        return {"rate": state.seq / (perf_counter() - begun)}

    return run


def verified(setting: Setting) -> Round:
    """Verify the whole journal, and see how much memory that took at its highest."""
    _require_memory()

    def run() -> Sample:
        begun = perf_counter()
        report = verify(Path(setting.corpus))
        assert report.ok, report
        return {"peak": peak_mb() or 0.0, "rate": report.events / (perf_counter() - begun)}

    return run


def replayed(setting: Setting) -> Round:
    """Fold the whole journal, and see how much memory that took at its highest."""
    _require_memory()

    def run() -> Sample:
        state = fold(read(Path(setting.corpus)))
        return {"peak": peak_mb() or 0.0, "deals": len(state.idempotency.deals)}

    return run


def summed(setting: Setting) -> Round:
    """Count and sum promoted columns over all events."""
    connection = journal.sql(Path(setting.corpus))

    def run() -> Sample:
        begun = perf_counter()
        connection.execute(SUMS.format(source="events")).fetchall()
        return {"ms": 1e3 * (perf_counter() - begun)}

    return run


def story(setting: Setting) -> Round:
    """Ask for all events of one order while another process appends and commits.

    Each round connects anew, as a command does that was just started.
    """
    directory = Path(setting.corpus)
    key = some_key(directory)

    def run() -> Sample:
        with _written_to(directory):
            begun = perf_counter()
            with journal.sql(directory) as connection:
                connected = perf_counter()
                rows = connection.execute("FROM order_story(?)", [key]).fetchall()
                ended = perf_counter()
        assert rows
        return {
            "ms": 1e3 * (ended - connected),
            "connect": 1e3 * (connected - begun),
            "events": len(rows),
        }

    return run


def started(setting: Setting) -> Round:
    """Open for writing, take the newest snapshot, fold the `size` events that came after it."""
    directory = Path(setting.corpus)
    with Writer.open(directory, run="", seal=False) as writer:
        after = writer.next_seq - 1 - setting.size
    _save_snapshot(directory, after)

    def run() -> Sample:
        begun = perf_counter()
        with Writer.open(directory, run="", seal=False):
            found = newest(directory, "bench", VERSION)
            assert found is not None
            folding = Fold(msgspec.json.decode(found.state, type=State))
            for event in read(directory, after=found.seq):
                folding.evolve(event)
            took = perf_counter() - begun
        return {"s": took, "after": folding.state.seq - found.seq, "size": len(found.state) / 1e6}

    return run


def _save_snapshot(directory: Path, seq: int) -> None:
    state = fold(read(directory, until=seq))
    _, _, h = next(lines(directory, after=seq - 1, until=seq))
    save(directory, Snapshot(seq, h.decode(), "bench", VERSION, msgspec.json.encode(state)))


def sizes(setting: Setting) -> Round:
    """Look how many bytes the segments take, and how many the same events take as lines."""
    directory = Path(setting.corpus)

    def run() -> Sample:
        listed = load(OS_FS, directory)
        files = sum(path.stat().st_size for path in directory.rglob("*.parquet"))
        found = [len(body) for _, body, _ in lines(directory, until=setting.size)]
        return {
            "bytes": files / listed.last,
            "line": sum(found) / len(found) + TRAILER + 1,
            "segments": len(listed.segments),
        }

    return run


WRITING = """
import sys, time
from pathlib import Path
from journal import Writer, read
from journal.envelope import stamp
directory = Path(sys.argv[1])
bar = next(read(directory, types={"BarClosed"}, verify=False)).data
with Writer.open(directory, run="bench", seal=False) as writer:
    print("ready", flush=True)
    for _ in range(20_000):
        writer.append(stamp(bar, seq=writer.next_seq, ts=1, run="bench"))
        writer.commit()
"""


@contextmanager
def _written_to(directory: Path) -> Iterator[None]:
    """Let another process append and commit, one bar after the other."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITING, str(directory)], cwd=ROOT, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        yield
        other.kill()


def _require_memory() -> None:
    if peak_mb() is None:
        raise Missing("this system does not tell a process's memory")


_DECODE = {"msgspec decode": "tools.bench.references.bare:decode"}
_PARQUET = "DuckDB, one file"

CONTESTS = (
    Contest(
        name="segments",
        group="journal",
        summary="events decoded from sealed segments, the chain not checked",
        ours="tools.bench.store:decoded",
        references=_DECODE,
        metrics=(
            Metric(
                "rate",
                "unverified decode from segments",
                "events/s",
                limit=1_000_000,
                against={"msgspec decode": None},
            ),
        ),
        size=200_000,
        quick=500,
        rounds=5,
        corpus="sealed",
    ),
    Contest(
        name="segments-replay",
        group="journal",
        summary="the same with the chain checked; orders, positions and account folded",
        ours="tools.bench.store:folded",
        references=_DECODE,
        metrics=(
            Metric(
                "rate",
                "verified replay from segments",
                "events/s",
                limit=300_000,
                against={"msgspec decode": None},
            ),
        ),
        size=200_000,
        quick=500,
        rounds=5,
        corpus="sealed",
    ),
    Contest(
        name="segments-size",
        group="journal",
        summary="bytes of an event in a sealed segment",
        ours="tools.bench.store:sizes",
        references={},
        metrics=(Metric("bytes", "bytes per event, sealed", "B", better="less", limit=25),),
        size=10_000,
        quick=500,
        rounds=1,
        corpus="sealed",
        note="segments-size: as lines of the tail the same events take {ours[line]:.0f} B each.",
    ),
    Contest(
        name="memory-verify",
        group="journal",
        summary="memory of verifying the large journal",
        ours="tools.bench.store:verified",
        references={},
        metrics=(
            Metric("peak", "memory of verify, highest", "MB", better="less", limit=250),
            Metric("rate", "  at", "events/s"),
        ),
        size=0,
        quick=0,
        rounds=1,
        corpus="sealed",
    ),
    Contest(
        name="memory-replay",
        group="journal",
        summary="memory of folding the large journal",
        ours="tools.bench.store:replayed",
        references={},
        metrics=(Metric("peak", "memory of replay, highest", "MB", better="less", limit=250),),
        size=0,
        quick=0,
        rounds=1,
        corpus="sealed",
        note="memory-replay: the state remembers {ours[deals]:,.0f} deals by ticket.",
    ),
    Contest(
        name="sql-sums",
        group="journal",
        summary="SQL: count and sum promoted columns by type and symbol",
        ours="tools.bench.store:summed",
        references={_PARQUET: "tools.bench.references.parquet:summed"},
        metrics=(
            Metric(
                "ms", "SQL sums by type and symbol", "ms", better="less", against={_PARQUET: 0.67}
            ),
        ),
        size=0,
        quick=0,
        rounds=9,
        corpus="sealed",
    ),
    Contest(
        name="sql-story",
        group="journal",
        summary="SQL: one order's story while another process writes",
        ours="tools.bench.store:story",
        references={},
        metrics=(
            Metric("ms", "SQL one order's story", "ms", better="less", limit=100),
            Metric("connect", "  connecting before that", "ms", better="less"),
        ),
        size=0,
        quick=0,
        rounds=7,
        corpus="sealed",
        note=(
            "sql-story: {ours[events]:.0f} events, the connection's first question; another "
            "process commits bars meanwhile."
        ),
    ),
    Contest(
        name="start-up",
        group="journal",
        summary="opening the large journal: newest snapshot, then what came after it",
        ours="tools.bench.store:started",
        references={},
        metrics=(Metric("s", "start-up with a snapshot", "s", better="less", limit=1.0),),
        size=10_000,
        quick=100,
        rounds=5,
        corpus="sealed",
        note=(
            "start-up: {ours[after]:,.0f} events after the snapshot of {ours[size]:.1f} MB; "
            "its parts by themselves, not yet as `daybook run` puts them together."
        ),
    ),
)
