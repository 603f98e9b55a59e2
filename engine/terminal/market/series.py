"""Bars of any timeframe from bars of one minute or from ticks.

The whole history is grouped once; what lies after the market's current step is never shown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from engine.terminal import constants as mt5
from engine.terminal.market.base import Rates, Table
from engine.terminal.records import RATES

_WEEK = 7 * 86_400
_ROW = RATES.itemsize
_SUNDAY = 3 * 86_400  # 4 January 1970, the first Sunday: MetaTrader's weeks begin on Sunday

TIMEFRAMES: frozenset[int] = frozenset(
    value for name, value in mt5.EXPORTED.items() if name.startswith("TIMEFRAME_")
)


def seconds(timeframe: int) -> int:
    """The length of a timeframe in seconds; 0 for a month."""
    if timeframe == mt5.TIMEFRAME_MN1:
        return 0
    if timeframe == mt5.TIMEFRAME_W1:
        return _WEEK
    if timeframe & 0x4000:
        return (timeframe & 0xFFF) * 3600
    return timeframe * 60


def opening(time: int, timeframe: int) -> int:
    """When the bar that contains a server second opened."""
    return int(openings(np.array([time], dtype=np.int64), timeframe)[0])


def openings(times: npt.NDArray[np.int64], timeframe: int) -> npt.NDArray[np.int64]:
    """When the bars that contain these server seconds opened."""
    if timeframe == mt5.TIMEFRAME_MN1:
        return times.astype("M8[s]").astype("M8[M]").astype("M8[s]").astype(np.int64)
    length = seconds(timeframe)
    if timeframe == mt5.TIMEFRAME_W1:
        return (times - _SUNDAY) // length * length + _SUNDAY
    return times // length * length


def server_day(time: int) -> datetime:
    """Midnight of the server's day of a server second (as a UTC datetime, since stamps are wall
    clock)."""
    return datetime.fromtimestamp(time // 86_400 * 86_400, UTC)


class BaseRates(Rates):
    """The bars as they are in the data; the last one is only what has been seen of it."""

    def __init__(
        self, table: Table, count: Callable[[], int], unfinished: Callable[[], Table]
    ) -> None:
        self.table = table
        self._bytes = table.view(np.uint8).data
        self._times = np.ascontiguousarray(table["time"])
        self.count = count  # type: ignore[method-assign]  # one call less on the robot's hot path
        self._unfinished = unfinished

    def count(self) -> int:
        """Bars so far, the unfinished one included."""
        raise AssertionError("replaced in __init__")

    def slice(self, first: int, end: int) -> Table:
        """A copy of the bars from `first` up to and without `end`."""
        if end <= first:
            return self.table[:0].copy()
        # Five times as fast as `table[first:end].copy()`: numpy copies records field by field.
        rows: Table = np.ndarray(
            end - first, RATES, bytearray(self._bytes[first * _ROW : end * _ROW])
        )
        if end == self.count():
            rows[-1] = self._unfinished()
        return rows

    def position(self, time: int) -> int:
        """How many bars opened before that server second."""
        return min(int(np.searchsorted(self._times, time, side="left")), self.count())


class GroupedRates(Rates):
    """Bars of a longer timeframe, grouped from base rates."""

    def __init__(self, base_table: Table, base: Rates, timeframe: int) -> None:
        self._base = base
        opened = openings(base_table["time"], timeframe)
        starts = np.flatnonzero(np.diff(opened, prepend=opened[0] - 1))
        self._starts = starts
        self._times = opened[starts]
        self._table = group(base_table, starts, self._times)

    def count(self) -> int:
        """Bars so far, the unfinished one included."""
        return int(np.searchsorted(self._starts, self._base.count(), side="left"))

    def slice(self, first: int, end: int) -> Table:
        """A copy of the bars from `first` up to and without `end`."""
        rows: Table = self._table[first:end].copy()
        if end == self.count() and end > first:
            begun = int(self._starts[end - 1])
            parts = self._base.slice(begun, self._base.count())
            rows[-1] = group(parts, np.zeros(1, dtype=np.int64), rows["time"][-1:])[0]
        return rows

    def position(self, time: int) -> int:
        """How many bars opened before that server second."""
        return min(int(np.searchsorted(self._times, time, side="left")), self.count())


def group(table: Table, starts: npt.NDArray[np.int64], times: npt.NDArray[np.int64]) -> Table:
    """One bar for each stretch of `table` that begins at one of `starts`."""
    rows: Table = np.zeros(len(starts), dtype=RATES)
    ends = np.append(starts[1:], len(table)) - 1
    rows["time"] = times
    rows["open"] = table["open"][starts]
    rows["high"] = np.maximum.reduceat(table["high"], starts)
    rows["low"] = np.minimum.reduceat(table["low"], starts)
    rows["close"] = table["close"][ends]
    rows["tick_volume"] = np.add.reduceat(table["tick_volume"], starts)
    # MetaTrader shows the smallest spread of the bar's minutes.
    rows["spread"] = np.minimum.reduceat(table["spread"], starts)
    rows["real_volume"] = np.add.reduceat(table["real_volume"], starts)
    return rows
