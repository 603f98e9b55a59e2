"""Reading the journal back: verified and folded, with every decision replayed, merely decoded."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

from journal import read
from projections.account import ACCOUNT
from projections.base import Projection
from projections.idempotency import IDEMPOTENCY
from projections.orders import ORDERS
from projections.positions import POSITIONS
from projections.state import PROJECTIONS, fold
from replay.session import replay
from tools.bench.rows import Contest, Metric, Round, Sample, Setting

BOOKS = (ORDERS, POSITIONS, ACCOUNT, IDEMPOTENCY)
"""What the issue asks a replay to fold; the last knows which deals were seen already."""


def books(setting: Setting) -> Round:
    """Check the chain, decode strictly, fold orders, positions and account."""
    return _folding(setting, BOOKS)


def folded(setting: Setting) -> Round:
    """Check the chain, decode strictly, fold all projections."""
    return _folding(setting, PROJECTIONS)


def _folding(setting: Setting, only: Iterable[Projection[Any]]) -> Round:
    def run() -> Sample:
        begun, busy = perf_counter(), process_time()
        state = fold(read(Path(setting.corpus), until=setting.size), only)
        took, worked = perf_counter() - begun, process_time() - busy
        return {"rate": state.seq / took, "worked": state.seq / worked}

    return run


def decided(setting: Setting) -> Round:
    """The same, and every decision computed again and compared: `daybook replay --verify`."""

    def run() -> Sample:
        begun = perf_counter()
        report = replay(islice(read(Path(setting.corpus)), setting.size))
        took = perf_counter() - begun
        assert report.agrees
        return {"rate": report.events / took, "decisions": report.decisions}

    return run


def unverified(setting: Setting) -> Round:
    """Decode strictly without checking the chain."""

    def run() -> Sample:
        begun = perf_counter()
        last = deque(read(Path(setting.corpus), until=setting.size, verify=False), maxlen=1)
        return {"rate": last[0].seq / (perf_counter() - begun)}

    return run


_DECODE = {"msgspec decode": "tools.bench.references.bare:decode"}

CONTESTS = (
    Contest(
        name="replay",
        group="journal",
        summary="the chain checked, events strictly decoded, orders, positions and account folded",
        ours="tools.bench.replay:books",
        references={
            "eventsourcing": "tools.bench.references.event_store:replay",
            **_DECODE,
        },
        metrics=(
            Metric(
                "rate",
                "verified replay",
                "events/s",
                limit=300_000,
                against={"eventsourcing": 8.0, "msgspec decode": None},
            ),
            Metric(
                "worked",
                "  in processor time",
                "events/s",
                against={"eventsourcing": 8.0},
            ),
        ),
        size=100_000,
        quick=500,
        rounds=5,
        note=(
            "replay: the reference counts events and sums money. Bare msgspec checks no chain, "
            "splits no lines and folds nothing. What a machine does beside this takes from the "
            "clock and not from the processor time."
        ),
    ),
    Contest(
        name="replay-all",
        group="journal",
        summary="the same into every projection there is",
        ours="tools.bench.replay:folded",
        references=_DECODE,
        metrics=(
            Metric(
                "rate",
                "verified replay, all projections",
                "events/s",
                against={"msgspec decode": None},
            ),
        ),
        size=100_000,
        quick=500,
        rounds=5,
    ),
    Contest(
        name="replay-decisions",
        group="journal",
        summary="a replay that decides again and compares, as `daybook replay --verify`",
        ours="tools.bench.replay:decided",
        references=_DECODE,
        metrics=(
            Metric(
                "rate", "replay with every decision", "events/s", against={"msgspec decode": None}
            ),
        ),
        size=100_000,
        quick=500,
        rounds=5,
    ),
    Contest(
        name="decode",
        group="journal",
        summary="events read from the tail and decoded, the chain not checked",
        ours="tools.bench.replay:unverified",
        references=_DECODE,
        metrics=(
            Metric("rate", "unverified decode", "events/s", against={"msgspec decode": None}),
        ),
        size=100_000,
        quick=500,
        rounds=5,
    ),
)
