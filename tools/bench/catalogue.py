"""Every benchmark there is, in the order in which they run and are shown."""

from __future__ import annotations

from tools.bench import (
    append,
    demo,
    kernel,
    order,
    parts,
    reconcile,
    replay,
    round_trip,
    store,
    terminal,
)
from tools.bench.rows import Contest

CONTESTS: tuple[Contest, ...] = (
    *append.CONTESTS,
    *replay.CONTESTS,
    *parts.CONTESTS,
    *store.CONTESTS,
    *demo.CONTESTS,
    *kernel.CONTESTS,
    *order.CONTESTS,
    *reconcile.CONTESTS,
    *terminal.CONTESTS,
    *round_trip.CONTESTS,
)

CORPUS = 1_000_000
"""Bars that the corpus is made from: all there are."""

QUICK_CORPUS = 1_000

SEALED = 1_000_000
"""Events in the large journal; `--events` makes it the ten million that the issue names."""

QUICK_SEALED = 3_000
