"""What a benchmark is and what it yields, as plain values. Nothing here measures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Literal

import msgspec

Sample = dict[str, float]
"""One round of one contender: figures by name."""

Round = Callable[[], Sample]
"""Runs one round; what it needs was prepared before, outside the time that is taken."""

Group = Literal["journal", "engine", "terminal"]


class Setting(msgspec.Struct, frozen=True):
    """What a contender is given.

    folder  a folder of its own, on the disk that is measured
    corpus  the journal to read: the demo's, written at the beginning of this run, or a larger one
    size    how many events, bars or ticks one round has
    """

    folder: str
    corpus: str
    size: int


Entrant = Callable[[Setting], Round]
"""Prepares a contender. Named as `module:function`, since it runs in a process of its own."""


class Metric(msgspec.Struct, frozen=True):
    """One figure of a contest, and what is asked of it.

    key      its name in the samples
    better   whether `more` or `less` is better
    limit    what ours must reach in `unit`, None where only ratios count
    against  the references it is held against, each with the least ratio, or None for none asked
    """

    key: str
    what: str
    unit: str
    better: Literal["more", "less"] = "more"
    limit: float | None = None
    against: dict[str, float | None] = {}


class Contest(msgspec.Struct, frozen=True):
    """One benchmark: ours and its references, run in turns on the same work.

    ours, references  entrants as `module:function`; references by the name they are shown with
    size, quick       work of one round: in earnest, and to see that it runs
    rounds            that count; one more goes before them, to warm up
    corpus            the demo's journal, or a large sealed one made from its events
    note              shown below the table; may use figures: `{ours[trades]:.0f}`
    """

    name: str
    group: Group
    summary: str
    ours: str
    references: dict[str, str]
    metrics: tuple[Metric, ...]
    size: int
    quick: int
    rounds: int = 7
    corpus: Literal["demo", "sealed"] = "demo"
    note: str = ""


class Figure(msgspec.Struct, frozen=True):
    """Median, least and greatest of the rounds."""

    median: float
    low: float
    high: float


def figure(values: Sequence[float]) -> Figure:
    """Sum up the rounds' values; there is at least one."""
    return Figure(median(values), min(values), max(values))


class Row(msgspec.Struct, frozen=True):
    """One line of the table.

    against    name of the reference, empty where ours stands alone
    reference  its figure; None where there is none, and then `missing` may say why
    ratio      how many times as good as the reference ours is, round by round
    target     what was asked, as text; empty where nothing was
    reached    None where nothing was asked or could be judged
    facts      further medians of ours
    """

    name: str
    group: Group
    what: str
    unit: str
    ours: Figure
    rounds: int
    against: str = ""
    reference: Figure | None = None
    missing: str = ""
    ratio: Figure | None = None
    target: str = ""
    reached: bool | None = None
    facts: dict[str, float] = {}


class Result(msgspec.Struct, frozen=True):
    """What one contest gave."""

    rows: list[Row]
    note: str = ""
