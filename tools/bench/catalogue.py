"""Every benchmark there is, in the order in which they run and are shown."""

from __future__ import annotations

from tools.bench import append, demo, kernel, replay, terminal
from tools.bench.rows import Contest

CONTESTS: tuple[Contest, ...] = (
    *append.CONTESTS,
    *replay.CONTESTS,
    *demo.CONTESTS,
    *kernel.CONTESTS,
    *terminal.CONTESTS,
)

CORPUS = 1_000_000
"""Bars that the corpus is made from: all there are."""

QUICK_CORPUS = 1_000
