"""Every benchmark there is, in the order in which they run and are shown."""

from __future__ import annotations

from tools.bench import append, demo, kernel, replay, round_trip, terminal
from tools.bench.rows import Contest

CONTESTS: tuple[Contest, ...] = (
    *append.CONTESTS,
    *replay.CONTESTS,
    *demo.CONTESTS,
    *kernel.CONTESTS,
    *terminal.CONTESTS,
    *round_trip.CONTESTS,
)

CORPUS = 1_000_000
"""Bars that the corpus is made from: all there are."""

QUICK_CORPUS = 1_000
