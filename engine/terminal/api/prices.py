"""`copy_rates_*` and `copy_ticks_*`: the past as the market has shown it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from engine.terminal import constants as mt5
from engine.terminal.api.conventions import CallFailed, Link, exception_set, positional
from engine.terminal.arguments import C_LONG, Date, c_int, date, exactly, symbol
from engine.terminal.market.base import Rates, Table, Ticks
from engine.terminal.market.series import TIMEFRAMES
from engine.terminal.records import RATES, TICKS

T = TypeVar("T")


class Prices:
    """The functions that copy bars and ticks."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._known: dict[tuple[str, int], Rates] = {}
        self._max_bars = link.terminal.profile.machine.max_bars

    def _rates(self, name: str, timeframe: int) -> Rates | None:
        """The bars of a symbol; None when the market has no data for it."""
        server = self._link.server()
        known = self._known.get((name, timeframe))
        if known is not None:
            return known
        if timeframe not in TIMEFRAMES:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        if name not in server.profile.symbols:
            raise CallFailed(mt5.RES_E_FAIL)
        if name not in server.market.quotes:
            return None
        rates = self._known[name, timeframe] = server.market.rates(name, timeframe)
        return rates

    def _copy(self, rates: Rates | None, first: int, end: int) -> Table:
        if rates is None or first >= end:
            empty: Table = np.zeros(0, dtype=RATES)
            return empty
        oldest = rates.count() - self._max_bars
        return rates.slice(first if first > oldest else oldest, end)

    @positional()
    def copy_rates_from_pos(self, *args: Any) -> Table:
        """Bars by position; 0 is the unfinished one."""
        # A robot asks this with every bar: what needs no conversion and is known goes straight on.
        exactly(args, 4)
        name, timeframe, start, count = args
        if type(name) is str and type(timeframe) is type(start) is type(count) is int:
            known = self._known.get((name, timeframe))
            if known is not None and self._link.open and 0 <= start < C_LONG > count > 0:
                return self._from_pos(known, start, count)
        name, timeframe = symbol(name), c_int(timeframe)
        start, count = c_int(start), c_int(count)
        rates = self._rates(name, timeframe)
        if start < 0 or count <= 0:
            raise CallFailed(mt5.RES_E_INVALID_PARAMS)
        return self._copy(None, 0, 0) if rates is None else self._from_pos(rates, start, count)

    def _from_pos(self, rates: Rates, start: int, count: int) -> Table:
        total = rates.count()
        end = total - start
        first, oldest = end - count, total - self._max_bars
        first = oldest if first < oldest else first
        return rates.slice(first if first > 0 else 0, end)

    @positional()
    def copy_rates_from(self, *args: object) -> Table:
        """The `count` bars that opened up to a date."""
        exactly(args, 4)
        name, timeframe = symbol(args[0]), c_int(args[1])
        moment, count = date(args[2]), c_int(args[3])

        def copy() -> Table:
            rates = self._rates(name, timeframe)
            if count <= 0:
                raise CallFailed(mt5.RES_E_INVALID_PARAMS)
            end = rates.position(moment.seconds + 1) if rates is not None else 0
            return self._copy(rates, max(0, end - count), end)

        return self._dated("copy_rates_from", copy, moment)

    @positional()
    def copy_rates_range(self, *args: object) -> Table:
        """The bars that opened between two dates, both included."""
        exactly(args, 4)
        name, timeframe = symbol(args[0]), c_int(args[1])
        first, last = date(args[2]), date(args[3])

        def copy() -> Table:
            rates = self._rates(name, timeframe)
            if rates is None:
                return self._copy(None, 0, 0)
            return self._copy(
                rates, rates.position(first.seconds), rates.position(last.seconds + 1)
            )

        return self._dated("copy_rates_range", copy, first, last)

    @positional()
    def copy_ticks_from(self, *args: object) -> Table:
        """The first `count` ticks from a date on."""
        exactly(args, 4)
        name, moment = symbol(args[0]), date(args[1])
        count, flags = c_int(args[2]), c_int(args[3])

        def copy() -> Table:
            ticks = self._ticks(name, flags)
            if count <= 0:
                raise CallFailed(mt5.RES_E_INVALID_PARAMS)
            first = int(np.searchsorted(ticks.times, moment.seconds * 1000, side="left"))
            found: Table = ticks.table[first : first + count].copy()
            return found

        return self._dated("copy_ticks_from", copy, moment)

    @positional()
    def copy_ticks_range(self, *args: object) -> Table:
        """The ticks between two dates."""
        exactly(args, 4)
        name, first, last = symbol(args[0]), date(args[1]), date(args[2])
        flags = c_int(args[3])

        def copy() -> Table:
            ticks = self._ticks(name, flags)
            begin = int(np.searchsorted(ticks.times, first.seconds * 1000, side="left"))
            end = int(np.searchsorted(ticks.times, last.seconds * 1000, side="right"))
            found: Table = ticks.table[begin:end].copy()
            return found

        return self._dated("copy_ticks_range", copy, first, last)

    def _ticks(self, name: str, flags: int) -> Ticks:
        server = self._link.server()
        if name not in server.profile.symbols:
            raise CallFailed(mt5.RES_E_FAIL)
        if name not in server.market.quotes:
            return Ticks(np.zeros(0, dtype=TICKS), np.zeros(0, dtype=np.int64))
        ticks = server.market.ticks(name)
        if flags == mt5.COPY_TICKS_ALL:
            return ticks
        wanted = 0
        if flags & mt5.COPY_TICKS_INFO:
            wanted |= mt5.TICK_FLAG_BID | mt5.TICK_FLAG_ASK
        if flags & mt5.COPY_TICKS_TRADE:
            wanted |= mt5.TICK_FLAG_LAST | mt5.TICK_FLAG_VOLUME
        chosen = (ticks.table["flags"] & wanted) != 0
        return Ticks(ticks.table[chosen], ticks.times[chosen])

    def _dated(self, name: str, copy: Callable[[], T], *moments: Date) -> T:
        """Run a call whose dates may have left an OverflowError behind: it is raised after the
        call."""
        pending = next((moment.pending for moment in moments if moment.pending is not None), None)
        if pending is None:
            return copy()
        try:
            copy()
        except CallFailed as failed:
            self._link.error = (failed.code, failed.text)
        raise exception_set(name) from pending
